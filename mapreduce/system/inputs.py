"""Which files a job reads: from the names that its user gave, to files."""
from __future__ import annotations

import glob
import logging
import os
from collections.abc import Iterable, Iterator

LOGGER = logging.getLogger(__name__)


class InputError(Exception):
    """A job can't read its input; the text says why."""


def place_of(path: str) -> str:
    """Return, e.g., " in /home/me": where a relative path is looked for.

    For the end of an error message; empty for an absolute path.
    """
    if os.path.isabs(path):
        return ""
    try:
        return f" in {os.getcwd()}"
    except FileNotFoundError:
        return " in the working directory, which is gone"


def list_inputs(names: Iterable[str]) -> list[str]:
    """Return the paths of the files that are meant by names, in their order.

    A name is that of a file, of a directory, which means the files in it,
    sorted by name, or a pattern of such names, as in a shell; what exists is
    no pattern. What two names mean is read twice. Symbolic links to files
    count as files; directories in directories are skipped. Raises InputError
    for a name that means nothing, and for what can't be an input: a pipe, a
    socket, a device, a link that leads nowhere.
    """
    return [path for name in names for path in _files(name)]


def list_directories(names: Iterable[str]) -> list[str]:
    """Return the directories that are meant by names, as list_inputs does."""
    return [path for name in names for path in _paths(name)
            if os.path.isdir(path)]


def _files(name: str) -> Iterable[str]:
    # A directory and the files in it may match the same pattern.
    return dict.fromkeys(
        file for path in _paths(name) for file in _files_in(path))


def _paths(name: str) -> list[str]:
    """Return the paths that a name means, itself if it is no pattern."""
    if os.path.lexists(name) or not glob.has_magic(name):
        return [name]
    matches = sorted(glob.glob(name, recursive=True))
    if not matches:
        raise InputError(
            f"no file matches the input {name!r}{place_of(name)}")
    return matches


def _files_in(path: str) -> Iterator[str]:
    """Iterate over a file, or the files in a directory."""
    if os.path.isfile(path):
        yield path
        return
    try:
        names = os.listdir(path)
    except NotADirectoryError as error:
        raise InputError(f"the input {path!r} is no regular file") from error
    except OSError as error:
        raise InputError(
            f"cannot read the input {path!r}: {error.strerror}"
            f"{place_of(path)}") from error
    for name in sorted(names):
        member = os.path.join(path, name)
        if os.path.isdir(member):
            LOGGER.info("Skipped %r: a directory in the input", member)
        elif os.path.isfile(member):
            yield member
        else:
            raise InputError(f"the input {member!r} is no regular file")
