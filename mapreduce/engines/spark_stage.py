"""Do one task of a job in an executor of Spark, by the stages of the Worker.

Imported in executors, from the copy of this package that comes with the job.
So no import here may need click, rich or pyspark.

The map stage yields pairs of a partition and a piece. A piece of map output is
(map task, offset in its file, bytes).
"""
from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from mapreduce.manager.scheduling.plan import Plan
from mapreduce.protocol import layout
from mapreduce.protocol.extensions import (
    ExtendedMapTaskMessage,
    ExtendedReduceTaskMessage,
)
from mapreduce.protocol.status import (
    Stage,
    TaskState,
    TaskStatus,
    WorkerAddress,
)
from mapreduce.system import scratch
from mapreduce.worker.errors import TaskError
from mapreduce.worker.output import OutputDirectory
from mapreduce.worker.processes.interruption import Interruption
from mapreduce.worker.processes.launcher import Launcher
from mapreduce.worker.processes.reaper import Reaper, running_reaper
from mapreduce.worker.processes.reporter import Reporter
from mapreduce.worker.task import run_task

# Bytes. PySpark collects up to 1,000 pieces before it passes them on.
PIECE = 8 * 2**10

# PySpark sets these for its own Python, not for executables.
OF_PYSPARK = ("OMP_NUM_THREADS", "PYTHONHASHSEED", "PYTHONPATH",
              "PYTHONUNBUFFERED")

# Of reasons that say what this host lacks: no executable is the cause.
HOST = "the host "

# Precedes the JSON of a failure, which comes to the driver among the traces of
# Python and Java.
FAILURE = "mapreduce failure: "

Counters = dict[str, dict[str, int]]
# What the driver learns of a task. As the address of a Worker, it has the host
# and the id of the process; it began at seconds since 1970.
Done = tuple[TaskStatus, Counters]
Report = Callable[[list[Done]], object]
Piece = tuple[int, int, bytes]


class Failure(Exception):
    """A task has failed; the text is for the driver."""


@dataclasses.dataclass(frozen=True)
class SparkTasks:
    """The tasks of a job: what an executor must know of it."""

    # All of its paths are absolute. Its directory is empty, or where the map
    # output is kept for the user.
    plan: Plan
    working_directory: str  # to which the paths of the user are relative
    # Of OF_PYSPARK, those that the command had, if the executor is beside it.
    variables: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def map(
        self, task_id: int, attempt: int, report: Report, _: Iterable[object]
    ) -> Iterator[tuple[int, Piece]]:
        """Do a map task, and report it; iterate over its output."""
        with self._running(Stage.MAP, task_id, attempt) as own:
            directory = self.plan.directory or own
            task = dataclasses.replace(
                self.plan, directory=directory).map_task(task_id, attempt)
            assert isinstance(task, ExtendedMapTaskMessage)
            _check_inputs(split.path for split in task.splits)
            report([_do(task, Stage.MAP, attempt)])
            for partition in range(task.num_partitions):
                path = os.path.join(
                    directory, layout.map_output(task_id, partition))
                for offset, block in _pieces(path):
                    yield partition, (task_id, offset, block)

    def reduce(
        self, task_id: int, attempt: int, report: Report,
        pieces: Iterable[tuple[int, Piece]],
    ) -> tuple[()]:
        """Do a reduce task, and report it; return what goes on: nothing."""
        with self._running(Stage.REDUCE, task_id, attempt) as own:
            _collect(pieces, own, task_id)
            task = dataclasses.replace(
                self.plan, directory=own).reduce_task(task_id, attempt)
            assert isinstance(task, ExtendedReduceTaskMessage)
            # Without pieces, a file is not made. That is right for an empty
            # one, but the task needs at least one file.
            with open(task.input_paths[0], "ab"):
                pass
            task = dataclasses.replace(task, input_paths=list(filter(
                os.path.exists, task.input_paths)))
            report([_do(task, Stage.REDUCE, attempt)])
        return ()

    @contextlib.contextmanager
    def _running(
        self, stage: Stage, task_id: int, attempt: int
    ) -> Iterator[str]:
        """Yield a directory for a task; convert errors to Failure."""
        # Spark removes this directory with the executor, or after it.
        tempfile.tempdir = os.environ["SPARK_LOCAL_DIRS"].split(",")[0]
        for name in OF_PYSPARK:
            os.environ.pop(name, None)
        os.environ.update(self.variables)
        previous = os.getcwd()
        try:
            with scratch.directory(layout.LOCAL_DIRECTORY_PREFIX) as directory:
                self._enter()
                yield directory
        # OSError: such as a full disk.
        except (TaskError, OSError, MemoryError) as error:
            raise Failure(FAILURE + json.dumps([
                stage.value, task_id, attempt + 1, self._reason(error)
            ])) from None
        finally:
            os.chdir(previous)

    def _enter(self) -> None:
        """Change to the working directory of the user.

        Raises TaskError if this host does not see the directory for logs, or
        the output directory, whose random name no other directory has.
        """
        for what, path in (
                ("output directory", self.plan.result_directory),
                ("directory for logs", self.plan.submission.logs)):
            if path is not None and not os.path.isdir(path):
                raise TaskError(f"{HOST}{platform.node()} does not see the "
                                f"{what} {path!r}: all hosts must share it")
        # Not needed if all paths are absolute.
        with contextlib.suppress(OSError):
            os.chdir(self.working_directory)

    def _reason(self, error: Exception) -> str:
        host = platform.node()
        reason = str(error) if isinstance(error, TaskError) else (
            f"{HOST}{host} can't go on: {error or 'not enough memory'}")
        if not os.path.isdir(self.working_directory):
            reason += (f"\nThe host {host} has no directory "
                       f"{self.working_directory!r}, where the job began")
        return reason


