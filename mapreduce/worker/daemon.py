"""Run a Worker: receive tasks, do them one at a time, report their outcomes.

The threads, and what each may touch:

    main        calls the constructor; registers, does the tasks, sends their
                outcomes
    listener    decodes messages; adds tasks to the Assignments and the Inbox,
                handles acks and cancels at once
    watcher     the same for slow peers; answers queries (utils/connections)
    heartbeats  ManagerLink.keep; notices a lost Manager
    progress    sends status lines; started for the first (ProgressSender)

So Assignments and ManagerLink are shared, and everything else belongs to main.
A signal handler only sets the Interruption and adds an event to the Inbox.
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
from typing import Any

from mapreduce.protocol import codec, messages, signing
from mapreduce.protocol.extensions import ProgressMessage
from mapreduce.protocol.fields import MAX_REASON
from mapreduce.system.daemon import ending_on
from mapreduce.utils.door import seal_for
from mapreduce.utils.inbox import EndingSignal, Inbox
from mapreduce.utils.network import tcp_server
from mapreduce.worker.assignments import Assignment, Assignments
from mapreduce.worker.errors import (
    TaskError,
    TaskInterrupted,
    TooManyBadRecords,
)
from mapreduce.worker.manager_link import (
    Contact,
    ManagerLink,
    base_contact,
    clock,
)
from mapreduce.worker.processes.interruption import Interruption
from mapreduce.worker.processes.launcher import Launcher
from mapreduce.worker.processes.reaper import Reaper
from mapreduce.worker.processes.reporter import Reporter
from mapreduce.worker.progress_sender import ProgressSender
from mapreduce.worker.shuffle import loops
from mapreduce.worker.task import run_task

LOGGER = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class WorkerEnvironment:
    """What a command sets up for the process in which a Worker runs."""

    ending_signals: tuple[signal.Signals, ...] = ()
    reaper: Reaper | None = None
    fail_after: int | None = None  # For drills: exit at the task after these.
    on_listening: Callable[[], object] = lambda: None
    secret: signing.Secret | None = None  # None: nothing is signed


@dataclasses.dataclass(frozen=True)
class ManagerLost:
    """The Manager is gone, or it has marked this Worker dead."""

    asked: float | None = None  # when it asked to register again, by `clock`


INTERRUPTED = "interrupted"  # why a task has no result


class Worker:
    """A Worker; the constructor runs it from start to end.

    A subclass may speak another dialect: it has messages of its own, and does
    other things for a task.
    """

    classes = codec.CLASSES  # all messages of the dialect, by message_type …
    types: tuple[type, ...] = (  # … and those that a Worker accepts
        *typing.get_args(messages.TaskMessage), messages.RegisterAckMessage,
        messages.RegisterAgainMessage, messages.CancelMessage,
        messages.ShutdownMessage)
    assignments = Assignments  # or a subclass

    def __init__(
        self, host: str, port: int, manager_host: str, manager_port: int,
        environment: WorkerEnvironment = WorkerEnvironment(),
    ) -> None:
        """Run a Worker that listens on host and port.

        Returns after a shutdown message or one of the environment's signals,
        when all its threads and processes have ended. Raises OSError if it
        can't listen there.
        """
        self._address = host, port
        self._environment = environment
        with Interruption() as interruption:
            self._assignments = self.assignments(interruption)
            self._launcher = Launcher(interruption, environment.reaper)
            with (
                tcp_server(host, port) as tcp,
                Inbox(self._preprocess, self.classes, seal_for(
                    signing.worker(host, port), environment.secret)
                      ) as self._inbox,
                ending_on(environment.ending_signals, self.terminate),
            ):
                self._link = ManagerLink(
                    self._introduce((manager_host, manager_port)),
                    self._inbox.stop, self._note_loss)
                self._progress = ProgressSender(
                    self._link.send_progress, self._inbox.spawn,
                    self._inbox.stop)
                self._inbox.listen_tcp(tcp, *self.types)
                LOGGER.info("Listening on %s:%d, with %s", host, port,
                            loops.DESCRIPTION)
                environment.on_listening()
                # Only now: the Manager answers on this port.
                self._link.register()
                self._inbox.spawn(self._link.keep)
                self._run()
                # Two threads may wait for other events than the stop flag.
                self._inbox.stop.set()
                self._link.wake()
                self._progress.close()
        LOGGER.info("Ended")

    def _introduce(self, manager: messages.Address) -> Contact:
        return base_contact(manager, self._address, seal_for(
            signing.MANAGER, self._environment.secret))

    def terminate(self) -> None:
        """End the Worker and its running task; for signal handlers."""
        self._assignments.terminate()
        self._inbox.put(EndingSignal())

    def _run(self) -> None:
        """Handle events, in order of arrival, until the Worker must end."""
        while not self._assignments.terminated:
            try:
                event, _ = self._inbox.get(
                    self._link.seconds_to_registration())
            except queue.Empty:
                self._register_again()
                continue
            match event:
                case Assignment():
                    self._do(event)
                case ManagerLost():
                    self._link.plan_registration(event.asked)
                case messages.ShutdownMessage():
                    return

    def _register_again(self) -> None:
        """Register, if that is still due: an ack may have come meanwhile."""
        if self._link.seconds_to_registration() != 0:
            return
        # Tasks that came since the loss were for the Worker that the Manager
        # had registered before.
        self._assignments.close()
        self._link.register()

    def _acknowledge(self, token: str | None) -> None:
        is_first = not self._link.was_acknowledged
        if not self._link.acknowledge(token):
            return
        # Also those that came between two acks: the second one is that of
        # another registration, at which the Manager has requeued them.
        if not is_first:
            self._assignments.close()
        self._assignments.reopen()

    def _preprocess(self, message: messages.Message) -> object:
        """Handle a message at once, as far as that is possible.

        Return the event for the main thread; None if nothing is left to do.
        Called by the listener and the watcher.
        """
        match message:
            # Not in the main thread, which may be in a task for hours: an ack
            # must start the heartbeats, and a cancel must end that task.
            case messages.RegisterAgainMessage():
                now = clock()
                if self._link.may_be_unknown():
                    self._note_loss(
                        "it asks this Worker to register again", now)
                return None
            case messages.RegisterAckMessage():
                self._acknowledge(message.token)
                return None
            case messages.CancelMessage():
                self._assignments.cancel(message)
                return None
            case messages.ShutdownMessage():
                self._assignments.finish_first()
        if isinstance(message, messages.TaskMessage):
            self._drill()
            return self._assignments.receive(message)
        return message

    def _drill(self) -> None:
        """Exit, as if killed, if --fail-after tasks were received before."""
        if self._assignments.num_received == self._environment.fail_after:
            LOGGER.error("Exit when given one task more than %d, as told by "
                         "--fail-after", self._environment.fail_after)
            # Unlike sys.exit, this runs no cleanup, as SIGKILL would not.
            os._exit(1)

    def _note_loss(self, reason: str, asked: float | None = None) -> None:
        """Give up all tasks and register again; any thread may call this."""
        LOGGER.warning("Lost contact with the Manager: %s", reason)
        # Now, in this thread: the main thread may be in a task, which must
        # end. It registers again when it handles the event.
        self._assignments.close()
        self._inbox.put(ManagerLost(asked))

    def _do(self, assignment: Assignment) -> None:
        """Do a task and send its outcome to the Manager."""
        task_id = assignment.task.task_id
        reporter = self._reporter(assignment)
        failure = self._attempt(assignment, reporter)
        if failure is None:
            LOGGER.info("Finished task %d", task_id)
        elif failure is INTERRUPTED:
            LOGGER.info("Gave up task %d", task_id)
        else:
            LOGGER.error("Task %d failed: %s", task_id, failure)
        # Even if the task is done: the Manager waits for this answer, and has
        # no use for the result.
        if assignment.cancelled:
            failure = "cancelled"
            self._progress.discard()
        # Of a void task, the Manager expects nothing. A task that failed
        # because this Worker ends is not the task's fault.
        if assignment.void or (self._assignments.terminated and failure):
            self._progress.discard()
            return
        # Before the outcome: after it, the Manager ignores the status.
        self._progress.flush()
        if failure is None:
            counters = reporter.counters if reporter else None
            self._link.send_outcome(messages.FinishedMessage(
                task_id, *self._address, counters or None,
                **_identity(assignment.task)))
        else:
            # Of a long message, the Manager would take nothing.
            self._link.send_outcome(messages.FailedMessage(
                task_id, *self._address, failure[:MAX_REASON],
                assignment.hopeless or None,
                **_identity(assignment.task)))

    def _reporter(self, assignment: Assignment) -> Reporter | None:
        """Return a Reporter for an extended task, else None.

        The specification has no message for counters and status lines.
        """
        task = assignment.task
        if not isinstance(task, messages.ExtendedTaskMessage):
            return None

        def publish(status: str) -> None:
            # The Manager would ignore it, or take it for that of a new task
            # with the same id.
            if not (assignment.void or assignment.cancelled):
                self._progress.offer(ProgressMessage(
                    task.task_id, *self._address, status, **_identity(task)))
        return Reporter(publish)

    def _attempt(
        self, assignment: Assignment, reporter: Reporter | None
    ) -> str | None:
        """Do a task; return None if it is done, else why it failed."""
        LOGGER.info("Received task %r", assignment.task)
        try:
            with self._assignments.work_on(assignment):
                self._run_task(assignment, reporter)
        except TaskInterrupted:
            return INTERRUPTED
        except TaskError as error:
            assignment.hopeless = isinstance(error, TooManyBadRecords)
            return str(error)
        # Such as a full disk: the task fails, but the Worker must live.
        except (OSError, MemoryError) as error:
            return (f"the Worker can't go on: {_describe(error)}; its "
                    f"temporary directory is {tempfile.gettempdir()!r}")
        return None

    def _run_task(
        self, assignment: Assignment, reporter: Reporter | None
    ) -> None:
        assert assignment.output
        run_task(
            assignment.task, assignment.output, self._launcher, reporter)


def _describe(error: OSError | MemoryError) -> str:
    """Return, e.g., No space left on device: '/tmp/file'."""
    if isinstance(error, MemoryError):
        return "it has not enough memory"
    name = "" if error.filename is None else f": {error.filename!r}"
    return f"{error.strerror or error}{name}"


def _identity(task: messages.TaskMessage) -> dict[str, Any]:
    """Return what the messages on a task repeat of it, if it is signed."""
    return {"token": task.token, "job_id": task.job_id}
