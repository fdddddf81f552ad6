"""Delete directories, without delaying the end of the Manager.

A result of a million files takes minutes to delete. So it is deleted file by
file, and a stop flag is checked before each. What is left then has a hidden
name and a mark (see system/scratch), and is deleted when the result is
replaced next.
"""
from __future__ import annotations

import contextlib
import itertools
import logging
import os
import shutil
from collections.abc import Callable

LOGGER = logging.getLogger(__name__)

# Tries to remove a directory: a Worker may move a file into it meanwhile.
REMOVE_ATTEMPTS = 10


def remove_directory(path: str) -> None:
    """Delete a directory, also if a Worker moves a file into it meanwhile."""
    for _ in range(REMOVE_ATTEMPTS):
        # RecursionError: a tree deeper than Python's recursion limit.
        with contextlib.suppress(RecursionError):
            shutil.rmtree(path, ignore_errors=True)
        if not os.path.lexists(path):
            return
    LOGGER.warning("Cannot remove all of %r", path)


def remove_in_steps(path: str, must_stop: Callable[[], bool]) -> None:
    """Delete a directory, unless `must_stop` returns True before the end."""
    if _remove_files(path, must_stop):
        remove_directory(path)
    else:
        LOGGER.info("Left %r, which is not deleted yet", path)


def _remove_files(path: str, must_stop: Callable[[], bool]) -> bool:
    """Delete what is in a directory; return whether nothing was left out."""
    # After an error here, remove_directory tries again.
    with contextlib.suppress(OSError, RecursionError):
        # By descriptors, which follow no link that is put there meanwhile.
        for _, folders, names, descriptor in os.fwalk(path, topdown=False):
            for remove, name in itertools.chain(
                    zip(itertools.repeat(os.unlink), names),
                    zip(itertools.repeat(os.rmdir), folders)):
                if must_stop():
                    return False
                with contextlib.suppress(OSError):
                    remove(name, dir_fd=descriptor)
    return not must_stop()
