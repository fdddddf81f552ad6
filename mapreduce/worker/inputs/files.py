"""Open and read the input files of a task. Only regular files are accepted."""
from __future__ import annotations

import contextlib
import errno
import functools
import io
import os
import resource
import stat
from collections.abc import Generator, Iterator

from mapreduce.worker.errors import BadInput, TaskError

BLOCK = 64 * 2**10  # bytes of one read of a file
OTHER_FILES = 32  # that a Worker has open beside its tasks' and slow sockets


def open_input(path: str) -> io.FileIO:
    """Open a file for a process; raise TaskError if that fails."""
    descriptor, _ = _open_regular(path)
    # It is shared with the process, which may not expect EAGAIN.
    os.set_blocking(descriptor, True)
    return open(descriptor, "rb", buffering=0)


def max_kept_open(number: int) -> int:
    """Return how many of a number of files a task may keep open.

    Half of what the process may have is for slow connections, and some more
    for its own sockets, and for the pipes of the processes that it starts.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return number
    return min(number, max(0, limit // 2 - OTHER_FILES))


def read_blocks(
    path: str, size: int, keep_open: bool = False
) -> Generator[bytes, None, None]:
    """Iterate over the blocks of a file, each of at most `size` bytes.

    Raises TaskError if the file can't be read or was replaced meanwhile.
    """
    if keep_open:
        yield from _read_open(path, size)
        return
    # Opened anew for each block: a merge may have more inputs than a process
    # may have open files. A Worker that was marked dead may still replace its
    # map output between two blocks, and two halves of different files must not
    # be mixed.
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


def _read_open(path: str, size: int) -> Iterator[bytes]:
    """Read a file that stays open: it is the same one until its end."""
    descriptor, _ = _open_regular(path)
    try:
        with reading(path):
            # No variable may hold a block while the next one is read.
            yield from iter(functools.partial(os.read, descriptor, size), b"")
    finally:
        os.close(descriptor)


def _open_regular(path: str) -> tuple[int, os.stat_result]:
    """Open a file; raise TaskError if it is not a regular one."""
    # O_NONBLOCK: otherwise opening a pipe without a writer never returns.
    with reading(path):
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode):
            return descriptor, status
        os.close(descriptor)
        raise OSError(errno.EINVAL, "no regular file")


@contextlib.contextmanager
def reading(path: str) -> Iterator[None]:
    """Convert an OSError of the block into a BadInput with the path."""
    try:
        yield
    except OSError as error:
        raise BadInput(
            f"cannot read the input {path!r}: {error.strerror}") from error
