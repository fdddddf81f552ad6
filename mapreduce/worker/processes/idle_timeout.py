"""How long a process may run without a sign of life."""
from __future__ import annotations

import array
import contextlib
import fcntl
import os
import termios
import time
from collections.abc import Iterable

LOOKS = 10  # times, at least, of looking before idle_timeout is over
MAX_INTERVAL = 60.0  # seconds between two looks


class IdleTimeout:
    """Ends after seconds in which a process neither read nor wrote.

    What it writes into pipes, their reader knows. Of a pipe that it reads
    from, the system tells how much is left. Of files, the offset tells, which
    a process shares with the one that has opened them.
    """

    def __init__(self, seconds: float, files: Iterable[int]) -> None:
        """Begin now; the files are those that the process was given."""
        self.seconds = seconds
        self._files = list(files)
        self._pipe: int | None = None  # to the process, either end
        self._own_pipe: int | None = None
        self._seen = self._look()
        self._since = time.monotonic()

    def watch(self, pipe: int) -> None:
        """Look at what is left, unread, in a pipe to the process, too.

        The file descriptor is the writing end.
        """
        self._pipe = pipe

    def keep_watching(self) -> None:
        """Go on looking when the writing end will be closed.

        The pipe is opened anew, for reading: another writer would keep the
        process from seeing the end. Before that, another reader would keep
        the writer from seeing that the process does not read.
        """
        pipe, self._pipe = self._pipe, None
        with contextlib.suppress(OSError):  # There is no /proc.
            self._pipe = self._own_pipe = os.open(
                f"/proc/self/fd/{pipe}", os.O_RDONLY | os.O_NONBLOCK)

    def close(self) -> None:
        """Look at nothing any more."""
        if self._own_pipe is not None:
            os.close(self._own_pipe)
            self._own_pipe = None

    def seconds_to_look(self) -> float:
        """Return when to call is_over, if there is no sign of life."""
        left = self._since + self.seconds - time.monotonic()
        return max(0.0, min(left, self.seconds / LOOKS, MAX_INTERVAL))

    def renew(self) -> None:
        """Begin anew: there was a sign of life."""
        self._since = time.monotonic()

    def is_over(self) -> bool:
        """Tell whether it is over; begin anew if there was a sign of life."""
        seen = self._look()
        if seen != self._seen:
            self._seen = seen
            self.renew()
        return time.monotonic() >= self._since + self.seconds

    def _look(self) -> list[int]:
        offsets = [os.lseek(file, 0, os.SEEK_CUR) for file in self._files]
        if self._pipe is None:
            return offsets
        left = array.array("i", [0])
        fcntl.ioctl(self._pipe, termios.FIONREAD, left)
        return [*offsets, *left]
