"""Decide who does what next. No sockets, files, threads, locks or clocks.

The Scheduler takes one event and the time, changes its books and returns what
is to be done, in order. What comes of it returns as further events: a Worker
that could not be reached, a job whose directories are ready. So time passes
only where an event says so, and a whole cluster fits into a test.

The rules are those of the specification: jobs run one at a time; Workers are
served in the order in which they registered; a Worker holds one task, and a
task is with one living Worker; `finished` and `failed` count only from the one
that holds it.
"""
from __future__ import annotations

import collections
import logging
from collections.abc import Iterable, Iterator

from mapreduce.manager.events import (
    Action,
    CleanUpJob,
    DiscardOutput,
    Event,
    Exit,
    JobPrepared,
    JobUnprepared,
    PrepareJob,
    Send,
    Tick,
    WorkerUnreachable,
)
from mapreduce.manager.job import Job, Stage
from mapreduce.manager.remote_worker import RemoteWorker
from mapreduce.manager.workers import Workers
from mapreduce.utils.messages import (
    Address,
    CancelMessage,
    FailedMessage,
    FinishedMessage,
    HeartbeatMessage,
    ManagerJobMessage,
    RegisterAckMessage,
    RegisterMessage,
    ShutdownMessage,
)

LOGGER = logging.getLogger(__name__)

WORKER_TIMEOUT = 10.0  # seconds of silence: five heartbeats
MAX_ATTEMPTS = 4  # tries of a task, as in Hadoop; then its job fails
MAX_LOSSES = 4  # Workers that die over a task; then it is taken for the cause
LOOKAHEAD = 100  # waiting tasks among which a Worker finds one for it
HEADLINE_LENGTH = 500  # characters of its first line, while tries are left
REASON_LENGTH = 64 * 2**10  # characters of a reason that a Worker gives


