"""Open what a task reads: regular files, and nothing that could block."""
from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
from collections.abc import Iterator

from mapreduce.worker.errors import TaskError

BLOCK = 64 * 2**10  # bytes of one read of a file


def open_input(path: str) -> io.FileIO:
    """Open a file for a process; raise TaskError, naming it, if that fails."""
    descriptor, _ = _open_regular(path)
    os.set_blocking(descriptor, True)
    return open(descriptor, "rb", buffering=0)


def read_blocks(path: str, size: int) -> Iterator[bytes]:
    """Read a file in blocks of a size.

    It is open only while it is read: a merge may have more inputs than a
    process may have open files. Raises TaskError if it can't be read, or if
    another file gets its name meanwhile, as from a Worker that was thought
    dead: two halves do not make a whole.
    """
    offset = 0
    identity = None
    while True:
        descriptor, status = _open_regular(path)
        try:
            with reading(path):
                block = os.pread(descriptor, size, offset)
        finally:
            os.close(descriptor)
        if identity not in (None, (status.st_dev, status.st_ino)):
            raise TaskError(f"{path!r} was replaced while it was read")
        identity = status.st_dev, status.st_ino
        if not block:
            return
        offset += len(block)
        yield block


def _open_regular(path: str) -> tuple[int, os.stat_result]:
    """Open a file, but refuse what is no regular one.

    A pipe without a writer would block for ever, deaf to all signals.
    """
    with reading(path):
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode):
            return descriptor, status
        os.close(descriptor)
        raise OSError(errno.EINVAL, "no regular file")


@contextlib.contextmanager
def reading(path: str) -> Iterator[None]:
    """Raise TaskError, naming the file, where the block raises OSError."""
    try:
        yield
    except OSError as error:
        raise TaskError(
            f"cannot read the input {path!r}: {error.strerror}") from error
