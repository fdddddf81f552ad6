"""Decide who does what next. No sockets, files, threads, locks or clocks.

The Scheduler takes one event and the time, changes its books and returns what
is to be done, in order. What comes of it returns as further events: a Worker
that could not be reached, a job whose directories are ready. So time passes
only where an event says so, and a whole cluster fits into a test.

The rules are those of the specification: jobs run one at a time; Workers are
served in the order in which they registered; a Worker holds one task, and a
task is with one living Worker; `finished` counts only from the one that holds
it.
"""
from __future__ import annotations

import collections
import logging
from collections.abc import Iterator

from mapreduce.manager.events import (
    Action,
    CleanUpJob,
    Event,
    Exit,
    JobFailed,
    JobPrepared,
    MessageSent,
    PrepareJob,
    Send,
    Tick,
    WorkerUnreachable,
)
from mapreduce.manager.job import Job, Stage
from mapreduce.manager.remote_worker import Address, RemoteWorker, State
from mapreduce.utils.messages import (
    FinishedMessage,
    HeartbeatMessage,
    ManagerJobMessage,
    RegisterAckMessage,
    RegisterMessage,
    ShutdownMessage,
)

LOGGER = logging.getLogger(__name__)

WORKER_TIMEOUT = 10.0  # seconds of silence: five heartbeats


class Scheduler:
    """The books of a Manager: its Workers, its running job, its queue."""

    def __init__(self) -> None:
        """Start with no Workers and no jobs."""
        self._workers: dict[Address, RemoteWorker] = {}
        self._num_registrations = 0
        self._ready: set[RemoteWorker] = set()
        self._job: Job | None = None
        self._queue: collections.deque[tuple[int, ManagerJobMessage]] = (
            collections.deque())
        self._num_jobs = 0

    @property
    def workers(self) -> list[RemoteWorker]:
        """All Workers that ever registered, in order of registration."""
        return list(self._workers.values())

    def handle(self, event: Event, now: float) -> list[Action]:
        """Return what is to be done, in order, now that event happened.

        The time is that of a monotonic clock, in seconds.
        """
        return list(self._react(event, now))

    def _react(self, event: Event, now: float) -> Iterator[Action]:
        match event:
            case RegisterMessage():
                yield from self._register(event, now)
            case HeartbeatMessage():
                self._note_heartbeat(event, now)
            case ManagerJobMessage():
                yield from self._submit(event)
            case FinishedMessage():
                yield from self._finish_task(event)
            case ShutdownMessage():
                yield from self._shut_down()
            case Tick():
                yield from self._bury_silent(now)
            case MessageSent():
                yield from self._assign_task()
            case WorkerUnreachable():
                yield from self._bury_unreachable(event.worker)
            case JobPrepared():
                yield from self._begin_job(event)
            case JobFailed():
                yield from self._fail_job(event)

    # Workers

    def _register(
        self, message: RegisterMessage, now: float
    ) -> Iterator[Action]:
        address = message.worker_host, message.worker_port
        # Out and in again: the books are in the order of registration.
        previous = self._workers.pop(address, None)
        if previous:
            self._requeue(self._bury(previous))
        self._num_registrations += 1
        worker = RemoteWorker(address, self._num_registrations, now)
        self._workers[address] = worker
        self._ready.add(worker)
        LOGGER.info("Registered Worker %r", worker)
        yield Send(worker, RegisterAckMessage())

    def _note_heartbeat(self, message: HeartbeatMessage, now: float) -> None:
        address = message.worker_host, message.worker_port
        worker = self._workers.get(address)
        if worker is None:
            LOGGER.warning(
                "Heartbeat from unregistered Worker %s:%s", *address)
        else:
            worker.last_heard = now

    def _bury_silent(self, now: float) -> Iterator[Action]:
        """Take the tasks of Workers that were silent for too long."""
        for worker in self._workers.values():
            if (worker.state is not State.DEAD
                    and now - worker.last_heard > WORKER_TIMEOUT):
                LOGGER.warning("Worker died: no heartbeat from %r", worker)
                self._requeue(self._bury(worker))
        yield from self._assign_task()

    def _bury_unreachable(self, worker: RemoteWorker) -> Iterator[Action]:
        """Take back what could not be sent to a Worker."""
        LOGGER.warning("Worker died: cannot reach %r", worker)
        task_id = self._bury(worker)
        if self._job and task_id is not None:
            self._job.requeue_first(task_id)
        yield from self._assign_task()

    def _bury(self, worker: RemoteWorker) -> int | None:
        """Count a Worker as dead; return the id of the task it held."""
        self._ready.discard(worker)
        return worker.die()

    def _requeue(self, task_id: int | None) -> None:
        """Put a task that was lost with its Worker behind the others."""
        if self._job and task_id is not None:
            self._job.requeue_last(task_id)

    def _shut_down(self) -> Iterator[Action]:
        for worker in self._workers.values():
            if worker.state is not State.DEAD:
                yield Send(worker, ShutdownMessage())
        yield Exit()

    # Jobs

    def _submit(self, submission: ManagerJobMessage) -> Iterator[Action]:
        LOGGER.info("Received job %d: %r", self._num_jobs, submission)
        self._queue.append((self._num_jobs, submission))
        self._num_jobs += 1
        yield from self._start_next_job()

    def _start_next_job(self) -> Iterator[Action]:
        if self._job is None and self._queue:
            self._job = Job(*self._queue.popleft())
            LOGGER.info("Started job %d", self._job.job_id)
            yield PrepareJob(self._job.job_id, self._job.submission)

    def _begin_job(self, event: JobPrepared) -> Iterator[Action]:
        if self._job and self._job.job_id == event.job_id:
            self._job.begin(event.job_directory, event.input_paths)
            yield from self._assign_task()

    def _fail_job(self, event: JobFailed) -> Iterator[Action]:
        if self._job and self._job.job_id == event.job_id:
            LOGGER.error("Job %d failed: %s", event.job_id, event.reason)
            yield from self._end_job(self._job)

    def _end_job(self, job: Job) -> Iterator[Action]:
        self._job = None
        yield CleanUpJob(job.job_id)
        yield from self._start_next_job()

    # Tasks

    def _assign_task(self) -> Iterator[Action]:
        """Give the next task to the first ready Worker, if there are both.

        One task at a time: whether it could be sent comes back as an event,
        and that decides who gets the next one.
        """
        job = self._job
        if job is None or not job.num_pending or not self._ready:
            return
        worker = min(self._ready, key=lambda worker: worker.registration)
        self._ready.remove(worker)
        task = job.next_task()
        worker.task_id = task.task_id
        LOGGER.info("Assigned task to Worker %r %r", task, worker)
        yield Send(worker, task)

    def _finish_task(self, message: FinishedMessage) -> Iterator[Action]:
        worker = self._workers.get((message.worker_host, message.worker_port))
        if (self._job is None or worker is None
                or worker.task_id != message.task_id):
            LOGGER.info("Ignored %r: that Worker holds no such task", message)
            return
        worker.task_id = None
        self._ready.add(worker)
        self._job.finish(message.task_id)
        if self._job.stage is Stage.DONE:
            LOGGER.info("Finished job %d", self._job.job_id)
            yield from self._end_job(self._job)
        else:
            yield from self._assign_task()
