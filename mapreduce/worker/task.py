"""Do a task of any of the four messages. No sockets: engines use it, too."""
from __future__ import annotations

from mapreduce.protocol import layout
from mapreduce.protocol.extensions import (
    ExtendedMapTaskMessage,
    ExtendedTask,
)
from mapreduce.protocol.messages import TaskMessage, extended_task
from mapreduce.system import scratch
from mapreduce.worker import map_stage, reduce_stage
from mapreduce.worker.output import OutputDirectory
from mapreduce.worker.processes.executor import Executor
from mapreduce.worker.processes.launcher import Launcher
from mapreduce.worker.processes.reporter import Reporter
from mapreduce.worker.processes.streams import open_log
from mapreduce.worker.skipping.search import Stage, run_without_bad
from mapreduce.worker.skipping.skips import Skips


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
        if task.skip_bad_records is None:
            _stage(task, output, executor, "").run(Skips())
            return
        # For inputs that are read more than once; most need no file.
        with scratch.directory(
                layout.local_directory_prefix(task.task_id)) as directory:
            run_without_bad(_stage(task, output, executor, directory),
                            task.skip_bad_records, executor)


def _stage(
    task: ExtendedTask, output: OutputDirectory, executor: Executor,
    directory: str,
) -> Stage:
    """Return the stage of a task; `directory` is for what it reads again."""
    if isinstance(task, ExtendedMapTaskMessage):
        return map_stage.stage(task, output, executor, directory)
    return reduce_stage.stage(task, output, executor, directory)
