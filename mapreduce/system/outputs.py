"""Check whether an output directory may be replaced, and list its parts."""
from __future__ import annotations

import os

from mapreduce.protocol import layout


class OutputError(Exception):
    """An output directory must not be replaced; the text is for the user."""


def check_replaceable(path: str, name: str) -> None:
    """Raise OutputError if a directory holds what no job leaves there.

    The user is told its name, which may be another one than the path. A path
    where nothing is may be replaced.
    """
    refusal = f"the output directory {name!r} is not replaced"
    try:
        with os.scandir(path) as entries:
            foreign = min((entry.name for entry in entries
                           if not _is_result(entry)), default=None)
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(
            f"{refusal}: it can't be read: {error.strerror}") from error
    if foreign is not None:
        raise OutputError(
            f"{refusal}: it holds {foreign!r}, which is no part of a result; "
            "name another one, or add --overwrite to delete all that it holds")


def list_parts(path: str) -> list[str]:
    """Return the paths of the parts of a result, in order."""
    names = filter(layout.is_result, os.listdir(path))
    # The numbers have five digits or more.
    return [os.path.join(path, name)
            for name in sorted(names, key=lambda name: (len(name), name))
            if name.startswith("part-")]


def _is_result(entry: os.DirEntry[str]) -> bool:
    return layout.is_result(entry.name) and entry.is_file(
        follow_symlinks=False)