class Scheduler:
    """The books of a Manager: its Workers, its running job, its queue."""

    def __init__(self) -> None:
        """Start with no Workers and no jobs."""
        self._workers = Workers()
        self._job: Job | None = None
        self._queue: collections.deque[tuple[int, ManagerJobMessage]] = (
            collections.deque())
        self._num_jobs = 0

    @property
    def workers(self) -> Iterable[RemoteWorker]:
        """All Workers that ever registered, in order of registration."""
        return self._workers

    def handle(self, event: Event, now: float) -> list[Action]:
        """Return what is to be done, in order, now that event happened.

        The time is that of a monotonic clock, in seconds.
        """
        actions = list(self._react(event, now))
        # What comes of a message is an event, and decides how to go on.
        if not any(isinstance(action, Send) for action in actions):
            actions += self._go_on()
        return actions

    def _react(self, event: Event, now: float) -> Iterator[Action]:
        """Take note of an event; answer it where that can't wait."""
        match event:
            case RegisterMessage():
                yield from self._register(event, now)
            case HeartbeatMessage():
                self._note_heartbeat(event, now)
            case ManagerJobMessage():
                self._enqueue(event)
            case FinishedMessage():
                self._note_finished(event)
            case FailedMessage():
                yield from self._note_failed(event)
            case ShutdownMessage():
                yield from self._shut_down()
            case Tick():
                yield from self._bury_silent(now)
            case WorkerUnreachable():
                self._bury_unreachable(event.worker)
            case JobPrepared():
                self._begin_job(event)
            case JobUnprepared():
                yield from self._reject_job(event)

    def _go_on(self) -> Iterator[Action]:
        """Do what can be done now: end a job, start one, give out a task."""
        if self._job and self._job.over and not self._workers.anyone_busy:
            yield from self._end_job(self._job)
        if self._job:
            yield from self._assign_task(self._job)
        elif self._queue:
            self._job = Job(*self._queue.popleft())
            LOGGER.info("Started job %d", self._job.job_id)
            if not self._workers.anyone_lives:
                LOGGER.warning("No Worker lives: job %d waits for one",
                               self._job.job_id)
            yield PrepareJob(self._job.job_id, self._job.submission)

    # Workers

    def _register(
        self, message: RegisterMessage, now: float
    ) -> Iterator[Action]:
        address = message.worker_host, message.worker_port
        previous = self._workers.get(address)
        task_id = self._workers.bury(previous) if previous else None
        worker = self._workers.register(address, now)
        LOGGER.info("Registered Worker %r", worker)
        yield Send(worker, RegisterAckMessage())
        yield from self._lose(task_id, address)

    def _note_heartbeat(self, message: HeartbeatMessage, now: float) -> None:
        address = message.worker_host, message.worker_port
        worker = self._workers.get(address)
        if worker is None:
            LOGGER.warning(
                "Heartbeat from unregistered Worker %s:%s", *address)
        else:
            self._workers.hear(worker, now)

    def _bury_silent(self, now: float) -> Iterator[Action]:
        """Take the tasks of Workers that were silent for too long."""
        for worker in self._workers.unheard_since(now - WORKER_TIMEOUT):
            LOGGER.warning("Worker died: no heartbeat from %r", worker)
            task_id = self._workers.bury(worker)
            yield from self._lose(task_id, worker.address)

    def _lose(self, task_id: int | None, address: Address) -> Iterator[Action]:
        """Take the task of a Worker that died, or registered again, over it.

        A task that takes one Worker after the other with it must not eat the
        cluster.
        """
        job = self._job
        if job is None or job.over or task_id is None:
            return
        lost = job.lose(task_id, address)
        if len(lost) >= MAX_LOSSES:
            names = ", ".join(f"{host}:{port}" for host, port in lost)
            yield from self._abort_job(job, (
                f"{job.stage.value} task {task_id} was with {len(lost)} "
                f"Workers when they died: {names}"))

    def _bury_unreachable(self, worker: RemoteWorker) -> None:
        """Take back what could not be sent to a Worker."""
        LOGGER.warning("Worker died: cannot reach %r", worker)
        task_id = self._workers.bury(worker)
        if self._job and task_id is not None:
            self._job.refuse(task_id)

    def _shut_down(self) -> Iterator[Action]:
        for worker in self._workers.living:
            yield Send(worker, ShutdownMessage())
        yield Exit()

    # Jobs

    def _enqueue(self, submission: ManagerJobMessage) -> None:
        LOGGER.info("Received job %d: %r", self._num_jobs, submission)
        self._queue.append((self._num_jobs, submission))
        self._num_jobs += 1

    def _begin_job(self, event: JobPrepared) -> None:
        if self._job and self._job.job_id == event.job_id:
            self._job.begin(event.job_directory, event.input_paths)

    def _reject_job(self, event: JobUnprepared) -> Iterator[Action]:
        if self._job and self._job.job_id == event.job_id:
            yield from self._abort_job(self._job, event.reason)

    def _abort_job(self, job: Job, reason: str) -> Iterator[Action]:
        """Let a job fail; it ends when no Worker is busy with it any more."""
        LOGGER.error("Job %d failed: %s", job.job_id, reason)
        job.abort()
        for worker in self._workers.busy:
            assert worker.task_id is not None
            yield Send(worker, CancelMessage(worker.task_id))

    def _end_job(self, job: Job) -> Iterator[Action]:
        self._job = None
        if job.stage is Stage.DONE:
            LOGGER.info("Finished job %d", job.job_id)
        elif job.prepared:
            yield DiscardOutput(job.submission.output_directory)
        yield CleanUpJob(job.job_id)

    # Tasks

    def _assign_task(self, job: Job) -> Iterator[Action]:
        """Give a task to a ready Worker, if there are both.

        One task at a time: whether it could be sent comes back as an event,
        and that decides who gets the next one.
        """
        choice = self._choose(job)
        if choice is None:
            return
        task_id, worker = choice
        task = job.take(task_id)
        self._workers.assign(worker, task_id)
        LOGGER.info("Assigned task to Worker %r %r", task, worker)
        yield Send(worker, task)

    def _choose(self, job: Job) -> tuple[int, RemoteWorker] | None:
        """Return the next task and the Worker that gets it.

        This is the first task and the first Worker, unless the task failed
        there: then another Worker that is ready comes first, and then other
        tasks, as long as somebody lives who may yet do this one.
        """
        first_worker = self._workers.first_ready()
        if first_worker is None:
            return None
        for task_id in job.waiting(LOOKAHEAD):
            worker = self._workers.first_ready(job.failed_on(task_id))
            if worker:
                return task_id, worker
        for task_id in job.waiting(1):
            return task_id, first_worker
        return None

    def _note_finished(self, message: FinishedMessage) -> None:
        if self._job and self._release_holder(message):
            self._job.finish(message.task_id)

    def _note_failed(self, message: FailedMessage) -> Iterator[Action]:
        job = self._job
        if job is None or not self._release_holder(message) or job.over:
            return
        stage, task_id = job.stage.value, message.task_id
        reason = message.reason[:REASON_LENGTH]
        failed_on = job.fail(
            task_id, (message.worker_host, message.worker_port))
        LOGGER.warning("Attempt %d of %s task %d failed on %s:%d: %s",
                       len(failed_on), stage, task_id, *failed_on[-1],
                       reason.partition("\n")[0][:HEADLINE_LENGTH])
        if len(failed_on) >= MAX_ATTEMPTS:
            yield from self._abort_job(job, (
                f"{stage} task {task_id} failed {len(failed_on)} times, "
                f"the last time because {reason}"))

    def _release_holder(
        self, message: FinishedMessage | FailedMessage
    ) -> bool:
        """Make a Worker ready that reports the task that it holds.

        Tell whether it does: messages come late, twice, for past stages, and
        from Workers thought dead.
        """
        worker = self._workers.get((message.worker_host, message.worker_port))
        if worker is None or worker.task_id != message.task_id:
            LOGGER.info("Ignored %r: that Worker holds no such task", message)
            return False
        self._workers.release(worker)
        return True
