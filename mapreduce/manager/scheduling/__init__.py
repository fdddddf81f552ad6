"""Decide which task each Worker does next, from events to actions. Pure."""
