"""Run the commands that a job names, the way that its user wants."""
from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence

from mapreduce.system.commands import words
from mapreduce.worker.errors import TaskError
from mapreduce.worker.processes.idle_timeout import IdleTimeout
from mapreduce.worker.processes.launcher import Launcher, Stream
from mapreduce.worker.processes.process import Process
from mapreduce.worker.processes.reporter import (
    CounterError,
    ReportedStderr,
    Reporter,
)
from mapreduce.worker.processes.streams import StderrTail


class Executor:
    """Runs the executables of one task; what is not the user's, `launcher`."""

    def __init__(
        self, launcher: Launcher, environment: Mapping[str, str],
        task_timeout: float | None = None, reporter: Reporter | None = None,
    ) -> None:
        """Have them see an environment beside the one of this process.

        If that is empty, they see nothing that this process does not. One
        that neither reads, writes nor reports for task_timeout seconds is
        killed.
        """
        self.launcher = launcher
        self._environment = environment
        self._task_timeout = task_timeout
        self._reporter = reporter

    @contextlib.contextmanager
    def running(
        self, command: str, title: str, *, arguments: Sequence[str] = (),
        names: Mapping[str, str] | None = None, **streams: Stream,
    ) -> Iterator[Process]:
        """Run a command, and arguments after its own, until the block ends.

        The names are set in its environment alone, unless the task has them;
        the streams are stdin and stdout, as of subprocess.Popen. Raises
        TaskError as a Launcher does.
        """
        try:
            found = words(command, self._environment.get("PATH"))
        except ValueError as error:
            raise TaskError(f"{title} cannot be started: {error}") from error
        try:
            with self.launcher.running(
                    [*found, *arguments], title, stderr=self._stderr(),
                    idle_timeout=self._idle_timeout(streams.values()),
                    env=self._env(names or {}), **streams) as process:
                yield process
        except CounterError as error:
            raise TaskError(f"{title} cannot go on: {error}") from error

    def _env(self, names: Mapping[str, str]) -> dict[str, str] | None:
        """Return what subprocess.Popen takes; None: all is left as it is."""
        if not self._environment:
            return None
        return {**os.environ, **names, **self._environment}

    def _stderr(self) -> StderrTail:
        if self._reporter is None:
            return StderrTail()
        return ReportedStderr(self._reporter)

    def _idle_timeout(self, streams: Iterable[Stream]) -> IdleTimeout | None:
        if self._task_timeout is None:
            return None
        return IdleTimeout(self._task_timeout, [
            stream.fileno() for stream in streams
            if not isinstance(stream, int)])
