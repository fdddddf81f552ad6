"""The Worker: runs one task at a time for a Manager."""
from mapreduce.worker.daemon import Worker

__all__ = ["Worker"]
