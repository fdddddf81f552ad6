"""Notice the end of a process at once, and leave it to be waited for.

Until then its id is its own, and its process group can be killed.
"""
from __future__ import annotations

import os
import signal
import time

GRACE = 1.0  # seconds for children to close the pipes of their parent
EXIT_INTERVAL = 0.05  # seconds, where the system can't tell of an exit


class ProcessExit:
    """The end of a process; its children have some seconds from then on."""

    def __init__(self, pid: int) -> None:
        """Watch a child of this process."""
        self.time: float | None = None  # when it was noticed
        self.file = _open_exit_file(pid)
        self._pid = pid

    def close(self) -> None:
        """Close the file."""
        if self.file is not None:
            os.close(self.file)

    def look(self) -> None:
        """Ask for it, where no file tells."""
        if self.time is None and _has_exited(self._pid):
            self.note()

    def note(self) -> None:
        """Note that the process has ended."""
        self.time = time.monotonic()

    def complaint(self) -> str | None:
        """Wait for it; return, e.g., exited 3, or None if all went well.

        The process is left to be waited for.
        """
        result = os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOWAIT)
        assert result
        if result.si_code in (os.CLD_KILLED, os.CLD_DUMPED):
            return f"was killed by {_name(result.si_status)}"
        return f"exited {result.si_status}" if result.si_status else None

    def seconds_to_look(self) -> float | None:
        """Return the seconds after which to look at the time again."""
        if self.time is not None:
            return max(0.0, self.time + GRACE - time.monotonic())
        return EXIT_INTERVAL if self.file is None else None

    def grace_is_over(self) -> bool:
        """Tell whether children have had their time."""
        return (self.time is not None
                and time.monotonic() >= self.time + GRACE)


def _open_exit_file(pid: int) -> int | None:
    """Return a file descriptor that is ready when a child has exited.

    None where the system has no such thing (it is Linux's).
    """
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def _has_exited(pid: int) -> bool:
    """Tell whether a child has exited, and leave it to be waited for."""
    return os.waitid(
        os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _name(number: int) -> str:
    """Return, e.g., SIGSEGV."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
