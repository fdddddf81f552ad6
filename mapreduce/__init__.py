"""MapReduce for any Unix executables: a Manager, Workers and a client.

``import mapreduce`` is enough for ``mapreduce.manager.Manager`` and
``mapreduce.worker.Worker``. They are imported when they are first named, so
that a client does not load what only the daemons need.
"""
import importlib
from types import ModuleType

_DAEMONS = ("manager", "worker")


def __getattr__(name: str) -> ModuleType:
    """Import mapreduce.manager or mapreduce.worker (PEP 562)."""
    if name in _DAEMONS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
