"""Do a task, in whichever of the four messages it came."""
from __future__ import annotations

from mapreduce.utils.extensions import (
    ExtendedMapTaskMessage,
    ExtendedReduceTaskMessage,
)
from mapreduce.utils.fields import Split
from mapreduce.utils.messages import (
    ExtendedTaskMessage,
    MapTaskMessage,
    ReduceTaskMessage,
    TaskMessage,
)
from mapreduce.worker.executor import Executor
from mapreduce.worker.launcher import Launcher
from mapreduce.worker.mapping import run_map
from mapreduce.worker.output import OutputDirectory
from mapreduce.worker.reducing import run_reduce
from mapreduce.worker.reporter import Reporter


def run(
    task: TaskMessage, output: OutputDirectory, launcher: Launcher,
    reporter: Reporter | None = None,
) -> None:
    """Do a task: all its files are in the output directory at the end.

    What its executables report goes to the reporter, if there is one.

    Raises TaskError or OSError if it can't be done, TaskInterrupted if it
    was interrupted.
    """
    task = extended(task)
    executor = Executor(
        launcher, task.environment, task.task_timeout, reporter)
    if isinstance(task, ExtendedMapTaskMessage):
        run_map(task, output, executor)
    else:
        run_reduce(task, output, executor)


def extended(task: TaskMessage) -> ExtendedTaskMessage:
    """Return a task with nothing added in the words of those with options."""
    if isinstance(task, MapTaskMessage):
        return ExtendedMapTaskMessage(
            task.task_id, list(map(Split, task.input_paths)), task.executable,
            task.output_directory, task.num_partitions, environment={})
    if isinstance(task, ReduceTaskMessage):
        return ExtendedReduceTaskMessage(
            task.task_id, task.executable, task.input_paths,
            task.output_directory, environment={})
    return task
