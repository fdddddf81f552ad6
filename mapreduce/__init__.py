"""Run MapReduce jobs of any Unix executables: a Manager, Workers and clients.

``import mapreduce`` is enough for ``mapreduce.manager.Manager`` and
``mapreduce.worker.Worker``. They are imported when they are first used, so
that a client does not load modules that only the daemons need.
"""
import importlib
import signal
import sys
from types import ModuleType

_LAZY = ("manager", "worker")


def __getattr__(name: str) -> ModuleType:
    """Import one of the modules above (PEP 562)."""
    if name in _LAZY:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _is_command() -> bool:
    """Return whether this process was started as one of our commands."""
    script = sys.argv[0].rpartition("/")[2] if sys.argv else ""
    if script == "-m":
        script = sys.orig_argv[sys.orig_argv.index("-m") + 1]
    return script.startswith(("mapreduce-", "mapreduce."))


# Ctrl-C must end a command at once, also while it imports its modules, where
# Python's own handler would show a traceback. This package is imported first.
if _is_command() and (
        signal.getsignal(signal.SIGINT) is signal.default_int_handler):
    signal.signal(signal.SIGINT, signal.SIG_DFL)
