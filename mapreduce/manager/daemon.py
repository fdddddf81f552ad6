"""Run the Manager: pass each event to the Scheduler, perform its actions.

No decision is made here; see scheduling for those. The threads, and what each
may touch:

    main          calls the constructor; owns the Scheduler and the Storage;
                  handles events in order of arrival
    senders       send the messages to Workers; further ones are started while
                  others take long (manager/sender)
    UDP listener  decodes heartbeats, adds them to the Inbox
    TCP listener  decodes messages, adds them to the Inbox; answers a status
                  query from the last snapshot while the main thread is busy
    watcher       reads from slow peers, encodes and sends all answers; started
                  for the first of these (utils/connections)
    probe         queries Workers; started for the first job that needs it

So only main touches mutable state. The others read the last snapshot (see
manager/queries). A signal handler only adds an event to the Inbox.
"""
from __future__ import annotations

import contextlib
import dataclasses
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
from mapreduce.manager.queries import Queries
from mapreduce.manager.replacement import identity_of
from mapreduce.manager.scheduling import events, facts
from mapreduce.manager.scheduling.scheduler import Scheduler
from mapreduce.manager.sender import Sender
from mapreduce.manager.state.recorder import NoRecorder
from mapreduce.manager.storage import (
    Storage,
    missing_output,
    remove_parts,
    take_backups,
)
from mapreduce.protocol import extensions, messages, signing
from mapreduce.system.daemon import ending_on
from mapreduce.utils.door import random_text, seal_for
from mapreduce.utils.inbox import (
    EndingSignal,
    Inbox,
    PendingQuery,
    Submission,
    Ticker,
)
from mapreduce.utils.network import tcp_server, udp_server

LOGGER = logging.getLogger(__name__)

TICK_INTERVAL = 1.0  # seconds


@dataclasses.dataclass(frozen=True)
class ManagerEnvironment:
    """What a command sets up for the process in which a Manager runs."""

    ending_signals: tuple[signal.Signals, ...] = ()
    on_listening: Callable[[], object] = lambda: None
    status_interval: float = float("inf")  # seconds between two logged ones
    secret: signing.Secret | None = None  # None: nothing is signed
    recorder: NoRecorder = NoRecorder()  # keeps jobs for the next start


class _Core:
    """The parts of a Manager that have no threads."""

    def __init__(self, environment: ManagerEnvironment) -> None:
        self._recorder = environment.recorder
        # Each Manager counts its jobs from 0. The time of its start makes the
        # ids that tasks see unique, as in Hadoop.
        self._scheduler = Scheduler(
            _working_directory(),
            self._recorder.cluster_id or time.strftime("%Y%m%d%H%M"),
            random_text if environment.secret else None,
            bool(self._recorder.owner))
        self._queries = Queries(
            self._scheduler, lambda: self._recorder.status)

    def log_jobs(self, what: str) -> None:
        """Log each job that has not ended; `what` says what happens to it."""
        now = time.monotonic()
        for job in self._scheduler.snapshot(now).status(now).jobs:
            if not job.ended:
                LOGGER.warning("%s %s", what, text.lost(job))


