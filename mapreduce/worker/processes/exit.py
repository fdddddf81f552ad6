"""Notice the end of a process without waiting for it.

As long as no wait has collected its exit code, the kernel gives its id to no
other process, so its process group can be killed safely.
"""
from __future__ import annotations

import os
import signal
import time

from mapreduce.worker.processes.held_output import HeldOutput

GRACE = 1.0  # seconds for children to close standard input and error
EXIT_INTERVAL = 0.05  # seconds between two checks, on systems without pidfd


class ProcessExit:
    """The end of a process, and the time that its children have after it."""

    def __init__(self, pid: int, output: HeldOutput) -> None:
        """Watch a child of this process; `output` is what it may leave."""
        self.output = output
        self.codes_fail = True  # whether codes other than 0 are failures
        self.time: float | None = None  # when it was noticed
        self._grace_start = 0.0
        self.file = _open_exit_file(pid)
        self._pid = pid

    def close(self) -> None:
        """Close the file."""
        if self.file is not None:
            os.close(self.file)

    def poll(self) -> None:
        """Check for the end of the process; needed if there is no file."""
        if self.time is None and _has_exited(self._pid):
            self.note()

    def note(self) -> None:
        """Note that the process has ended."""
        self.time = self._grace_start = time.monotonic()

    def restart_grace(self) -> None:
        """Give children their time from now on, not from the exit."""
        self._grace_start = time.monotonic()

    def failure(self) -> str | None:
        """Wait for the end; return, e.g., exited 3, or None for success."""
        # WNOWAIT leaves the exit code, and so the id, in the kernel.
        result = os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOWAIT)
        assert result
        # For these codes, si_status is a signal, otherwise an exit code.
        if result.si_code in (os.CLD_KILLED, os.CLD_DUMPED):
            return f"was killed by {_name(result.si_status)}"
        if self.codes_fail and result.si_status:
            return f"exited {result.si_status}"
        return None

    def seconds_to_check(self) -> float | None:
        """Return the seconds until the next check; None if there is none."""
        if self.time is not None:
            return max(0.0, self._grace_start + GRACE - time.monotonic())
        return EXIT_INTERVAL if self.file is None else None

    def grace_is_over(self) -> bool:
        """Return whether the time of the children is over."""
        return (self.time is not None
                and time.monotonic() >= self._grace_start + GRACE)


def _open_exit_file(pid: int) -> int | None:
    """Return a file descriptor that is readable when a child has exited.

    None if the system has no pidfd: only Linux 5.3 and later has.
    """
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def _has_exited(pid: int) -> bool:
    return os.waitid(
        os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _name(number: int) -> str:
    """Return, e.g., SIGSEGV."""
    try:
        return signal.Signals(number).name
    except ValueError:  # Most real-time signals have no name.
        return f"signal {number}"
