"""Open what a task reads: regular files, and nothing that could block."""
from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO

from mapreduce.worker.process import TaskError


def open_input(path: str) -> BinaryIO:
    """Open a file for a process; raise TaskError, naming it, if that fails."""
    descriptor = _open_regular(path)
    os.set_blocking(descriptor, True)
    return open(descriptor, "rb", buffering=0)


@contextlib.contextmanager
def input_descriptor(path: str) -> Iterator[int]:
    """Open a file to read a block of it, as cheaply as can be.

    Raises TaskError, naming it, if that fails, and OSError for the block.
    """
    descriptor = _open_regular(path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _open_regular(path: str) -> int:
    """Open a file, but refuse what is no regular one.

    A pipe without a writer would block for ever, deaf to all signals.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return descriptor
        os.close(descriptor)
        raise OSError(errno.EINVAL, "no regular file")
    except OSError as error:
        raise TaskError(
            f"cannot read the input {path!r}: {error.strerror}") from error
