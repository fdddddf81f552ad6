"""Put the files that a task made in their place, each complete at once."""
from __future__ import annotations

import contextlib
import errno
import os
import shutil


def commit(path: str, directory: str) -> None:
    """Move a file into a directory, under its own name, by rename.

    From another file system it is copied to a hidden name there first, so
    that the final name never shows half a file. What had that name is
    replaced. Raises OSError, with nothing half done left behind.
    """
    name = os.path.basename(path)
    target = os.path.join(directory, name)
    try:
        os.replace(path, target)
        return
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    # The local directory has a name that no other task's has.
    unique = os.path.basename(os.path.dirname(path))
    hidden = os.path.join(directory, f".{name}-{unique}")
    try:
        shutil.copyfile(path, hidden)
        os.replace(hidden, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.remove(hidden)
        raise
