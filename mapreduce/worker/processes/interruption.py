"""How another thread, or a signal, ends the task that runs."""
from __future__ import annotations

import contextlib
import os

DRAIN = 2**10  # bytes of one read that forgets what was set


class Interruption:
    """A note that the running task is to end at once.

    Any thread and any signal handler may set it. It is a file, so that it can
    be waited for together with others.
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
        """Return a file descriptor that can be read once it is set."""
        return self._read

    def set(self) -> None:
        """Interrupt the task."""
        with contextlib.suppress(BlockingIOError):  # Full: set long ago.
            os.write(self._write, b"x")

    def clear(self) -> None:
        """Be unset again, before the next task."""
        with contextlib.suppress(BlockingIOError):  # Empty: not set.
            while True:
                os.read(self._read, DRAIN)
