"""A process that outlives a Worker, to kill what the Worker leaves behind.

A Worker that is killed by SIGKILL can't end the processes of its task. So it
starts a reaper, and tells it through a pipe which process groups live. When
the Worker is gone, however that came, the pipe ends: the reaper kills the
groups that are left, and ends, too.

This file is also the program of that process, which imports nothing else.
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
    """Run a reaper until the end of the block, in a session of its own."""
    # Isolated and without site packages: it starts faster.
    with subprocess.Popen(
            [sys.executable, "-I", "-S", __file__], bufsize=0,
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            start_new_session=True) as process:
        assert process.stdin
        yield Reaper(process.stdin)


class Reaper:
    """A Worker's end of the pipe to its reaper."""

    def __init__(self, pipe: IO[bytes]) -> None:
        """Tell the reaper at the other end, through an unbuffered pipe."""
        self._pipe = pipe

    def expect(self, pipe: int) -> None:
        """Have the next process killed that holds this pipe.

        Until guard tells of it: between the two, it runs already, and this
        process may be killed.
        """
        self._tell(f"?{os.fstat(pipe).st_ino}\n")

    def guard(self, group: int) -> None:
        """Have a process group killed when this process has ended."""
        self._tell(f"+{group}\n")

    def release(self, group: int) -> None:
        """Forget a process group; to be called before its id is free."""
        self._tell(f"-{group}\n")

    def _tell(self, line: str) -> None:
        # A reaper that somebody killed guards nothing; tasks go on.
        with contextlib.suppress(BrokenPipeError):
            self._pipe.write(line.encode("ascii"))


def reap_groups(lines: Iterable[bytes]) -> None:
    """Read lines such as ?9, +123 and -123 to their end; kill what is left."""
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
        groups.update(groups_with_pipe(expected))
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


def groups_with_pipe(inode: int) -> Iterator[int]:
    """Find the groups of the processes that hold a pipe, where /proc tells."""
    for link in glob.iglob("/proc/[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if os.readlink(link) == f"pipe:[{inode}]":
                yield os.getpgid(int(link.split("/")[2]))


if __name__ == "__main__":
    # What ends the Worker must not end its reaper first.
    for ending in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.SIG_IGN)
    reap_groups(sys.stdin.buffer)
