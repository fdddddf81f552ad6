"""How long a process may run without a sign of life."""
from __future__ import annotations

import os
import time
from collections.abc import Iterable

LOOKS = 10  # times that files are looked at before patience is over


class Patience:
    """Ends after seconds in which a process neither read nor wrote.

    What it does through pipes its reader knows. Of files, the offset tells,
    which a process shares with the one that has opened them.
    """

    def __init__(self, seconds: float, files: Iterable[int]) -> None:
        """Begin now; the files are those that the process was given."""
        self.seconds = seconds
        self._files = list(files)
        self._offsets = self._look()
        self._since = time.monotonic()

    def seconds_to_look(self) -> float:
        """Return when to call is_over, if there is no sign of life."""
        left = self._since + self.seconds - time.monotonic()
        return max(0.0, min(left, self.seconds / LOOKS))

    def renew(self) -> None:
        """Begin anew: there was a sign of life."""
        self._since = time.monotonic()

    def is_over(self) -> bool:
        """Tell whether it is over, and begin anew if a file tells of life."""
        offsets = self._look()
        if offsets != self._offsets:
            self._offsets = offsets
            self.renew()
        return time.monotonic() >= self._since + self.seconds

    def _look(self) -> list[int]:
        return [os.lseek(file, 0, os.SEEK_CUR) for file in self._files]
