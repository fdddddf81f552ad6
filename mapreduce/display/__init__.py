"""Show jobs and Workers to people: as text, terminal screens and web pages.

`screen` and `pages` are imported when first used (PEP 562): rich takes
0.1 s, and jinja2 may not be installed.
"""
import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mapreduce.display import screen
    from mapreduce.display.html import pages

__all__ = ["pages", "screen"]

MODULES = {"screen": "screen", "pages": "html.pages"}


def __getattr__(name: str) -> Any:
    """Import the module of this name."""
    if name not in MODULES:
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{MODULES[name]}")
