"""Run the Worker, and do map and reduce tasks on files.

`Worker` is imported when it is first used (PEP 562), so that an engine can do
tasks by `worker.task` without sockets and click.
"""
import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mapreduce.worker.daemon import Worker

__all__ = ["Worker"]


def __getattr__(name: str) -> Any:
    """Import the class Worker."""
    if name != "Worker":
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module("mapreduce.worker.daemon").Worker
