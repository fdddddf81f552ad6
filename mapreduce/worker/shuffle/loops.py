"""Choose the loops over all lines: compiled ones where they were built.

`partition(block, n)`, `Merge(streams, size)` and `count_newlines(block)` are
those of _native.c or of python_loops.py. The environment variable
MAPREDUCE_NATIVE=0 forces the latter.
"""
from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from typing import Any

from mapreduce.worker.shuffle import python_loops

NATIVE = "mapreduce.worker.shuffle._native"


def _choose() -> Any:
    """Return the module that holds the loops."""
    if os.environ.get("MAPREDUCE_NATIVE") == "0":
        return python_loops
    try:
        return importlib.import_module(NATIVE)
    except ImportError:
        return python_loops


_chosen = _choose()

COMPILED = _chosen is not python_loops

# the text for --version and the log of a Worker
DESCRIPTION = "compiled loops" if COMPILED else "Python loops"

partition: Callable[[bytes, int], list[bytes]] = _chosen.partition
Merge: Callable[[list[Iterator[bytes]], int], Iterator[bytes]] = _chosen.Merge
# A module compiled for an older version lacks it.
count_newlines: Callable[[bytes], int] = getattr(
    _chosen, "count_newlines", python_loops.count_newlines)
