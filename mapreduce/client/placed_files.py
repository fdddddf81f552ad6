"""Options for files that tasks find in a working directory of their own."""
from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator

from mapreduce.client.errors import UsageError
from mapreduce.system.inputs import place_of

Placed = tuple[tuple[str, str], ...]  # of a path and a name each
LOCAL = re.compile("file:(//)?(?=/)")
SCHEME = re.compile("[A-Za-z][A-Za-z0-9+.-]*://")


def read_placed(texts: Iterable[str]) -> Placed:
    """Return paths and names for texts such as path#name; # may be missing."""
    return tuple(_read(text) for text in texts if text)


def _read(text: str) -> tuple[str, str]:
    path, _, name = text.partition("#")
    path = LOCAL.sub("", path)
    name = name or os.path.basename(path.rstrip("/"))
    if "/" in name or name in ("", ".", ".."):
        raise UsageError(f"{text!r}: {name!r} is no name for a file in the "
                         "directory of a task")
    if SCHEME.match(path):
        # A copy of it may be here, as it would be in the task.
        if not os.path.exists(name):
            raise UsageError(f"{path!r} is no path of this file system; copy "
                             "what is needed from there")
        path = name
    return path, name


def check_placed(files: Placed, archives: Placed) -> None:
    """Raise UsageError for a missing file, and for two of one name."""
    missing = list(_missing(path for path, _ in (*files, *archives)))
    if missing:
        raise UsageError("\n".join(missing))
    paths: dict[str, str] = {}
    for path, name in (*files, *archives):
        if paths.setdefault(name, path) != path:
            raise UsageError(f"{paths[name]!r} and {path!r} have the same "
                             f"name {name!r}; give one another, as in "
                             "path#name")


def _missing(paths: Iterable[str]) -> Iterator[str]:
    for path in dict.fromkeys(paths):
        if not os.path.exists(path):
            yield f"there is no file {path!r}{place_of(path)}"
