"""Kill the processes of a task after their Worker was killed.

A Worker that is killed by SIGKILL can't end the processes of its task. So it
starts another process, the reaper, and sends it through a pipe the ids of the
process groups that run. However the Worker ends, the kernel closes the pipe:
the reaper then kills the groups that are left, and ends, too.

This file is also the program of the reaper, which imports nothing else of
ours.
"""
from __future__ import annotations

import contextlib
import glob
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from typing import IO


@contextlib.contextmanager
def running_reaper() -> Iterator[Reaper]:
    """Run a reaper in a new session, until the end of the block.

    To be called before the first thread starts, since Popen forks.
    """
    # -I and -S: without site packages it starts faster. By its path: its
    # command line must not look like a Worker's, see `pgrep -f`.
    with subprocess.Popen(
            [sys.executable, "-I", "-S", __file__], bufsize=0,
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            start_new_session=True) as process:
        assert process.stdin
        yield Reaper(process.stdin)


class Reaper:
    """A Worker's end of the pipe to its reaper."""

    def __init__(self, pipe: IO[bytes]) -> None:
        """Use an unbuffered pipe, the standard input of the reaper."""
        self._pipe = pipe

    def expect(self, pipe: int) -> None:
        """Announce a process by a pipe that it will hold, before it starts.

        The pipe identifies it until `guard` is called.
        """
        # Between its start and that call, the Worker may be killed; the reaper
        # then finds the process by the pipe.
        self._send(f"?{os.fstat(pipe).st_ino}\n")

    def guard(self, group: int) -> None:
        """Add a process group, to be killed when the Worker has ended."""
        self._send(f"+{group}\n")

    def release(self, group: int) -> None:
        """Remove a process group; to be called before its id is free."""
        self._send(f"-{group}\n")

    def _send(self, line: str) -> None:
        # If a user killed the reaper, tasks still run, without protection.
        with contextlib.suppress(BrokenPipeError):
            self._pipe.write(line.encode("ascii"))


def reap_groups(lines: Iterable[bytes]) -> None:
    """Read lines such as ?9, +123 and -123; at the end, kill what is left."""
    groups: set[int] = set()
    expected = None
    for line in lines:
        change, number = line[:1], int(line[1:])
        if change == b"?":
            expected = number
        elif change == b"+":
            groups.add(number)
            expected = None
        else:
            groups.discard(number)
    if expected is not None:
        for process in processes_with_pipe(expected):
            with contextlib.suppress(ProcessLookupError):
                groups.add(os.getpgid(process))
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


def processes_with_pipe(inode: int) -> Iterator[int]:
    """Iterate over the ids of processes that hold a pipe; needs /proc."""
    for link in glob.iglob("/proc/[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if os.readlink(link) == f"pipe:[{inode}]":
                yield int(link.split("/")[2])


if __name__ == "__main__":
    # A signal to all processes of a user or a service must end the Worker, not
    # the reaper before it.
    for ending in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.SIG_IGN)
    reap_groups(sys.stdin.buffer)