class Manager(_Core):
    """A Manager; the constructor runs it from start to end."""

    def __init__(
        self, host: str, port: int,
        environment: ManagerEnvironment = ManagerEnvironment(),
    ) -> None:
        """Run a Manager that listens on host and port, TCP and UDP.

        Returns after a shutdown message or one of the environment's signals,
        when all threads have ended. Raises OSError if it can't listen there.
        """
        super().__init__(environment)
        self._is_ending = False
        # The order matters: TCP must not answer before the directory and the
        # UDP port are there, and threads end before what they use is closed.
        with (
            self._recorder.shared_directory() as shared_directory,
            udp_server(host, port) as udp,
            tcp_server(host, port) as tcp,
            contextlib.closing(Storage(
                shared_directory, self._must_stop,
                self._recorder.owner,
                self._recorder.directory)) as self._storage,
            Inbox(self._preprocess, seal=seal_for(
                signing.MANAGER, environment.secret)) as self._inbox,
            contextlib.closing(Sender(self._inbox)) as self._sender,
            contextlib.closing(CapabilityProbe(self._inbox)) as self._probe,
            ending_on(environment.ending_signals, self.terminate),
        ):
            LOGGER.info("Created shared directory %s", shared_directory)
            if self._recorder.restore(self._scheduler, self._storage):
                # The first event, before all that the listeners receive.
                self._inbox.put(events.Resumed())
                self._queries.refresh(time.monotonic())
            self._inbox.listen_udp(udp, messages.HeartbeatMessage)
            self._inbox.listen_tcp(
                tcp, messages.RegisterMessage, messages.ManagerJobMessage,
                extensions.ExtendedJobMessage, extensions.ProgressMessage,
                messages.CancelJobMessage, messages.GetStatusMessage,
                messages.GetReceiptMessage, messages.GetTaskMessage,
                messages.GetJobMessage, messages.FinishedMessage,
                messages.FailedMessage, messages.ShutdownMessage)
            LOGGER.info("Listening on %s:%d", host, port)
            environment.on_listening()
            if self._run(_Timer(environment.status_interval)):
                self._recorder.end()
                self.log_jobs("Lost")
            else:
                self.log_jobs("Kept" if self._recorder.owner else "Lost")
        LOGGER.info("Ended")

    def terminate(self) -> None:
        """End the Manager but not its Workers; for signal handlers."""
        self._is_ending = True
        self._inbox.put(EndingSignal())

    def _must_stop(self) -> bool:
        """Return whether an end was asked for, even if the loop is busy."""
        return self._is_ending or self._inbox.stop.is_set()

    def _run(self, status_timer: _Timer) -> bool:
        """Handle events, in order of arrival, until the Manager must end.

        Return whether it was shut down; otherwise a signal has ended it.
        """
        ticker = Ticker(
            self._inbox, TICK_INTERVAL, events.Tick(), self._note_pause)
        while True:
            next_tick = ticker.put_due()
            self._queries.is_waiting = self._inbox.is_empty
            wake_up = min(
                next_tick, self._queries.first_end, self._recorder.due)
            try:
                event, received = self._inbox.get(
                    max(wake_up - time.monotonic(), 0.0))
            except queue.Empty:
                self._recorder.store()
                self._queries.release()
                continue
            self._queries.is_waiting = False
            match event:
                case EndingSignal():
                    return False
                case PendingQuery():
                    self._queries.answer(event, received)
                case Submission():
                    self._submit(event, received)
                case _:
                    if self._handle(event, received):
                        return True
            self._queries.release()
            # Once a second: a snapshot after each event would be too slow.
            if isinstance(event, events.Tick):
                self._sender.retry()
                self._recorder.tick()
                self._update_status(status_timer, time.monotonic())

    def _note_pause(self, seconds: float) -> None:
        # What Workers sent in a long pause is too old to be accepted. Half of
        # the time: the last of it is read some time after the pause.
        if self._inbox.secret and seconds > self._inbox.secret.window / 2:
            self._inbox.put(events.Paused())

    def _submit(self, event: Submission, now: float) -> None:
        job_id = self._scheduler.jobs.num_jobs
        self._handle(messages.extended_job(event.job), now)
        # A job that the Scheduler did not accept gets no id.
        if event.client and self._scheduler.jobs.num_jobs > job_id:
            self._queries.receipts.add(event.client, job_id, now)

    def _preprocess(self, event: object) -> object:
        """Return the event for the main loop; None if it is done already.

        Called by the listeners.
        """
        match event:
            case PendingQuery() if self._queries.answer_at_once(event):
                return None
        return event

    def _update_status(self, timer: _Timer, now: float) -> None:
        """Make a new snapshot; log the status if it is time for that."""
        snapshot = self._queries.refresh(now)
        if timer.expires(now):
            LOGGER.info("Status\n%s\n\nTime: %s",
                        text.text(snapshot.status(now)),
                        time.strftime("%Y-%m-%d %H:%M:%S"))

    def _handle(self, event: events.Event, now: float) -> bool:
        """Decide on an event and perform the actions; return whether to exit.

        The outcome of an action is an event, too.
        """
        # Outcomes are handled before the Inbox: a refused task, for example,
        # must be requeued before the next Worker is chosen.
        outcomes: deque[events.Event] = deque([event])
        self._scheduler.jobs.wall_time = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        while outcomes:
            for action in self._scheduler.handle(outcomes.popleft(), now):
                if isinstance(action, facts.Fact):
                    self._recorder.add(action)
                    continue
                refused = self._recorder.store()
                outcomes += refused
                if isinstance(action, events.Exit):
                    return True
                # Otherwise JobBlocked is the outcome.
                if not isinstance(action, events.PrepareJob) or (
                        action.job_id not in [
                            blocked.job_id for blocked in refused]):
                    outcomes += self._perform(action)
            outcomes += self._recorder.store()
        return False

    def _perform(self, action: events.Action) -> list[events.Event]:
        """Perform an action; return its outcome, if it has one."""
        match action:
            case events.Send():
                return [self._sender.send(action.worker, action.message)]
            case events.AskToRegister():
                self._sender.ask_to_register(action.address)
            case events.ProbeCapabilities():
                self._probe.ask(action.worker)
            case events.PrepareJob():
                return [self._prepare(action)]
            case events.CheckOutput():
                take_backups(action.expected, action.backups)
                return [events.OutputChecked(
                    action.job_id, missing_output(action.expected))]
            case events.KeepMapOutput():
                return [self._keep_map_output(action)]
            case events.PublishResult():
                return [self._publish(action)]
            case events.DiscardOutput():
                remove_parts(action.output_directory)
            case events.CleanUpJob():
                self._queries.answer_passed()
                self._storage.clean_up(action.job_id)
                self._queries.note_end()
        return []

    def _become_busy(self) -> None:
        """Prepare for what may take long, as to delete an old result.

        Until it is done, the listener answers from this snapshot, which shows
        the job as running.
        """
        self._queries.refresh(time.monotonic())
        self._queries.answer_passed()

    def _prepare(
        self, action: events.PrepareJob
    ) -> events.JobPrepared | events.JobBlocked:
        self._become_busy()
        try:
            splits = self._storage.prepare(
                action.job_id, action.submission, action.again)
        except StorageError as error:
            return events.JobBlocked(action.job_id, str(error))
        directory = self._storage.output_directory(action.job_id)
        return events.JobPrepared(
            action.job_id, self._storage.job_directory(action.job_id),
            splits, directory,
            identity_of(directory or action.submission.output_directory))

    def _keep_map_output(
        self, action: events.KeepMapOutput
    ) -> events.MapOutputKept | events.JobBlocked:
        self._become_busy()
        try:
            self._storage.keep_map_output(action.job_id, action.directory)
        except StorageError as error:
            return events.JobBlocked(action.job_id, str(error))
        return events.MapOutputKept(action.job_id)

    def _publish(
        self, action: events.PublishResult
    ) -> events.ResultPublished | events.JobBlocked:
        self._become_busy()
        try:
            self._storage.publish(action.job_id)
        except StorageError as error:
            return events.JobBlocked(action.job_id, str(error))
        return events.ResultPublished(action.job_id)


class _Timer:
    """A timer that starts again whenever it expires."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def expires(self, now: float) -> bool:
        """Return whether it expires now, and start it again if so."""
        if now < self._end:
            return False
        self._end = now + self._seconds
        return True


def _working_directory() -> str:
    """Return the working directory; an empty text if it was deleted."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""
