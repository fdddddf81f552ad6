"""Decide who does what next. No sockets, files, threads, locks or clocks.

The Scheduler takes one event and the time, changes its state, and returns
actions in order. The outcomes of the actions come back as events: a Worker
that could not be reached, a job whose directories were made. Time is a
parameter, so a test can run a whole cluster without waiting.

The rules are those of the specification: jobs run one at a time; Workers get
tasks in the order in which they registered; a Worker holds one task, and a
task is held by one living Worker; `finished` and `failed` count only from the
Worker that holds the task; after 10 s of silence, a Worker is dead.

A job fails by JobBlocked, by a task that fails 4 times or whose Worker dies 4
times, by too many counters, or if no living Worker can do its tasks.
"""
from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator

from mapreduce.manager.scheduling import claims, completion, endings, events
from mapreduce.manager.scheduling.assignment import go_on
from mapreduce.manager.scheduling.endings import task_note
from mapreduce.manager.scheduling.job import Job, count
from mapreduce.manager.scheduling.facts import Fact, FactLog
from mapreduce.manager.scheduling.jobs import Jobs
from mapreduce.manager.scheduling.plan import Plan
from mapreduce.manager.scheduling.remote_worker import RemoteWorker
from mapreduce.manager.scheduling.restoration import Restart, restore_jobs
from mapreduce.manager.scheduling.snapshot import ClusterSnapshot
from mapreduce.manager.scheduling.strangers import Strangers
from mapreduce.manager.scheduling.workers import Workers
from mapreduce.protocol import messages
from mapreduce.protocol.extensions import ExtendedJobMessage, ProgressMessage
from mapreduce.protocol.status import JobDetails, WorkerState

LOGGER = logging.getLogger(__name__)

WORKER_TIMEOUT = 10.0  # seconds of silence: five heartbeats


