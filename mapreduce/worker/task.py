"""Do a task of any of the four messages. No sockets: engines use it, too."""
from __future__ import annotations

from mapreduce.protocol.extensions import ExtendedMapTaskMessage
from mapreduce.protocol.messages import TaskMessage, extended_task
from mapreduce.worker.map_stage import run_map
from mapreduce.worker.output import OutputDirectory
from mapreduce.worker.processes.executor import Executor
from mapreduce.worker.processes.launcher import Launcher
from mapreduce.worker.processes.reporter import Reporter
from mapreduce.worker.processes.streams import open_log
from mapreduce.worker.reduce_stage import run_reduce


def run_task(
    task: TaskMessage, output: OutputDirectory, launcher: Launcher,
    reporter: Reporter | None = None,
) -> None:
    """Do a task; when this returns, all its files are in the output directory.

    The reporter, if given, receives the counters and status lines of the
    executables. Raises TaskError or OSError if the task can't be done, and
    TaskInterrupted if it was interrupted.
    """
    # All four messages in one form: each stage has only one implementation.
    task = extended_task(task)
    with open_log(task.logs) as log:
        executor = Executor(
            launcher, task.environment, task.task_timeout, reporter, log,
            bool(task.any_exit_code))
        if isinstance(task, ExtendedMapTaskMessage):
            run_map(task, output, executor)
        else:
            run_reduce(task, output, executor)
