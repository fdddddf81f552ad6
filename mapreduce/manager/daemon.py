"""The Manager: what arrives goes to the Scheduler, what it says is done.

One thread, the one that calls the constructor, does all of that in order.
Two more listen, and one, since the first of them, to clients that dawdle, or
that ask; it makes and sends the answers. One more asks Workers, if need be.
"""
from __future__ import annotations

import contextlib
import logging
import os
import queue
import signal
import time
from collections import deque
from collections.abc import Callable

from mapreduce.display import text
from mapreduce.manager.capabilities import CapabilityProbe
from mapreduce.manager.output_safety import StorageError
from mapreduce.manager.scheduling import events
from mapreduce.manager.scheduling.scheduler import Scheduler
from mapreduce.manager.storage import Storage, remove_parts
from mapreduce.protocol import extensions, layout, messages
from mapreduce.protocol.codec import encode
from mapreduce.system import scratch
from mapreduce.system.daemon import ending_on
from mapreduce.utils import outbox
from mapreduce.utils.inbox import Inbox, PendingQuery, Terminated
from mapreduce.utils.network import MessageTooLong, tcp_server, udp_server

LOGGER = logging.getLogger(__name__)

TICK_INTERVAL = 1.0  # seconds
CATCH_UP_TIME = 3.0  # seconds: a heartbeat of each Worker, and some more


