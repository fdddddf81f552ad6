"""Temporary directories that show whether their process still lives.

A process that is killed can't remove its directories. So it holds a lock on
each, and the next daemon that starts there removes those whose lock nobody
holds. The directory itself is what is locked, and a bit of its mode says that
it is ours: what lies in it, and beside it, is for the specification to say.
"""
from __future__ import annotations

import contextlib
import fcntl
import glob
import logging
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator

LOGGER = logging.getLogger(__name__)

# Set when the lock is held: whoever finds it set, and no lock, finds a
# directory that was abandoned. The sticky bit has no use where nobody else may
# write, so nobody else makes such a directory.
MARKED = stat.S_IRWXU | stat.S_ISVTX


@contextlib.contextmanager
def directory(prefix: str) -> Iterator[str]:
    """Make a temporary directory, until the end of the block.

    Its name begins with the prefix.
    """
    with tempfile.TemporaryDirectory(prefix=prefix) as path, _lock(path):
        yield path


@contextlib.contextmanager
def _lock(path: str) -> Iterator[None]:
    """Hold the lock of a directory, if its file system has locks."""
    with _open(path) as descriptor:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.fchmod(descriptor, MARKED)
        yield


def remove_leftovers(prefix: str) -> None:
    """Remove the directories that killed processes of this user left."""
    pattern = glob.escape(os.path.join(tempfile.gettempdir(), prefix)) + "*"
    for path in glob.glob(pattern):
        with contextlib.suppress(OSError), _open(path) as descriptor:
            status = os.fstat(descriptor)
            if (stat.S_IMODE(status.st_mode) == MARKED
                    and status.st_uid == os.geteuid()):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                LOGGER.info("Removing %s, which a killed process left", path)
                shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _open(path: str) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
