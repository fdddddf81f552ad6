"""Temporary directories that show whether their process still lives.

A process that is killed can't remove its directories. So each holds a lock
file that is locked as long as its process lives, and the next daemon that
starts there removes those whose lock nobody holds.
"""
from __future__ import annotations

import contextlib
import fcntl
import glob
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator

LOGGER = logging.getLogger(__name__)

LOCK_NAME = ".mapreduce-lock"


@contextlib.contextmanager
def directory(prefix: str) -> Iterator[str]:
    """Make a temporary directory, until the end of the block.

    Its name begins with the prefix.
    """
    with tempfile.TemporaryDirectory(prefix=prefix) as path, _lock(path):
        yield path


@contextlib.contextmanager
def _lock(path: str) -> Iterator[None]:
    """Hold a lock in a directory.

    The lock file gets its name when it is locked: whoever finds it unlocked
    finds it abandoned. It names this machine, since a directory may be shared
    with others, and not every file system passes locks on.
    """
    name = os.path.join(path, LOCK_NAME)
    with open(name + "-new", "wb", buffering=0) as file:
        file.write(_machine())
        with contextlib.suppress(OSError):  # A file system without locks.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.rename(file.name, name)
        yield


def remove_leftovers(prefix: str) -> None:
    """Remove the directories that killed processes of this machine left."""
    pattern = glob.escape(os.path.join(tempfile.gettempdir(), prefix)) + "*"
    for path in glob.glob(pattern):
        if _is_abandoned(path):
            LOGGER.info("Removing %s, which a killed process left", path)
            shutil.rmtree(path, ignore_errors=True)


def _is_abandoned(path: str) -> bool:
    try:
        with open(os.path.join(path, LOCK_NAME), "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file.read() == _machine()
    except OSError:
        return False


def _machine() -> bytes:
    return os.fsencode(os.uname().nodename)
