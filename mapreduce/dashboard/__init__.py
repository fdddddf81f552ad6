"""A web page of a cluster: a process of its own, which asks the Manager."""
