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
import time
from collections.abc import Iterable, Iterator
from typing import IO

BLOCK = 64 * 2**10  # bytes of one read
PIPE_SIZE = 2**20  # bytes that a pipe may hold, at the most
STDERR_TAIL = 4 * 2**10  # bytes of standard error that are kept
GRACE = 1.0  # seconds for children to close the pipes of their parent
EXIT_INTERVAL = 0.05  # seconds, where the system can't tell of an exit


class TaskError(Exception):
    """A task can't be done; the text tells its owner why."""


class TaskInterrupted(Exception):
    """A task is to end at once, done or not."""


class Interruption:
    """A note that the running task is to end at once.

    Any thread and any signal handler may set it. It is a file, so that it can
    be waited for together with others.
    """

    def __init__(self) -> None:
        """Start unset."""
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def __enter__(self) -> Interruption:
        """Return the Interruption itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close its file descriptors."""
        os.close(self._read)
        os.close(self._write)

    def fileno(self) -> int:
        """Return a file descriptor that can be read once it is set."""
        return self._read

    def set(self) -> None:
        """Interrupt the task."""
        with contextlib.suppress(BlockingIOError):  # Full: set long ago.
            os.write(self._write, b"x")

    def clear(self) -> None:
        """Be unset again, before the next task."""
        with contextlib.suppress(BlockingIOError):  # Empty: not set.
            while True:
                os.read(self._read, BLOCK)


class Process:
    """A running executable; a Launcher starts it and sees to its end."""

    def __init__(
        self, popen: subprocess.Popen[bytes], title: str,
        interruption: Interruption,
    ) -> None:
        """Watch a process whose standard error is a pipe.

        The title stands for the process in error messages.
        """
        self._popen = popen
        self._title = title
        self._interruption = interruption
        self._stderr_tail = b""
        self._exit_time: float | None = None
        self._exit_file = _open_exit_file(popen.pid)
        self._selector = selectors.PollSelector()
        self._selector.register(interruption.fileno(), selectors.EVENT_READ)
        self._selector.register(_fileno(popen.stderr), selectors.EVENT_READ)
        if self._exit_file is not None:
            self._selector.register(self._exit_file, selectors.EVENT_READ)

    def read(self) -> Iterator[bytes]:
        """Read its standard output in blocks of up to BLOCK bytes."""
        stdout = _fileno(self._popen.stdout)
        self._selector.register(stdout, selectors.EVENT_READ)
        while not self._grace_is_over():
            if stdout in self._wait():
                block = os.read(stdout, BLOCK)
                if not block:
                    break
                yield block
        else:
            yield from self._read_rest(stdout)
        self._selector.unregister(stdout)

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
        assert self._popen.stdin
        stdin = self._popen.stdin.fileno()
        os.set_blocking(stdin, False)
        self._selector.register(stdin, selectors.EVENT_WRITE)
        with contextlib.suppress(BrokenPipeError):
            for block in blocks:
                if not self._write_block(stdin, block):
                    break
                del block  # Before the next one is made.
        self._selector.unregister(stdin)
        self._popen.stdin.close()

    def _write_block(self, stdin: int, block: bytes) -> bool:
        """Write a whole block; tell whether the process may take more."""
        rest = memoryview(block)
        while rest and not self._grace_is_over():
            if stdin in self._wait():
                with contextlib.suppress(BlockingIOError):
                    rest = rest[os.write(stdin, rest):]
        return not rest

    def finish(self) -> None:
        """Wait for its end; raise TaskError if it failed.

        Children that it leaves behind have a moment to close its pipes; what
        is left of its process group then is killed.
        """
        stderr = _fileno(self._popen.stderr)
        while not self._grace_is_over() and (
                self._exit_time is None
                or stderr in self._selector.get_map()):
            self._wait()
        code = _exit_code(self._popen.pid)
        if code:
            raise TaskError(self._describe(code))

    def kill(self) -> None:
        """Kill the process and its children, in so far as they still run.

        It was not waited for yet, so its id is still its own.
        """
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)

    def close(self) -> None:
        """Close what the constructor opened."""
        self._selector.close()
        if self._exit_file is not None:
            os.close(self._exit_file)

    def _wait(self) -> set[int]:
        """Wait until something happens; return the files that are ready."""
        ready = {key.fd for key, _ in self._selector.select(self._timeout())}
        if self._interruption.fileno() in ready:
            raise TaskInterrupted
        stderr = _fileno(self._popen.stderr)
        if stderr in ready:
            chunk = os.read(stderr, BLOCK)
            self._stderr_tail = (self._stderr_tail + chunk)[-STDERR_TAIL:]
            if not chunk:
                self._selector.unregister(stderr)
        if self._exit_time is None and (
                self._exit_file in ready if self._exit_file is not None
                else _has_exited(self._popen.pid)):
            self._exit_time = time.monotonic()
            if self._exit_file is not None:
                self._selector.unregister(self._exit_file)
        return ready

    def _timeout(self) -> float | None:
        """Return the seconds after which to look at the time again."""
        if self._exit_time is not None:
            return max(0.0, self._exit_time + GRACE - time.monotonic())
        return EXIT_INTERVAL if self._exit_file is None else None

    def _grace_is_over(self) -> bool:
        return (self._exit_time is not None
                and time.monotonic() >= self._exit_time + GRACE)

    def _describe(self, code: int) -> str:
        """Return, e.g., wc_map.py exited 3, with its last words."""
        words = self._stderr_tail.decode("utf-8", "backslashreplace").strip()
        fate = f"exited {code}" if code > 0 else f"was {_killed_by(-code)}"
        return f"{self._title} {fate}" + (f":\n{words}" if words else "")


def _fileno(file: IO[bytes] | None) -> int:
    assert file
    return file.fileno()


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


def _exit_code(pid: int) -> int:
    """Return how a child has exited, and leave it to be waited for.

    Negative where a signal killed it, as in subprocess.
    """
    result = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert result
    killed = result.si_code in (os.CLD_KILLED, os.CLD_DUMPED)
    return -result.si_status if killed else result.si_status


def _killed_by(number: int) -> str:
    """Return, e.g., killed by SIGSEGV."""
    try:
        return f"killed by {signal.Signals(number).name}"
    except ValueError:
        return f"killed by signal {number}"
