"""Options for files that tasks find in a working directory of their own."""
from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Iterator

from mapreduce.client.errors import UsageError
from mapreduce.system import commands
from mapreduce.system.inputs import place_of

Placed = tuple[tuple[str, str], ...]  # of a path and a name each
# file:/x has one slash.
LOCAL = re.compile("file:(//)?(?=/)|file://")
# Such as hdfs:// or s3://.
SCHEME = re.compile("[A-Za-z][A-Za-z0-9+.-]*://")


def local_path(name: str) -> str | None:
    """Return a path, which may be given as a URI with file:.

    None for a URI with another scheme.
    """
    if prefix := LOCAL.match(name):
        return name[prefix.end():]
    return None if SCHEME.match(name) else name


def not_local(name: str) -> UsageError:
    """Return the error for a URI that is no path of this file system."""
    return UsageError(f"{name!r} is no path of this file system; copy what is "
                      "needed from there")


def read_placed(texts: Iterable[str]) -> Placed:
    """Return paths and names for texts such as path#name; # may be missing.

    A file that is given twice counts once.
    """
    return tuple(dict.fromkeys(_read(text) for text in texts if text))


def _read(text: str) -> tuple[str, str]:
    given, mark, name = text.rpartition("#")
    # A path may have a # of its own.
    if not mark or os.path.exists(text):
        given, name = text, ""
    path = local_path(given)
    name = name or os.path.basename((path or given).rstrip("/"))
    if "/" in name or name in ("", ".", ".."):
        raise UsageError(f"{text!r}: {name!r} is no name for a file in the "
                         "directory of a task")
    # A copy of it may be here, as it would be in the task.
    if path is None and not os.path.exists(name):
        raise not_local(given)
    return path or name, name


def check_names(files: Placed, archives: Placed) -> None:
    """Raise UsageError for two files of one name."""
    paths: dict[str, str] = {}
    for path, name in (*files, *archives):
        if name in paths:
            raise UsageError(f"{paths[name]!r} and {path!r} have the same "
                             f"name {name!r}; give one another, as in "
                             "path#name")
        paths[name] = path


def check_placed(files: Placed, archives: Placed) -> None:
    """Raise UsageError for missing files."""
    missing = list(_missing(path for path, _ in (*files, *archives)))
    if missing:
        raise UsageError("\n".join(missing))


def _missing(paths: Iterable[str]) -> Iterator[str]:
    for path in dict.fromkeys(paths):
        if not os.path.exists(path):
            yield f"there is no file {path!r}{place_of(path)}"


def is_placed(command: str | None, placed: Placed) -> bool:
    """Return whether the program of a command is in a file of the job."""
    # Only tasks have it in their directory.
    names = {name for _, name in placed}
    if command is None or command in names:
        return command is not None
    try:
        program = commands.split(command)[0]
    except (ValueError, IndexError):
        return False
    return program.removeprefix("./").split("/")[0] in names


def by_placed_name(command: str, files: Placed) -> str:
    """Return a command with the name that its program has in the task.

    So does Hadoop: the path of a program that is also a file of the job, as in
    -file lib/map.py -mapper 'lib/map.py -x', means that file: 'map.py -x'.
    """
    program, space, arguments = command.partition(" ")
    for path, name in files:
        if os.path.abspath(path) == os.path.abspath(command):
            return name
        if os.path.abspath(path) == os.path.abspath(program):
            return f"{shlex.quote(name)}{space}{arguments}"
    return command
