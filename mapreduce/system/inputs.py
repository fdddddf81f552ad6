"""Find the input files of a job. No file is opened here."""
from __future__ import annotations

import glob
import logging
import os
from collections.abc import Callable, Iterable, Iterator

LOGGER = logging.getLogger(__name__)

MAX_ERRORS = 20  # that are shown, of inputs that can't be used


class InputError(Exception):
    """The input of a job can't be used; the text is for the user."""


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


def list_inputs(names: Iterable[str], with_bad: bool = False) -> list[str]:
    """Return the paths of all input files, in the order of the names.

    A name may be a file; a directory, for the files directly in it, sorted by
    name; or a pattern as in a shell. A name that exists is never a pattern.
    A file that two names include is listed twice. Symbolic links to files
    count as files; subdirectories are skipped. Raises InputError for names
    that match nothing, and for pipes, sockets, devices and broken links; with
    bad ones, those of a directory are listed as files.
    """
    errors: list[str] = []
    paths = [path for name in names
             for path in _files(name, with_bad, errors.append)]
    if errors:
        more = len(errors) - MAX_ERRORS
        raise InputError("; ".join(
            errors[:MAX_ERRORS] + [f"and {more} more"] * (more > 0)))
    return paths


def list_directories(names: Iterable[str]) -> list[str]:
    """Return the directories that the names include (see list_inputs)."""
    return [path for name in names for path in _paths(name)
            if os.path.isdir(path)]


def _files(
    name: str, with_bad: bool, add_error: Callable[[str], object]
) -> Iterable[str]:
    """Return the files of one name, and report what can't be used."""
    # Without duplicates: the pattern "**" matches a directory and its files.
    files: dict[str, None] = {}
    try:
        for path in _paths(name):
            files.update(dict.fromkeys(_files_in(path, with_bad, add_error)))
    except InputError as error:
        add_error(str(error))
    return files


def _paths(name: str) -> list[str]:
    """Return the paths that match a name; the name itself if no pattern."""
    # lexists: a broken link is reported as such, not as a pattern.
    if os.path.lexists(name) or not glob.has_magic(name):
        return [name]
    matches = sorted(glob.glob(name, recursive=True))
    if not matches:
        raise InputError(
            f"no file matches the input {name!r}{place_of(name)}")
    return matches


def _files_in(
    path: str, with_bad: bool, add_error: Callable[[str], object]
) -> Iterator[str]:
    if os.path.isfile(path):
        yield path
        return
    # One system call for all cases: a check before could be outdated.
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
        elif with_bad or os.path.isfile(member):
            yield member
        else:
            add_error(f"the input {member!r} is no regular file")
