"""Run the Manager: its sockets, threads and files around the pure scheduling.

`Manager` is imported when it is first used (PEP 562), so that `scheduling` can
be imported without sockets.
"""
import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mapreduce.manager.daemon import Manager

__all__ = ["Manager"]


def __getattr__(name: str) -> Any:
    """Import the class Manager."""
    if name != "Manager":
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module("mapreduce.manager.daemon").Manager
