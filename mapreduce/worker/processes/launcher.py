"""Start the executables of a task, and see to it that nothing of them is left.

Each runs in a session of its own, so that it ends with all its children: when
its task does, when that is interrupted, and, by the reaper, when this
process is killed.
"""
from __future__ import annotations

import contextlib
import errno
import os
import subprocess
from collections.abc import Iterator, Mapping
from typing import IO, Any

from mapreduce.worker.errors import TaskError
from mapreduce.worker.processes.idle_timeout import IdleTimeout
from mapreduce.worker.processes.interruption import Interruption
from mapreduce.worker.processes.process import Process
from mapreduce.worker.processes.reaper import Reaper
from mapreduce.worker.processes.streams import StderrTail

Stream = int | IO[bytes]


class Launcher:
    """Starts the executables of tasks, each in a session of its own."""

    def __init__(
        self, interruption: Interruption, reaper: Reaper | None = None
    ) -> None:
        """Have them end by an interruption, and not outlive this process."""
        self._interruption = interruption
        self._guardian = reaper

    @contextlib.contextmanager
    def running(
        self, command: list[str], title: str, *,
        stderr: StderrTail | None = None,
        idle_timeout: IdleTimeout | None = None, **options: Any,
    ) -> Iterator[Process]:
        """Run a command until the end of the block.

        Its standard error goes to stderr, and it is killed when idle_timeout
        has expired; the options are stdin, stdout and env of subprocess.Popen.
        Raises TaskError if it can't be started. Nothing of it is left after
        the block, whatever happens in there.
        """
        with self._started(command, title, **options) as popen:
            if self._guardian:
                self._guardian.guard(popen.pid)
            process = Process(popen, title, self._interruption,
                              stderr or StderrTail(), idle_timeout)
            try:
                yield process
                process.finish()
            finally:
                process.kill()
                process.close()
                if self._guardian:
                    self._guardian.release(popen.pid)

    @contextlib.contextmanager
    def _started(
        self, command: list[str], title: str, **options: Any
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Start a process; its standard error is a pipe, known beforehand."""
        read_end, write_end = os.pipe()
        with open(read_end, "rb", buffering=0) as stderr:
            try:
                if self._guardian:
                    self._guardian.expect(write_end)
                popen = subprocess.Popen(
                    command, bufsize=0, stderr=write_end,
                    start_new_session=True, **options)
            except OSError as error:
                raise TaskError(
                    f"{title} cannot be started: {_explain(error, command[0])}"
                ) from error
            finally:
                os.close(write_end)
            popen.stderr = stderr
            with popen:
                yield popen

    def run(
        self, command: list[str], title: str, env: Mapping[str, str]
    ) -> None:
        """Run a command that needs no input and prints nothing, to its end."""
        with self.running(command, title, stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, env=env):
            pass


def _explain(error: OSError, executable: str) -> str:
    """Say why an executable can't be started, and what may help."""
    if isinstance(error, FileNotFoundError) and os.path.isfile(executable):
        return ("no such file: the interpreter that its first line names "
                "(a line that ends with CR LF names another one)")
    hints = {
        errno.EACCES: "is it executable (chmod +x)?",
        errno.ENOEXEC: "a script begins with a line such as #!/bin/sh",
    }
    hint = hints.get(error.errno or 0)
    return f"{error.strerror}" + (f": {hint}" if hint else "")
