"""A running executable of a task: feed it, read it, know how it ended.

One thread does all of it. It waits for whatever comes first: room in the
standard input of the process, its output, its standard error, its end, or an
interruption. So standard error of any size blocks nothing, and a task ends at
once when it is told to.
"""
from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
from collections.abc import Iterable, Iterator
from typing import IO

from mapreduce.worker.errors import TaskError, TaskInterrupted
from mapreduce.worker.processes.exit import ProcessExit
from mapreduce.worker.processes.idle_timeout import IdleTimeout
from mapreduce.worker.processes.interruption import Interruption
from mapreduce.worker.processes.streams import StderrTail, StdinWriter

BLOCK = 64 * 2**10  # bytes of one read
PIPE_SIZE = 2**20  # bytes that a pipe may hold, at the most


class Process:
    """A running executable; a Launcher starts it and sees to its end."""

    def __init__(
        self, popen: subprocess.Popen[bytes], title: str,
        interruption: Interruption, stderr: StderrTail,
        idle_timeout: IdleTimeout | None = None,
    ) -> None:
        """Watch a process whose standard error is a pipe.

        The title stands for the process in error messages.
        """
        self._popen = popen
        self._title = title
        self._stderr = stderr
        self._idle_timeout = idle_timeout
        self._feed: StdinWriter | None = None
        self._exit = ProcessExit(popen.pid)
        # With each file, what is to be done when it is ready.
        self._selector = selectors.PollSelector()
        self._selector.register(
            interruption.fileno(), selectors.EVENT_READ, _interrupt)
        self._selector.register(
            _fileno(popen.stderr), selectors.EVENT_READ, self._hear)
        if self._exit.file is not None:
            self._selector.register(
                self._exit.file, selectors.EVENT_READ, self._note_exit)

    def read(self, feed: Iterable[bytes] | None = None) -> Iterator[bytes]:
        """Read its standard output in blocks of up to BLOCK bytes.

        Meanwhile blocks are written to its standard input, as write does.
        """
        if feed is not None:
            self._begin_feed(feed)
        stdout = _fileno(self._popen.stdout)
        self._selector.register(stdout, selectors.EVENT_READ)
        while not self._exit.grace_is_over():
            if stdout in self._wait():
                block = os.read(stdout, BLOCK)
                if not block:
                    break
                yield block
        else:
            yield from self._read_rest(stdout)
        self._selector.unregister(stdout)
        self._complete_feed()

    def _read_rest(self, stdout: int) -> Iterator[bytes]:
        """Read what is in the pipe when the grace is over, and no more."""
        self.kill()
        os.set_blocking(stdout, False)
        with contextlib.suppress(BlockingIOError):
            for _ in range(PIPE_SIZE // BLOCK):
                block = os.read(stdout, BLOCK)
                if not block:
                    break
                yield block

    def write(self, blocks: Iterable[bytes]) -> None:
        """Write blocks to its standard input, then close that.

        A process that reads no further is no error: the rest is dropped, and
        its exit code tells how it fared.
        """
        self._begin_feed(blocks)
        self._complete_feed()

    def _begin_feed(self, blocks: Iterable[bytes]) -> None:
        assert self._popen.stdin
        if self._idle_timeout:
            self._idle_timeout.watch(self._popen.stdin.fileno())
        self._feed = StdinWriter(self._popen.stdin, blocks)
        self._selector.register(
            self._popen.stdin, selectors.EVENT_WRITE, self._go_on_feeding)

    def _go_on_feeding(self) -> None:
        if self._feed and not self._feed.go_on():
            self._end_feed()

    def _complete_feed(self) -> None:
        """Write what is still to be written, unless its reader has ended."""
        while self._feed and not self._exit.grace_is_over():
            self._wait()
        self._end_feed()

    def _end_feed(self) -> None:
        if self._feed:
            assert self._popen.stdin
            if self._idle_timeout:
                self._idle_timeout.keep_watching()
            self._selector.unregister(self._popen.stdin)
            self._popen.stdin.close()
            self._feed = None

    def finish(self) -> None:
        """Wait for its end; raise TaskError if it failed.

        Children that it leaves behind have a moment to close its pipes; what
        is left of its process group then is killed.
        """
        stderr = _fileno(self._popen.stderr)
        while not self._exit.grace_is_over() and (
                self._exit.time is None
                or stderr in self._selector.get_map()):
            self._wait()
        self._stderr.end()
        complaint = self._exit.complaint()
        if complaint:
            raise TaskError(self._describe(complaint))

    def kill(self) -> None:
        """Kill the process and its children, in so far as they still run.

        It was not waited for yet, so its id is still its own.
        """
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)

    def close(self) -> None:
        """Close what the constructor opened."""
        self._selector.close()
        self._exit.close()
        if self._idle_timeout:
            self._idle_timeout.close()

    def _wait(self) -> set[int]:
        """Wait until something happens; return the files that are ready."""
        ready = self._selector.select(self._timeout())
        for key, _ in ready:
            if key.data:
                key.data()
        if self._exit.file is None:
            self._exit.look()
        if self._idle_timeout:
            self._be_patient(self._idle_timeout, bool(ready))
        return {key.fd for key, _ in ready}

    def _timeout(self) -> float | None:
        """Return the seconds after which to look at the time again."""
        times = (
            self._exit.seconds_to_look(),
            self._idle_timeout.seconds_to_look() if self._idle_timeout
            else None)
        return min((seconds for seconds in times if seconds is not None),
                   default=None)

    def _hear(self) -> None:
        """Read its standard error."""
        stderr = _fileno(self._popen.stderr)
        chunk = os.read(stderr, BLOCK)
        self._stderr.add(chunk)
        if not chunk:
            self._selector.unregister(stderr)

    def _note_exit(self) -> None:
        assert self._exit.file is not None
        self._selector.unregister(self._exit.file)
        self._exit.note()

    def _be_patient(self, idle_timeout: IdleTimeout, moved: bool) -> None:
        """Raise TaskError if there was no sign of life for too long."""
        if self._exit.time is not None:
            idle_timeout.close()
            self._idle_timeout = None
        elif moved:
            idle_timeout.renew()
        elif idle_timeout.is_over():
            raise TaskError(self._describe(
                "neither read, wrote nor reported for "
                f"{idle_timeout.seconds:g} s (see --task-timeout)"))

    def _describe(self, fate: str) -> str:
        """Return, e.g., wc_map.py exited 3, with its last words."""
        words = self._stderr.text
        return f"{self._title} {fate}" + (f":\n{words}" if words else "")


def _interrupt() -> None:
    raise TaskInterrupted


def _fileno(file: IO[bytes] | None) -> int:
    assert file
    return file.fileno()
