"""The Worker: does what its Manager wants, one task at a time.

The thread that calls the constructor does the tasks, and registers. One more
listens, so that whatever comes is heard at once; clients that dawdle get one
of their own while there are any. Another one keeps contact with the Manager.
"""
from __future__ import annotations

import dataclasses
import logging
import os
import queue
import signal
import tempfile
import typing
from collections.abc import Callable

from mapreduce.protocol import messages
from mapreduce.protocol.extensions import ProgressMessage
from mapreduce.system.daemon import ending_on
from mapreduce.utils.inbox import Inbox, Terminated
from mapreduce.utils.network import tcp_server
from mapreduce.worker.assignments import Assignment, Assignments
from mapreduce.worker.errors import TaskError, TaskInterrupted
from mapreduce.worker.manager_link import ManagerLink
from mapreduce.worker.processes.interruption import Interruption
from mapreduce.worker.processes.launcher import Launcher
from mapreduce.worker.processes.reaper import Reaper
from mapreduce.worker.processes.reporter import Reporter
from mapreduce.worker.progress_sender import ProgressSender
from mapreduce.worker.task import run_task

LOGGER = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class WorkerEnvironment:
    """What the command sets up around a Worker, for its whole process."""

    ending_signals: tuple[signal.Signals, ...] = ()
    reaper: Reaper | None = None
    fail_after: int | None = None  # A drill: die when given one task more.
    on_listening: Callable[[], object] = lambda: None


@dataclasses.dataclass(frozen=True)
class ManagerLost:
    """The Manager is gone, or must think that this Worker is."""


class Worker:
    """A Worker, from start to end: the constructor is its whole life."""

    def __init__(
        self, host: str, port: int, manager_host: str, manager_port: int,
        environment: WorkerEnvironment = WorkerEnvironment(),
    ) -> None:
        """Run a Worker that listens on host and port and serves a Manager.

        Returns after a shutdown message, or one of the signals that the
        environment names, when all threads and processes have ended. Raises
        OSError if it can't listen there.
        """
        self._address = host, port
        self._environment = environment
        with Interruption() as interruption:
            self._assignments = Assignments(interruption)
            self._launcher = Launcher(interruption, environment.reaper)
            with (
                tcp_server(host, port) as tcp,
                Inbox(self._admit) as self._inbox,
                ending_on(environment.ending_signals, self.terminate),
            ):
                self._link = ManagerLink(
                    (manager_host, manager_port), self._address,
                    self._inbox.stop, self._lose_manager)
                self._progress = ProgressSender(
                    self._link.send_progress, self._inbox.spawn,
                    self._inbox.stop)
                self._inbox.listen_tcp(
                    tcp, *typing.get_args(messages.TaskMessage),
                    messages.RegisterAckMessage, messages.CancelMessage,
                    messages.ShutdownMessage)
                LOGGER.info("Listening on %s:%d", host, port)
                environment.on_listening()
                self._link.register()
                self._inbox.spawn(self._link.keep)
                self._run()
                self._inbox.stop.set()
                self._link.wake()
                self._progress.close()
        LOGGER.info("Ended")

    def terminate(self) -> None:
        """Have the Worker end, and its task with it; for signal handlers."""
        self._assignments.terminate()
        self._inbox.put(Terminated())

    def _run(self) -> None:
        """Handle what arrives, in order, until it is time to exit."""
        while not self._assignments.terminated:
            try:
                event, _ = self._inbox.get(
                    self._link.seconds_to_registration())
            except queue.Empty:
                self._assignments.close()
                self._link.register()
                continue
            match event:
                case Assignment():
                    self._do(event)
                case ManagerLost():
                    self._link.plan_registration()
                case messages.ShutdownMessage():
                    return

    def _admit(self, message: messages.Message) -> object:
        """Take a message, when it arrives, in the thread that hears it.

        Return what is then left to do, in its turn, if anything.
        """
        match message:
            case messages.RegisterAckMessage():
                if self._link.acknowledge():
                    self._assignments.reopen()
                return None
            case messages.CancelMessage():
                self._assignments.cancel(message.task_id)
                return None
            case messages.ShutdownMessage():
                self._assignments.finish_first()
        if isinstance(message, messages.TaskMessage):
            self._drill()
            return self._assignments.receive(message)
        return message

    def _drill(self) -> None:
        """Die, as if killed, if this task is the one that was named for it."""
        if self._assignments.num_received == self._environment.fail_after:
            LOGGER.error("Exit when given one task more than %d, as told by "
                         "--fail-after", self._environment.fail_after)
            os._exit(1)

    def _lose_manager(self, reason: str) -> None:
        """Give up all tasks, and then register again."""
        LOGGER.warning("Lost contact with the Manager: %s", reason)
        self._assignments.close()
        self._inbox.put(ManagerLost())

    def _do(self, assignment: Assignment) -> None:
        """Do a task, and report it if somebody wants to know."""
        task_id = assignment.task.task_id
        reporter = self._reporter(assignment)
        failure = self._attempt(assignment, reporter)
        if assignment.cancelled:
            failure = "cancelled"
        if assignment.void or (self._assignments.terminated and failure):
            self._progress.discard()
            return
        self._progress.flush()
        if failure is None:
            counters = reporter.counters if reporter else None
            self._link.send_outcome(messages.FinishedMessage(
                task_id, *self._address, counters or None))
        else:
            self._link.send_outcome(
                messages.FailedMessage(task_id, *self._address, failure))

    def _reporter(self, assignment: Assignment) -> Reporter | None:
        """Return what takes the reports of the executables of a task.

        None for a task of the specification, which has no message for them.
        """
        task = assignment.task
        if not isinstance(task, messages.ExtendedTaskMessage):
            return None

        def publish(status: str) -> None:
            if not (assignment.void or assignment.cancelled):
                self._progress.offer(ProgressMessage(
                    task.task_id, *self._address, status))
        return Reporter(publish)

    def _attempt(
        self, assignment: Assignment, reporter: Reporter | None
    ) -> str | None:
        """Do a task; return why it can't be done, None if it is done."""
        task = assignment.task
        LOGGER.info("Received task %r", task)
        try:
            with self._assignments.work_on(assignment):
                run_task(
                    task, assignment.output, self._launcher, reporter)
        except TaskInterrupted:
            LOGGER.info("Gave up task %d", task.task_id)
            return "interrupted"
        except TaskError as error:
            failure = str(error)
        except (OSError, MemoryError) as error:
            failure = (f"the Worker can't go on: {error!r}; its temporary "
                       f"directory is {tempfile.gettempdir()!r}")
        else:
            LOGGER.info("Finished task %d", task.task_id)
            return None
        LOGGER.error("Task %d failed: %s", task.task_id, failure)
        return failure
