"""Start the executables of a task, and end them with all their children.

Each runs in a new session, whose process group can be killed as a whole: at
the end of the task, when the task is interrupted, and, by the reaper, when the
Worker itself was killed.
"""
from __future__ import annotations

import contextlib
import errno
import os
import subprocess
from collections.abc import Iterator, Mapping
from typing import IO, Any

from mapreduce.worker.errors import TaskError
from mapreduce.worker.processes.held_output import HeldOutput
from mapreduce.worker.processes.idle_timeout import IdleTimeout
from mapreduce.worker.processes.interruption import Interruption
from mapreduce.worker.processes.process import Process
from mapreduce.worker.processes.reaper import Reaper
from mapreduce.worker.processes.streams import StderrTail

Stream = int | IO[bytes]


class Launcher:
    """Starts the executables of tasks, each in a new session."""

    def __init__(
        self, interruption: Interruption, reaper: Reaper | None = None
    ) -> None:
        """Use an interruption for all tasks, and a reaper if there is one."""
        self.interruption = interruption
        self._reaper = reaper
        # Ended processes, whose killed children may still be collected.
        self._groups: set[int] = set()

    @contextlib.contextmanager
    def running(
        self, command: list[str], title: str, *,
        stderr: StderrTail | None = None,
        idle_timeout: IdleTimeout | None = None,
        held_output: HeldOutput | None = None, **options: Any,
    ) -> Iterator[Process]:
        """Run a command until the end of the block.

        `stderr` receives its standard error; `options` are stdin, stdout and
        env of subprocess.Popen. Raises TaskError if the command can't be
        started, fails, or `idle_timeout` or that of `held_output` expires.
        After the block, no process of its group is left, even if the block
        raised an error.
        """
        with self._started(command, title, **options) as popen:
            # From now on by its group, which its children share.
            if self._reaper:
                self._reaper.guard(popen.pid)
            process = Process(popen, title, self.interruption,
                              stderr or StderrTail(), idle_timeout,
                              held_output)
            try:
                yield process
                process.finish()
            finally:
                # Also after success: its children may still run.
                process.kill()
                process.close()
                # Before Popen waits for it: then its id becomes free, and the
                # reaper could kill a group of another program.
                if self._reaper:
                    self._reaper.release(popen.pid)

    @contextlib.contextmanager
    def _started(
        self, command: list[str], title: str, **options: Any
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Start a process whose standard error is a pipe.

        The pipe is made here, not by Popen, so that the reaper knows it before
        the process exists (see Reaper.expect).
        """
        read_end, write_end = os.pipe()
        with open(read_end, "rb", buffering=0) as stderr:
            try:
                if self._reaper:
                    self._reaper.expect(write_end)
                popen = subprocess.Popen(
                    command, bufsize=0, stderr=write_end,
                    start_new_session=True, **options)
            except OSError as error:
                raise TaskError(
                    f"{title} cannot be started: {_explain(error, command[0])}"
                ) from error
            finally:
                # Otherwise standard error would never come to its end.
                os.close(write_end)
            popen.stderr = stderr
            try:
                with popen:
                    yield popen
            finally:
                self._groups.add(popen.pid)
                self._collect()

    def _collect(self) -> None:
        """Collect the killed children of processes that have ended.

        They are children of this Worker only if it is the first process of a
        container. Then nothing else collects them, and they would add up.
        """
        for group in list(self._groups):
            try:
                while os.waitpid(-group, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:  # None is left.
                self._groups.remove(group)

    def run(
        self, command: list[str], title: str, env: Mapping[str, str]
    ) -> None:
        """Run a command without input and output, and wait for its end.

        Raises TaskError if it can't be started or fails.
        """
        with self.running(command, title, stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, env=env):
            pass


def _explain(error: OSError, executable: str) -> str:
    """Return why an executable can't be started, and what may help."""
    # The kernel reports a missing interpreter as if the script were missing.
    if isinstance(error, FileNotFoundError) and os.path.isfile(executable):
        return ("no such file: the interpreter that its first line names "
                "(a line that ends with CR LF names another one)")
    hints = {
        errno.EACCES: "is it executable (chmod +x)?",
        errno.ENOEXEC: "a script begins with a line such as #!/bin/sh",
    }
    hint = hints.get(error.errno or 0)
    return f"{error.strerror}" + (f": {hint}" if hint else "")
