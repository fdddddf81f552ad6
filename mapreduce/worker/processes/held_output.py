"""Watch the standard output of a process that children hold after its exit.

They may still write there, as in the shell command `cat > >(sort)`. So it is
read to its end, as every reader of a pipe does.
"""
from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable

from mapreduce.worker.errors import TaskError
from mapreduce.worker.processes.reaper import processes_with_pipe

LOGGER = logging.getLogger(__name__)

WARNING_AFTER = 10.0  # seconds after the exit
TIMEOUT = 600.0  # seconds without any activity, if there is no --task-timeout


class HeldOutput:
    """A warning when the output stays open, and a timeout without activity."""

    def __init__(
        self, timeout: float | None = None,
        publish: Callable[[str], object] = lambda _: None,
    ) -> None:
        """Wait for `timeout` seconds; `publish` gets a status of the task."""
        self._timeout = timeout or TIMEOUT
        self._publish = publish
        self._exit: float | None = None  # when the process had ended
        self._since = 0.0  # the last activity
        self._has_warned = False

    def begin(self) -> None:
        """Note that the process has ended, and its output has not."""
        if self._exit is None:
            self._exit = self._since = time.monotonic()

    def end(self) -> None:
        """Note the end of the output."""
        self._exit = None
        if self._has_warned:
            self._publish("the output has ended")

    def seconds_to_check(self) -> float | None:
        """Return after how many seconds to call `check`; None: not at all."""
        if self._exit is None:
            return None
        times = [self._since + self._timeout]
        if not self._has_warned:
            times.append(self._exit + WARNING_AFTER)
        return max(0.0, min(times) - time.monotonic())

    def check(self, title: str, pipe: int, was_active: bool) -> None:
        """Warn after some seconds; raise TaskError at the timeout.

        `title` names the process, and `pipe` is the file descriptor from which
        its output is read.
        """
        if self._exit is None:
            return
        now = time.monotonic()
        if was_active:
            self._since = now
        if now >= self._since + self._timeout:
            raise TaskError(
                f"{title} exited, but {_holders(pipe)} still held its "
                f"standard output, and wrote nothing for {self._timeout:g} s "
                "(see --task-timeout)")
        if now >= self._exit + WARNING_AFTER and not self._has_warned:
            self._has_warned = True
            self._warn(title, _holders(pipe))

    def _warn(self, title: str, holders: str) -> None:
        LOGGER.warning(
            "%s has exited, but its standard output is still held by %s; the "
            "task goes on until that output ends, or nothing comes for %g s",
            title, holders, self._timeout)
        self._publish(f"waits for the end of the output, held by {holders}")


def _holders(pipe: int) -> str:
    """Return, e.g., process 123 (sort): what can still write to a pipe."""
    pids = set(processes_with_pipe(os.fstat(pipe).st_ino)) - {os.getpid()}
    names = [f"process {pid}{_program(pid)}" for pid in sorted(pids)]
    # There is no /proc, or it does not show the processes of other users.
    return ", ".join(names) or "a process that can't be found"


def _program(pid: int) -> str:
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/comm", "rb") as file:
            return f" ({os.fsdecode(file.read()).strip()})"
    return ""
