"""The Manager: queues jobs and hands their tasks to Workers.

`Manager` is imported when it is first named (PEP 562), so that the decisions
in `scheduling` can be used without sockets.
"""
import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mapreduce.manager.daemon import Manager

__all__ = ["Manager"]


def __getattr__(name: str) -> Any:
    """Return the Manager, from the module that has it."""
    if name != "Manager":
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module("mapreduce.manager.daemon").Manager
