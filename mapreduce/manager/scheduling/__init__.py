"""The decisions of the Manager, from events to actions. Pure."""
