"""Limit the time for which a process may neither read nor write."""
from __future__ import annotations

import array
import contextlib
import fcntl
import os
import termios
import time
from collections.abc import Iterable

# Checks during one timeout. Activity is noticed at a check, so the timeout may
# end up to a tenth too late.
MIN_CHECKS = 10
MAX_INTERVAL = 60.0  # seconds between two checks


class IdleTimeout:
    """A timeout that starts again whenever the process reads or writes.

    The owner calls `restart` when it reads output of the process from a pipe.
    What the process reads is found out here: from the number of bytes left in
    the pipe to it, and from the offsets of its files, which are shared between
    the Worker that opened them and the process.
    """

    def __init__(self, seconds: float, files: Iterable[int]) -> None:
        """Start now; `files` are the descriptors given to the process."""
        self.seconds = seconds
        self._files = list(files)
        self._pipe: int | None = None  # to the process, either end
        self._own_pipe: int | None = None  # to be closed here
        self._seen = self._measure()
        self._since = time.monotonic()

    def watch(self, pipe: int) -> None:
        """Also watch a pipe to the process, by its writing end."""
        self._pipe = pipe

    def reopen_pipe(self) -> None:
        """Continue to watch the pipe although its writing end gets closed.

        To be called just before that.
        """
        # Opened for reading: with another writer, the process would never see
        # the end of its input. Not opened earlier: with another reader, a
        # write would not fail when the process has closed its end.
        pipe, self._pipe = self._pipe, None
        with contextlib.suppress(OSError):  # There is no /proc.
            self._pipe = self._own_pipe = os.open(
                f"/proc/self/fd/{pipe}", os.O_RDONLY | os.O_NONBLOCK)

    def close(self) -> None:
        """Close the pipe, if this object opened one."""
        if self._own_pipe is not None:
            os.close(self._own_pipe)
            self._own_pipe = None

    def seconds_to_check(self) -> float:
        """Return the seconds after which to call has_expired."""
        left = self._since + self.seconds - time.monotonic()
        return max(0.0, min(left, self.seconds / MIN_CHECKS, MAX_INTERVAL))

    def restart(self) -> None:
        """Start again, because the process was active."""
        self._since = time.monotonic()

    def has_expired(self) -> bool:
        """Return whether the time is over; first look for new activity."""
        seen = self._measure()
        if seen != self._seen:
            self._seen = seen
            self.restart()
        return time.monotonic() >= self._since + self.seconds

    def _measure(self) -> list[int]:
        """Return numbers that change when the process reads or writes."""
        offsets = [os.lseek(file, 0, os.SEEK_CUR) for file in self._files]
        if self._pipe is None:
            return offsets
        left = array.array("i", [0])
        fcntl.ioctl(self._pipe, termios.FIONREAD, left)
        return [*offsets, *left]
