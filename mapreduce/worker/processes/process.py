"""Write to a running executable, read from it, and find out how it ended.

One thread does all of this, the one that runs the task. It waits for several
events at once: space in the standard input of the process, standard output,
standard error, the end of the process, and an interruption. So no amount of
standard error can block a task, and an interruption takes effect at once.
"""
from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
from collections.abc import Iterable, Iterator
from typing import IO

from mapreduce.worker.errors import (
    ExecutableDied,
    TaskError,
    TaskInterrupted,
)
from mapreduce.worker.processes.exit import ProcessExit
from mapreduce.worker.processes.held_output import HeldOutput
from mapreduce.worker.processes.idle_timeout import IdleTimeout
from mapreduce.worker.processes.interruption import Interruption
from mapreduce.worker.processes.streams import StderrTail, StdinWriter

BLOCK = 64 * 2**10  # bytes of one read


class Process:
    """A running executable; a Launcher starts it and ends it."""

    def __init__(
        self, popen: subprocess.Popen[bytes], title: str,
        interruption: Interruption, stderr: StderrTail,
        idle_timeout: IdleTimeout | None = None,
        held_output: HeldOutput | None = None,
    ) -> None:
        """Watch a process whose standard error is a pipe.

        `title` names the process in error messages.
        """
        self._popen = popen
        self._title = title
        self._stderr = stderr
        self._idle_timeout = idle_timeout
        self._feed: StdinWriter | None = None
        self._exit = ProcessExit(
            popen.pid, held_output or HeldOutput())
        # For each file, the function to call when it is ready. The caller of
        # _wait handles the files that have none.
        self._selector = selectors.PollSelector()
        self._selector.register(
            interruption.fileno(), selectors.EVENT_READ, _interrupt)
        self._selector.register(
            _fileno(popen.stderr), selectors.EVENT_READ, self._read_stderr)
        if self._exit.file is not None:
            self._selector.register(
                self._exit.file, selectors.EVENT_READ, self._note_exit)

    def accept_any_code(self) -> None:
        """Take any exit code for a success; a signal stays a failure."""
        self._exit.codes_fail = False

    def read(self, feed: Iterable[bytes] | None = None) -> Iterator[bytes]:
        """Iterate over its standard output in blocks of up to BLOCK bytes.

        Meanwhile, write the blocks of `feed` to its standard input. It is not
        an error if the process stops reading: the other blocks are dropped,
        and only the exit code decides.

        After the exit of the process, its children may write for as long as
        they want. If the process has failed, the output has no use, and the
        iteration ends soon.
        """
        if feed is not None:
            self._begin_feed(feed)
        stdout = _fileno(self._popen.stdout)
        # Without a function: the block must be yielded from here.
        self._selector.register(stdout, selectors.EVENT_READ)
        while not self._output_is_useless():
            if stdout in self._wait():
                block = os.read(stdout, BLOCK)
                if not block:
                    break
                yield block
                del block  # The next block of the feed takes memory, too.
        self._selector.unregister(stdout)
        self._exit.output.end()
        # Only now, since a child that writes output needs the rest of the
        # input, too.
        self._exit.restart_grace()
        self._complete_feed()

    def _output_is_useless(self) -> bool:
        """Return whether the process failed, and its children had their time.

        If it has ended without a failure, note that its output is held.
        """
        if self._exit.time is None:
            return False
        if self._exit.failure():
            return self._exit.grace_is_over()
        self._exit.output.begin()
        return False

    def _begin_feed(self, blocks: Iterable[bytes]) -> None:
        assert self._popen.stdin
        if self._idle_timeout:
            self._idle_timeout.watch(self._popen.stdin.fileno())
        self._feed = StdinWriter(self._popen.stdin, blocks)
        self._selector.register(
            self._popen.stdin, selectors.EVENT_WRITE, self._continue_feed)

    def _continue_feed(self) -> None:
        if self._feed and not self._feed.write_some():
            self._end_feed()

    def _complete_feed(self) -> None:
        """Write the remaining blocks, unless the process has ended."""
        while self._feed and not self._exit.grace_is_over():
            self._wait()
        self._end_feed()

    def _end_feed(self) -> None:
        if self._feed:
            assert self._popen.stdin
            if self._idle_timeout:
                self._idle_timeout.reopen_pipe()
            self._selector.unregister(self._popen.stdin)
            self._popen.stdin.close()
            self._feed = None

    def finish(self) -> None:
        """Wait for its end; raise ExecutableDied if it failed."""
        # Its children may hold standard error open. They have a moment for
        # closing it; the Launcher then kills them.
        stderr = _fileno(self._popen.stderr)
        while not self._exit.grace_is_over() and (
                self._exit.time is None
                or stderr in self._selector.get_map()):
            self._wait()
        # First the last line: it may be a counter, or the reason to show.
        self._stderr.end()
        failure = self._exit.failure()
        if failure:
            raise ExecutableDied(self._describe(failure))

    def kill(self) -> None:
        """Kill the process and its children, if they are running."""
        # The process was not waited for yet, so its id can't belong to another
        # process group by now.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)

    def close(self) -> None:
        """Close what the constructor opened."""
        self._selector.close()
        self._exit.close()
        if self._idle_timeout:
            self._idle_timeout.close()

    def _wait(self) -> set[int]:
        """Wait for an event; return the file descriptors that are ready."""
        ready = self._selector.select(self._timeout())
        for key, _ in ready:
            if key.data:
                key.data()
        if self._exit.file is None:
            self._exit.poll()
        if self._popen.stdout:
            self._exit.output.check(
                self._title, self._popen.stdout.fileno(), bool(ready))
        if self._idle_timeout:
            self._check_idle_timeout(self._idle_timeout, bool(ready))
        return {key.fd for key, _ in ready}

    def _timeout(self) -> float | None:
        """Return the seconds until the next check; None if there is none."""
        # While children hold the output, their other time does not count.
        held = self._exit.output.seconds_to_check()
        times = (
            self._exit.seconds_to_check() if held is None else held,
            self._idle_timeout.seconds_to_check() if self._idle_timeout
            else None)
        return min((seconds for seconds in times if seconds is not None),
                   default=None)

    def _read_stderr(self) -> None:
        stderr = _fileno(self._popen.stderr)
        chunk = os.read(stderr, BLOCK)
        self._stderr.add(chunk)
        if not chunk:
            self._selector.unregister(stderr)

    def _note_exit(self) -> None:
        assert self._exit.file is not None
        self._selector.unregister(self._exit.file)
        self._exit.note()

    def _check_idle_timeout(
        self, idle_timeout: IdleTimeout, was_active: bool
    ) -> None:
        """Raise TaskError if the process was inactive for too long."""
        # After its end, only the time for its children counts.
        if self._exit.time is not None:
            idle_timeout.close()
            self._idle_timeout = None
        elif was_active:
            idle_timeout.restart()
        elif idle_timeout.has_expired():
            raise TaskError(self._describe(
                "neither read, wrote nor reported for "
                f"{idle_timeout.seconds:g} s (see --task-timeout)"))

    def _describe(self, outcome: str) -> str:
        """Return, e.g., wc_map.py exited 3, with the end of its stderr."""
        words = self._stderr.text
        return f"{self._title} {outcome}" + (f":\n{words}" if words else "")


def _interrupt() -> None:
    raise TaskInterrupted


def _fileno(file: IO[bytes] | None) -> int:
    assert file
    return file.fileno()
