"""MapReduce for any Unix executables: a Manager, Workers and clients.

``import mapreduce`` is enough for ``mapreduce.manager.Manager`` and
``mapreduce.worker.Worker``. They are imported when they are first named, so
that a client does not load what only the daemons need.
"""
import importlib
from types import ModuleType

_LAZY = ("manager", "worker")


def __getattr__(name: str) -> ModuleType:
    """Import one of the modules above (PEP 562)."""
    if name in _LAZY:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
