"""The command mapreduce-2017-worker, and the Worker itself."""
from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
from collections.abc import Callable

import click

from mapreduce.protocol import messages, messages_2017 as dialect
from mapreduce.protocol.layout import LOCAL_DIRECTORY_PREFIX, MAX_TASKS
from mapreduce.system import access, daemon, scratch
from mapreduce.worker import daemon as base
from mapreduce.worker.assignments import Assignment, Assignments
from mapreduce.worker.errors import TaskInterrupted
from mapreduce.worker.inputs.files import open_input
from mapreduce.worker.manager_link import Contact
from mapreduce.worker.output import OutputDirectory
from mapreduce.worker.processes.executor import Executor
from mapreduce.worker.processes.reaper import running_reaper
from mapreduce.worker.shuffle.grouping import sort_files

LOGGER = logging.getLogger(__name__)

HOST = "localhost"


class ManyAssignments(Assignments):
    """The tasks of a Worker; a Master may send it all tasks at once."""

    max_assignments = MAX_TASKS
    opens_output = False


class Worker(base.Worker):
    """A Worker that speaks the dialect.

    Afterwards, has_failed says whether a task could not be done: the dialect
    has no other word for that than an exit code.
    """

    classes = dialect.CLASSES
    types = (dialect.RegisterAckMessage, dialect.WorkerJobMessage,
             dialect.SortJobMessage, messages.ShutdownMessage)
    assignments = ManyAssignments
    has_failed = False

    def _introduce(self, manager: messages.Address) -> Contact:
        host, port = manager
        return Contact(
            manager, self._address, (host, port - 1),
            dialect.RegisterMessage(*self._address, os.getpid()),
            dialect.HeartbeatMessage(os.getpid()))

    def _preprocess(self, message: messages.Message) -> object:
        match message:
            case dialect.RegisterAckMessage():
                return super()._preprocess(messages.RegisterAckMessage())
            case messages.ShutdownMessage():
                self.terminate()
            case dialect.WorkerJobMessage() | dialect.SortJobMessage():
                if message.worker_pid == os.getpid():
                    return self._assignments.receive(message)
                LOGGER.warning("Ignored %r: not for this process", message)
        return None

    def _do(self, assignment: Assignment) -> None:
        """Do a task, and send its status; or end."""
        failure = self._attempt(assignment, None)
        if assignment.void or failure is base.INTERRUPTED:
            LOGGER.info("Gave up a task")
        elif failure is None:
            self._link.send_outcome(assignment.task.status)
        else:
            LOGGER.error("Exit, as a task failed: %s", failure)
            self.has_failed = True
            self.terminate()

    def _run_task(self, assignment: Assignment, _: object) -> None:
        """Make files outside their folder, which others list, then move them.

        There, each appears complete, and nothing else does.
        """
        def check() -> None:
            if assignment.void or self._assignments.terminated:
                raise TaskInterrupted

        task: dialect.TaskMessage = assignment.task
        place = scratch.place_beside(task.output_directory)
        scratch.remove_leftovers(LOCAL_DIRECTORY_PREFIX, place)
        with (
            scratch.directory(LOCAL_DIRECTORY_PREFIX, place) as directory,
            contextlib.closing(
                OutputDirectory(task.output_directory)) as output,
        ):
            paths = [os.path.join(directory, os.path.basename(path))
                     for path in task.outputs]
            if isinstance(task, dialect.SortJobMessage):
                sort_files(task.input_files, paths[0], check)
                output.commit(paths[0])
                return
            for source, path in zip(task.input_files, paths):
                self._run_executable(task.executable, source, path)
                output.commit(path)

    def _run_executable(self, command: str, source: str, target: str) -> None:
        with (
            open_input(source) as file, open(target, "wb") as output,
            Executor(self._launcher, {}).running(
                command, f"{command} on the input {source!r}",
                stdin=file, stdout=subprocess.PIPE) as process,
        ):
            output.writelines(process.read())


@click.command()
@click.argument("master_port", type=click.IntRange(2, 65535))
@click.argument("worker_port", type=daemon.PORT)
def main(master_port: int, worker_port: int) -> None:
    """Run a Worker of the 2017 dialect until it is told to shut down.

    It ends with exit code 1 when an executable fails.
    """
    def serve(port: int, ready: Callable[[], None], _: object) -> None:
        # Before the Worker: its first process is guarded, too.
        with running_reaper() as reaper:
            worker = Worker(HOST, port, HOST, master_port, (
                base.WorkerEnvironment(
                    daemon.ENDING_SIGNALS, reaper, None, ready)))
        if worker.has_failed:
            sys.exit(1)

    access.refuse_variable()
    daemon.run("Worker", daemon.Options(HOST, worker_port), serve)


if __name__ == "__main__":
    main(prog_name="mapreduce-2017-worker")
