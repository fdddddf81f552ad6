"""The Worker: runs one task at a time for a Manager.

The stages, without sockets and without click, are in `map_stage` and
`reduce_stage`; `Worker` is imported when it is first named (PEP 562), so that
an engine can use the stages alone.
"""
import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mapreduce.worker.daemon import Worker

__all__ = ["Worker"]


def __getattr__(name: str) -> Any:
    """Return the Worker, from the module that has it."""
    if name != "Worker":
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module("mapreduce.worker.daemon").Worker
