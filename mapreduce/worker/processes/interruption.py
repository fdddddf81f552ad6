"""Let another thread or a signal handler end the running task."""
from __future__ import annotations

import contextlib
import os
import select

from mapreduce.worker.errors import TaskInterrupted

DRAIN = 2**10  # bytes of one read when the pipe is emptied


class Interruption:
    """A flag that the running task must end at once.

    Any thread and any signal handler may set it. It is a pipe, so that the
    task can wait for it and for the pipes of its process at the same time.
    """

    def __init__(self) -> None:
        """Start unset."""
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def __enter__(self) -> Interruption:
        """Return the Interruption itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close its file descriptors."""
        os.close(self._read)
        os.close(self._write)

    def fileno(self) -> int:
        """Return a file descriptor that is readable while the flag is set."""
        return self._read

    def set(self) -> None:
        """Interrupt the task."""
        with contextlib.suppress(BlockingIOError):  # Full: set long ago.
            os.write(self._write, b"x")

    def check(self) -> None:
        """Raise TaskInterrupted if the flag is set."""
        if select.select([self._read], [], [], 0)[0]:
            raise TaskInterrupted

    def clear(self) -> None:
        """Unset the flag, before the next task."""
        with contextlib.suppress(BlockingIOError):  # Empty: not set.
            while True:
                os.read(self._read, DRAIN)
