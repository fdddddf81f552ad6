"""Do a task, whichever of the four messages asked for it."""
from __future__ import annotations

from mapreduce.protocol.extensions import ExtendedMapTaskMessage
from mapreduce.protocol.messages import TaskMessage, extended_task
from mapreduce.worker.map_stage import run_map
from mapreduce.worker.output import OutputDirectory
from mapreduce.worker.processes.executor import Executor
from mapreduce.worker.processes.launcher import Launcher
from mapreduce.worker.processes.reporter import Reporter
from mapreduce.worker.reduce_stage import run_reduce


def run_task(
    task: TaskMessage, output: OutputDirectory, launcher: Launcher,
    reporter: Reporter | None = None,
) -> None:
    """Do a task: all its files are in the output directory at the end.

    What its executables report goes to the reporter, if there is one.

    Raises TaskError or OSError if it can't be done, TaskInterrupted if it
    was interrupted.
    """
    task = extended_task(task)
    executor = Executor(
        launcher, task.environment, task.task_timeout, reporter)
    if isinstance(task, ExtendedMapTaskMessage):
        run_map(task, output, executor)
    else:
        run_reduce(task, output, executor)