class Scheduler:
    """The state of a Manager: its Workers, its running job, its queue."""

    def __init__(
        self, working_directory: str = "", cluster_id: str = "",
        make_token: Callable[[], str] | None = None,
        keeps_facts: bool = False,
    ) -> None:
        """Start with no Workers and no jobs.

        Relative paths of jobs refer to the working directory. The cluster id,
        e.g., 202611211417, is part of the job ids that tasks see. Facts are
        among the actions only if it keeps them.
        """
        self._workers = Workers()
        self._strangers = Strangers(self._workers)
        self._claims = claims.Claims(make_token)
        self.jobs = Jobs(working_directory, FactLog(keeps_facts))
        # The time of the current event, which almost every method needs.
        self._now = 0.0
        self._cluster_id = cluster_id

    @property
    def workers(self) -> Iterable[RemoteWorker]:
        """All Workers that ever registered, in order of registration."""
        return self._workers

    @property
    def _job(self) -> Job | None:
        return self.jobs.running

    def snapshot(self, now: float) -> ClusterSnapshot:
        """Return an immutable snapshot of all Workers and jobs."""
        job = self._job
        running = (job.job_id, job.stage) if job else None
        workers = tuple(
            worker.status(running, now) for worker in self._workers)
        return ClusterSnapshot(now, workers, self.jobs.snapshot(now))

    def details(self, job_id: int, now: float) -> JobDetails:
        """Return the status of a job and its tasks."""
        return self.jobs.details(job_id, now)

    def restore(
        self, known: Iterable[Fact], restart: Restart, now: float
    ) -> None:
        """Take over the jobs of a Manager that was interrupted at `known`.

        The event Resumed must come first after that.
        """
        restore_jobs(self.jobs, known, restart, now)
        self._strangers.hurry(now)

    def handle(self, event: events.Event, now: float) -> list[events.Action]:
        """Return the actions to perform, in order, after an event.

        `now` is when the event happened, in seconds of a monotonic clock.
        """
        self._now = now
        actions = list(self._with_facts(self._update(event)))
        # The outcome of a Send comes back as an event, before all others. It
        # may change which Workers are alive, so the next step waits for it.
        # After MessageDelayed, other sends may begin and end meanwhile.
        if not any(isinstance(action, events.Send) for action in actions):
            actions += self._with_facts(self._proceed())
        return actions

    def _with_facts(
        self, actions: Iterator[events.Action]
    ) -> Iterator[events.Action]:
        """Iterate over actions, each after the facts that permit it."""
        for action in actions:
            yield from self.jobs.log.drain()
            yield action
        yield from self.jobs.log.drain()

    def _update(self, event: events.Event) -> Iterator[events.Action]:
        """Update the state after an event; return what must follow at once."""
        match event:
            case messages.RegisterMessage():
                yield from self._register(event)
            case messages.HeartbeatMessage():
                yield from self._note_heartbeat(event)
            case ExtendedJobMessage():
                self._enqueue(event)
            case messages.CancelJobMessage():
                yield from endings.cancel_job(
                    event.job_id, self.jobs, self._workers)
            case messages.FinishedMessage():
                yield from self._strangers.answer(event, self._now)
                yield from self._note_finished(event)
            case messages.FailedMessage():
                yield from self._strangers.answer(event, self._now)
                yield from self._note_failed(event)
            case ProgressMessage():
                self._note_progress(event)
            case messages.ShutdownMessage():
                yield from self._shut_down()
            case events.Tick():
                yield from self._mark_silent_dead()
            case events.Paused():
                yield from self._strangers.ask_busy()
            case _:
                yield from self._note_outcome(event)

    def _note_outcome(self, event: events.Event) -> Iterator[events.Action]:
        match event:
            case events.MessageSent():
                self._workers.note_sent(event.worker)
            case events.MessageDelayed():
                self._workers.note_delay(event.worker)
            case events.WorkerUnreachable():
                self._put_back_unsent(event.worker)
            case events.ProbeFailed():
                LOGGER.warning("Worker died: cannot ask %r%s", event.worker,
                               task_note(self._job, event.worker.task_id))
                yield from self._mark_dead(event.worker)
            case events.CapabilitiesKnown():
                self._workers.note_capabilities(
                    event.worker, event.message_types)
            case _:
                yield from self._note_step(event)

    def _note_step(self, event: events.Event) -> Iterator[events.Action]:
        """Note what came of an action for a job."""
        match event:
            case events.JobPrepared():
                if job := self.jobs.active(event.job_id):
                    job.begin(Plan(
                        f"{self._cluster_id}_{job.job_id:04d}",
                        job.submission, event.job_directory, event.splits,
                        event.output_directory, event.identity))
            case events.OutputChecked():
                yield from self._note_checked(event)
            case events.MapOutputKept() | events.ResultPublished():
                if job := self.jobs.active(event.job_id):
                    job.proceed()
            case events.JobBlocked():
                yield from endings.block_job(event, self.jobs, self._workers)
            case events.Resumed() if self._job:
                yield from completion.next_action(self._job)

    def _proceed(self) -> Iterator[events.Action]:
        """Do what is possible now: assign a task, end a job, start one."""
        job = self._job
        if job and not job.over:
            yield from go_on(job, self._workers, self._now)
        # Not "elif": assigning may have made the job fail.
        if job and job.over and not self._workers.any_busy:
            yield from endings.end_job(job, self.jobs, self._now)
        if self._job is None and (job := self.jobs.start_next(self._now)):
            # The last job may have passed over Workers that suit this one.
            self._workers.restore()
            LOGGER.info("Started job %d", job.job_id)
            if not self._workers.any_alive:
                LOGGER.warning(
                    "No Worker lives: job %d waits for one", job.job_id)
            yield events.PrepareJob(
                job.job_id, job.submission, job.starts > 1)

    # Workers

    def _register(
        self, message: messages.RegisterMessage
    ) -> Iterator[events.Action]:
        address = message.worker_host, message.worker_port
        previous = self._workers.get(address)
        if previous and not claims.is_proven(previous, message):
            yield events.Send(previous, self._claims.challenge(address))
            return
        yield from self._admit(address, self._claims.new_ack(), False)

    def _admit(
        self, address: messages.Address, ack: messages.RegisterAckMessage,
        is_sent: bool,
    ) -> Iterator[events.Action]:
        previous = self._workers.get(address)
        # A new process on that address does not have the task of the old one.
        task_id = self._workers.mark_dead(previous) if previous else None
        worker = self._workers.register(address, self._now, ack.token)
        self._strangers.forget(address)
        LOGGER.info("Registered Worker %r", worker)
        # First of all: the acknowledgement goes out before any task.
        if not is_sent:
            yield events.Send(worker, ack)
        if previous:
            yield from self._requeue_lost(task_id, previous)

    def _note_heartbeat(
        self, message: messages.HeartbeatMessage
    ) -> Iterator[events.Action]:
        address = message.worker_host, message.worker_port
        worker = self._workers.get(address)
        if ack := self._claims.proven_by(message):
            yield from self._admit(address, ack, is_sent=True)
        elif worker is None:
            LOGGER.warning(
                "Heartbeat from unregistered Worker %s:%s", *address)
        elif claims.is_from(worker, message):
            self._workers.note_heartbeat(worker, self._now)
        yield from self._strangers.answer(message, self._now)

    def _mark_silent_dead(self) -> Iterator[events.Action]:
        for worker in self._workers.silent_since(self._now - WORKER_TIMEOUT):
            LOGGER.warning("Worker died: no heartbeat from %r%s", worker,
                           task_note(self._job, worker.task_id))
            yield from self._mark_dead(worker)

    def _mark_dead(self, worker: RemoteWorker) -> Iterator[events.Action]:
        task_id = self._workers.mark_dead(worker)
        yield from self._requeue_lost(task_id, worker)

    def _requeue_lost(
        self, task_id: int | None, worker: RemoteWorker
    ) -> Iterator[events.Action]:
        """Requeue the task of a Worker that died or registered again."""
        job = self._job
        if job is None or task_id is None:
            return
        if reason := job.requeue_lost(task_id, worker, self._now):
            yield from self._abort_job(job, reason, task_id)

    def _put_back_unsent(self, worker: RemoteWorker) -> None:
        # Its outcome may come late: after the Worker was marked dead.
        if worker.state is WorkerState.DEAD:
            return
        LOGGER.warning("Worker died: cannot reach %r%s", worker,
                       task_note(self._job, worker.task_id))
        task_id = self._workers.mark_dead(worker)
        # The Worker never began the task: no attempt and no loss is counted.
        if self._job and task_id is not None:
            self._job.tasks.put_back(task_id, self._now, worker.address)

    def _shut_down(self) -> Iterator[events.Action]:
        for worker in self._workers.living:
            yield events.Send(worker, messages.ShutdownMessage())
        yield events.Exit()

    # Jobs

    def _enqueue(self, submission: ExtendedJobMessage) -> None:
        job_id = self.jobs.enqueue(submission)
        if job_id is None:
            LOGGER.info("Ignored %r: its key is known", submission)
        elif not self.jobs.waits(job_id):
            LOGGER.warning("Refused job %d: see its status", job_id)
        else:
            LOGGER.info("Received job %d: %r", job_id, submission)

    def _abort_job(
        self, job: Job, reason: str, task_id: int | None = None
    ) -> Iterator[events.Action]:
        return endings.abort_job(job, self._workers, reason, task_id)

    # Tasks

    def _note_progress(self, message: ProgressMessage) -> None:
        if self._job and claims.holder(message, self._workers, self._job):
            self._job.tasks.note_message(message.task_id, message.status)

    def _note_finished(
        self, message: messages.FinishedMessage
    ) -> Iterator[events.Action]:
        job = self._job
        worker = claims.release(message, self._workers, job, self._now)
        if job is None or worker is None:
            return
        # After an abort, a strict Worker still finishes its task.
        worker.tasks_done += not job.over
        if reason := count(job, message.task_id, message.counters):
            yield from self._abort_job(job, reason)
        job.finish(
            message.task_id, worker.address, self._now, message.counters)
        if not job.over:
            yield from endings.cancel_others(
                job, self._workers, message.task_id)

    def _note_checked(
        self, event: events.OutputChecked
    ) -> Iterator[events.Action]:
        job = self.jobs.active(event.job_id)
        if job is None:
            return
        for reason, task_id in completion.complete_stage(
                job, self._workers, event.missing, self._now):
            yield from self._abort_job(job, reason, task_id)
        yield from completion.next_action(job)

    def _note_failed(
        self, message: messages.FailedMessage
    ) -> Iterator[events.Action]:
        job = self._job
        worker = claims.release(message, self._workers, job, self._now)
        if job is None or worker is None:
            return
        # After an abort, it is only the answer to a cancel.
        worker.tasks_failed += not job.over
        if reason := job.fail(message.task_id, worker.address, message.reason,
                              self._now, bool(message.final)):
            yield from self._abort_job(job, reason, message.task_id)