def _check_inputs(paths: Iterable[str]) -> None:
    """Raise TaskError unless this host has the inputs of a task."""
    # The driver has found them. So they are not bad inputs, which may be
    # skipped: on this host, something is not mounted.
    for path in paths:
        if not os.path.lexists(path):
            raise TaskError(
                f"{HOST}{platform.node()} does not see the input {path!r}: "
                "all hosts must share it")


def _do(
    task: ExtendedMapTaskMessage | ExtendedReduceTaskMessage, stage: Stage,
    attempt: int,
) -> Done:
    """Do a task, and return what is known of it."""
    if task.archives:
        # Unpacked once for all tasks of an executor.
        task = dataclasses.replace(
            task, unpack_directory=tempfile.gettempdir())
    reporter = Reporter(lambda status: None)
    started = time.time()
    with (
        Interruption() as interruption,
        contextlib.closing(OutputDirectory(task.output_directory)) as output,
    ):
        run_task(task, output, Launcher(interruption, _reaper()), reporter)
    names = (layout.INPUT if stage is Stage.MAP else layout.REDUCE_INPUT)
    return TaskStatus(
        stage, task.task_id, TaskState.DONE,
        WorkerAddress(platform.node(), os.getpid()), attempt + 1,
        round(time.time() - started, 3), None, None, started, (),
        *map(reporter.counters.get(layout.RECORDS, {}).get, names)
    ), reporter.counters


@functools.cache
def _reaper() -> Reaper:
    """Return the reaper of this process, which does many tasks."""
    # It ends when this process has ended, as the block never does.
    return _for_ever.enter_context(running_reaper())


_for_ever = contextlib.ExitStack()


def _pieces(path: str) -> Iterator[tuple[int, bytes]]:
    offset = 0
    with open(path, "rb") as file:
        while block := file.read(PIECE):
            yield offset, block
            offset += len(block)


def _collect(
    pieces: Iterable[tuple[int, Piece]], directory: str, task_id: int
) -> None:
    """Write the pieces of map outputs to their files."""
    for _, (map_id, offset, content) in pieces:
        path = os.path.join(directory, layout.map_output(map_id, task_id))
        with open(path, "wb", opener=_open_as_it_is) as file:
            file.seek(offset)
            file.write(content)


def _open_as_it_is(path: str, flags: int) -> int:
    """Open a file without emptying it; make it if there is none."""
    return os.open(path, flags & ~os.O_TRUNC, 0o600)
