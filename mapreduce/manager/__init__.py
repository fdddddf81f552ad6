"""The Manager: queues jobs and hands their tasks to Workers."""
from mapreduce.manager.daemon import Manager

__all__ = ["Manager"]