class Manager:
    """A Manager, from start to end: the constructor is its whole life."""

    def __init__(
        self, host: str, port: int,
        ending_signals: tuple[signal.Signals, ...] = (),
        on_listening: Callable[[], object] = lambda: None,
        status_interval: float = float("inf"),
    ) -> None:
        """Run a Manager that listens on host and port, TCP and UDP.

        When it does, on_listening is called. The log gets the status of all
        Workers and jobs at an interval in seconds.
        Returns after a shutdown message, or one of the signals named, when
        all threads have ended. Raises OSError if it can't listen there.
        """
        self._scheduler = Scheduler(
            _working_directory(), time.strftime("%Y%m%d%H%M"))
        self._snapshot = self._scheduler.snapshot(time.monotonic())
        self._is_waiting = False
        self._status_log = _Interval(status_interval)
        with (
            scratch.directory(
                layout.SHARED_DIRECTORY_PREFIX) as shared_directory,
            udp_server(host, port) as udp,
            tcp_server(host, port) as tcp,
            contextlib.closing(Storage(shared_directory)) as self._storage,
            Inbox(self._preprocess) as self._inbox,
            contextlib.closing(CapabilityProbe(self._inbox)) as self._probe,
            ending_on(ending_signals, self.terminate),
        ):
            LOGGER.info("Created shared directory %s", shared_directory)
            self._inbox.listen_udp(udp, messages.HeartbeatMessage)
            self._inbox.listen_tcp(
                tcp, messages.RegisterMessage, messages.ManagerJobMessage,
                extensions.ExtendedJobMessage, extensions.ProgressMessage,
                messages.CancelJobMessage, messages.GetStatusMessage,
                messages.GetJobMessage, messages.FinishedMessage,
                messages.FailedMessage, messages.ShutdownMessage)
            LOGGER.info("Listening on %s:%d", host, port)
            on_listening()
            self._run()
        LOGGER.info("Ended")

    def terminate(self) -> None:
        """Have the Manager end, without its Workers; for signal handlers."""
        self._inbox.put(Terminated())

    def _run(self) -> None:
        """Handle what arrives, in order, until it is time to exit."""
        next_tick = time.monotonic() + TICK_INTERVAL
        while True:
            now = time.monotonic()
            if now >= next_tick:
                # A tick that comes late says that this process was held up.
                # Before anyone is declared dead, the heartbeats that wait
                # must be heard, and those that found no room come again.
                late = now >= next_tick + TICK_INTERVAL
                if not late:
                    self._inbox.put(events.Tick())
                next_tick = now + (CATCH_UP_TIME if late else TICK_INTERVAL)
            self._is_waiting = self._inbox.is_empty
            try:
                event, received = self._inbox.get(next_tick - now)
            except queue.Empty:
                continue
            self._is_waiting = False
            match event:
                case Terminated():
                    return
                case PendingQuery():
                    self._answer(event, received)
                case _:
                    if self._handle(event, received):
                        return
            if isinstance(event, events.Tick):
                self._show(time.monotonic())

    def _answer(self, query: PendingQuery, now: float) -> None:
        """Answer a query by how things are now."""
        match query.message:
            case messages.GetJobMessage(job_id):
                details = self._scheduler.details(job_id, now)
                query.answer(lambda: encode(details))
            case messages.GetStatusMessage(job_key):
                # Kept: the next answer must not be an older one.
                snapshot = self._snapshot = self._scheduler.snapshot(now)
                query.answer(lambda: encode(snapshot.status(now, job_key)))

    def _preprocess(self, event: object) -> object:
        """Return what is left to do, in the loop, of what was heard.

        The loop may be busy for long, with a Worker that does not answer or a
        directory that is large: then the status is the last that was made.
        """
        match event:
            case PendingQuery(messages.GetStatusMessage(job_key), answer) if (
                    not self._is_waiting):
                snapshot, now = self._snapshot, time.monotonic()
                answer(lambda: encode(snapshot.status(now, job_key)))
                return None
            case messages.ManagerJobMessage():
                return messages.extended_job(event)
        return event

    def _show(self, now: float) -> None:
        """Keep the status for those who ask; write it into the log if due."""
        self._snapshot = self._scheduler.snapshot(now)
        if self._status_log.is_over(now):
            LOGGER.info("Status\n%s", text.text(self._snapshot.status(now)))

    def _handle(self, event: events.Event, now: float) -> bool:
        """Have an event decided and carried out; tell whether to exit.

        What comes of an action is an event, decided before all others.
        """
        outcomes: deque[events.Event] = deque([event])
        while outcomes:
            for action in self._scheduler.handle(outcomes.popleft(), now):
                match action:
                    case events.Send():
                        outcomes.append(self._send(action))
                    case events.Ask():
                        self._probe.ask(action.worker)
                    case events.PrepareJob():
                        outcomes.append(self._prepare(action))
                    case events.KeepMapOutput():
                        outcomes.append(self._keep_map_output(action))
                    case events.DiscardOutput():
                        remove_parts(action.output_directory)
                    case events.CleanUpJob():
                        self._storage.clean_up(action.job_id)
                    case events.Exit():
                        return True
        return False

    def _send(
        self, action: events.Send
    ) -> (events.MessageSent | events.WorkerUnreachable
          | messages.FailedMessage):
        try:
            outbox.send_tcp(*action.worker.address, action.message)
        except MessageTooLong as error:
            assert isinstance(action.message, messages.TaskMessage)
            # As if the Worker had said so itself: the task can't be done.
            return messages.FailedMessage(
                action.message.task_id, *action.worker.address,
                f"the task can't be sent, {error}: use more mappers")
        except OSError as error:
            LOGGER.warning("Cannot send to %r: %s", action.worker, error)
            return events.WorkerUnreachable(action.worker)
        return events.MessageSent(action.worker)

    def _prepare(
        self, action: events.PrepareJob
    ) -> events.JobPrepared | events.JobBlocked:
        # To delete an old result may take long: who asks is told meanwhile.
        self._snapshot = self._scheduler.snapshot(time.monotonic())
        try:
            splits = self._storage.prepare(
                action.job_id, action.submission)
        except StorageError as error:
            return events.JobBlocked(action.job_id, str(error))
        return events.JobPrepared(
            action.job_id, self._storage.job_directory(action.job_id),
            splits)

    def _keep_map_output(
        self, action: events.KeepMapOutput
    ) -> events.MapOutputKept | events.JobBlocked:
        self._snapshot = self._scheduler.snapshot(time.monotonic())
        try:
            self._storage.keep_map_output(action.job_id, action.directory)
        except StorageError as error:
            return events.JobBlocked(action.job_id, str(error))
        return events.MapOutputKept(action.job_id)


class _Interval:
    """Comes to its end again and again."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def is_over(self, now: float) -> bool:
        """Tell whether it has come to its end; then it begins anew."""
        if now < self._end:
            return False
        self._end = now + self._seconds
        return True


def _working_directory() -> str:
    """Return where relative paths are meant; empty if that is gone."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""
