"""Open what a task reads: regular files, and nothing that could block."""
from __future__ import annotations

import errno
import os
import stat
from typing import BinaryIO

from mapreduce.worker.process import TaskError


def open_input(path: str) -> BinaryIO:
    """Open a file to read it; raise TaskError, naming it, if that fails."""
    try:
        return open(path, "rb", opener=_open_regular)
    except OSError as error:
        raise TaskError(
            f"cannot read the input {path!r}: {error.strerror}") from error


def _open_regular(path: str, flags: int) -> int:
    """Open a file, but refuse what is no regular one.

    A pipe without a writer would block for ever, deaf to all signals.
    """
    descriptor = os.open(path, flags | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "no regular file")
    os.set_blocking(descriptor, True)
    return descriptor
