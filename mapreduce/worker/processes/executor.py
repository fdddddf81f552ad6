"""Run the commands of a job with the options that its user gave.

Those of the Worker itself, such as sort, are run by the Launcher directly.
"""
from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO

from mapreduce.system.commands import words
from mapreduce.worker.errors import TaskError
from mapreduce.worker.processes.held_output import HeldOutput
from mapreduce.worker.processes.idle_timeout import IdleTimeout
from mapreduce.worker.processes.launcher import Launcher, Stream
from mapreduce.worker.processes.process import Process
from mapreduce.worker.processes.reporter import (
    CounterError,
    ReportedStderr,
    Reporter,
)
from mapreduce.worker.processes.streams import LoggedStderr, StderrTail
from mapreduce.worker.processes.variables import Environment
from mapreduce.worker.processes.working_directory import make_executable


class Executor:
    """Runs the executables of one task; `launcher` runs other programs."""

    def __init__(
        self, launcher: Launcher, environment: Mapping[str, str],
        task_timeout: float | None = None, reporter: Reporter | None = None,
        log: IO[bytes] | None = None, any_exit_code: bool = False,
    ) -> None:
        """Add variables to the environment of the executables.

        An executable that neither reads, writes nor reports for task_timeout
        seconds is killed. Standard error goes to the log, if there is one.
        With any_exit_code, only signals are failures.
        """
        self.launcher = launcher
        self.environment = Environment(environment)
        self._task_timeout = task_timeout
        self._reporter = reporter
        self.directory: str | None = None  # None: that of the Worker
        self._special = log, any_exit_code

    @contextlib.contextmanager
    def running(
        self, command: str, title: str, *, arguments: Sequence[str] = (),
        names: Mapping[str, str] | None = None, **streams: Stream,
    ) -> Iterator[Process]:
        """Run a command until the end of the block.

        `arguments` follow those of the command. `names` are variables for
        this process only; those of the task override them. `streams` are
        stdin and stdout, as for subprocess.Popen. Raises TaskError as
        Launcher.running does.
        """
        found = self.find(command, title)
        place = {} if self.directory is None else {"cwd": self.directory}
        try:
            with self.launcher.running(
                    [*found, *arguments], title, stderr=self._stderr(),
                    idle_timeout=self._idle_timeout(streams.values()),
                    held_output=self._held_output(),
                    env=self.environment.variables(names), **place,
                    **streams) as process:
                _, any_exit_code = self._special
                if any_exit_code:
                    process.accept_any_code()
                yield process
        except CounterError as error:
            raise TaskError(f"{title} cannot go on: {error}") from error

    def find(self, command: str, title: str) -> list[str]:
        """Return the program of a command and its arguments.

        A program that is not in the directory of the task is that of the
        Worker. Raises TaskError if the command can't be split.
        """
        try:
            # By the PATH of the task, which its user may have set.
            found = words(command, self.environment.given.get("PATH"),
                          self.directory or os.curdir)
        except ValueError as error:
            raise TaskError(f"{title} cannot be started: {error}") from error
        if self.directory is not None and "/" in found[0]:
            program = os.path.join(self.directory, found[0])
            if os.path.exists(program):
                make_executable(program)
            else:
                found[0] = os.path.abspath(found[0])
        return found

    @property
    def counts(self) -> bool:
        """Whether the task has counters."""
        return self._reporter is not None

    @property
    def counters(self) -> dict[str, dict[str, int]]:
        """Those of the task until now, by group and name."""
        return self._reporter.counters if self._reporter else {}

    def count(self, group: str, name: str, amount: int = 1) -> None:
        """Add to a counter of the task, if it has counters."""
        if self._reporter:
            self._reporter.count(group, name, amount)

    def forget_counters(self) -> None:
        """Begin the counters of the task anew."""
        if self._reporter:
            self._reporter.forget_counters()

    def note_status(self, status: str) -> None:
        """Publish a status of the task, if it has one."""
        if self._reporter:
            self._reporter.note_status(status)

    def _stderr(self) -> StderrTail:
        stderr = (StderrTail() if self._reporter is None
                  else ReportedStderr(self._reporter))
        log, _ = self._special
        return LoggedStderr(stderr, log) if log else stderr

    def _held_output(self) -> HeldOutput:
        if self._reporter is None:
            return HeldOutput(self._task_timeout)
        return HeldOutput(self._task_timeout, self._reporter.note_status)

    def _idle_timeout(self, streams: Iterable[Stream]) -> IdleTimeout | None:
        if self._task_timeout is None:
            return None
        return IdleTimeout(self._task_timeout, [
            # Integers stand for pipes, which the Process watches itself.
            stream.fileno() for stream in streams
            if not isinstance(stream, int)])
