"""Show jobs and Workers to people: as plain text and on terminal screens.

`screen` is imported when it is first used (PEP 562): rich takes 0.1 s.
"""
import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mapreduce.display import screen

__all__ = ["screen"]


def __getattr__(name: str) -> Any:
    """Import the module `screen`."""
    if name != "screen":
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.screen")
