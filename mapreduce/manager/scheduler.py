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

import logging
from collections.abc import Iterable, Iterator

from mapreduce.manager import events
from mapreduce.manager.choosing import choose
from mapreduce.manager.job import Job, Stage
from mapreduce.manager.jobs import Jobs
from mapreduce.manager.plan import Plan, extended
from mapreduce.manager.remote_worker import RemoteWorker
from mapreduce.manager.snapshot import ClusterSnapshot
from mapreduce.manager.workers import Workers
from mapreduce.utils import messages
from mapreduce.utils.extensions import ExtendedJobMessage, ProgressMessage
from mapreduce.utils.status import JobDetails

LOGGER = logging.getLogger(__name__)

Report = messages.FinishedMessage | messages.FailedMessage

WORKER_TIMEOUT = 10.0  # seconds of silence: five heartbeats
MAX_ATTEMPTS = 4  # tries of a task, unless its user says other
MAX_LOSSES = 4  # Workers that die over a task; then it is taken for the cause
HEADLINE_LENGTH = 500  # characters of its first line, while tries are left
REASON_LENGTH = 64 * 2**10  # characters of a reason that a Worker gives


class Scheduler:
    """The books of a Manager: its Workers, its running job, its queue."""

    def __init__(
        self, working_directory: str = "", cluster_id: str = ""
    ) -> None:
        """Start with no Workers and no jobs.

        Relative paths of jobs are meant in the working directory. The id is
        part of the names that tasks know their job by, e.g., 202611211417.
        """
        self._workers = Workers()
        self._jobs = Jobs(working_directory)
        self._reason: str | None = None  # why the running job failed
        self._now = 0.0
        self._cluster_id = cluster_id

    @property
    def workers(self) -> Iterable[RemoteWorker]:
        """All Workers that ever registered, in order of registration."""
        return self._workers

    @property
    def _job(self) -> Job | None:
        return self._jobs.running

    def snapshot(self, now: float) -> ClusterSnapshot:
        """Return what it takes to show all Workers and jobs."""
        job = self._job
        job_id, stage = (job.job_id, job.last_stage.value) if job else (-1, "")
        workers = tuple(worker.status(job_id, stage, now)
                        for worker in self._workers)
        return ClusterSnapshot(now, workers, self._jobs.snapshot(now))

    def details(self, job_id: int, now: float) -> JobDetails:
        """Return what is to be shown of a job and its tasks."""
        return self._jobs.details(job_id, now)

    def handle(self, event: events.Event, now: float) -> list[events.Action]:
        """Return what is to be done, in order, now that event happened.

        The time is that of a monotonic clock, in seconds.
        """
        self._now = now
        actions = list(self._react(event))
        # What comes of a message is an event, and decides how to go on.
        if not any(isinstance(action, events.Send) for action in actions):
            actions += self._go_on()
        return actions

    def _react(self, event: events.Event) -> Iterator[events.Action]:
        """Take note of an event; answer it where that can't wait."""
        match event:
            case messages.RegisterMessage():
                yield from self._register(event)
            case messages.HeartbeatMessage():
                self._note_heartbeat(event)
            case messages.ManagerJobMessage() | ExtendedJobMessage():
                self._enqueue(event)
            case messages.CancelJobMessage():
                yield from self._cancel_job(event.job_id)
            case messages.FinishedMessage():
                yield from self._note_finished(event)
            case messages.FailedMessage():
                yield from self._note_failed(event)
            case ProgressMessage():
                self._note_progress(event)
            case messages.ShutdownMessage():
                yield from self._shut_down()
            case events.Tick():
                yield from self._bury_silent()
            case _:
                yield from self._note_outcome(event)

    def _note_outcome(self, event: events.Event) -> Iterator[events.Action]:
        """Take note of what came of an action."""
        match event:
            case events.WorkerUnreachable():
                self._bury_unreachable(event.worker)
            case events.WorkerGone():
                LOGGER.warning("Worker died: cannot ask %r", event.worker)
                yield from self._bury(event.worker)
            case events.WorkerAnswered():
                self._workers.note_answer(event.worker, event.message_types)
            case events.JobPrepared():
                self._begin_job(event)
            case events.MapOutputKept():
                if job := self._jobs.active(event.job_id):
                    job.begin_reduce()
            case events.JobHindered():
                if job := self._jobs.active(event.job_id):
                    yield from self._abort_job(job, event.reason)

    def _go_on(self) -> Iterator[events.Action]:
        """Do what can be done now: give out a task, end a job, start one."""
        job = self._job
        if job and not job.over:
            yield from self._assign_task(job)
        if job and job.over and not self._workers.anyone_busy:
            yield from self._end_job(job)
        if self._job is None and (job := self._jobs.start_next(self._now)):
            self._workers.recall()
            LOGGER.info("Started job %d", job.job_id)
            if not self._workers.anyone_lives:
                LOGGER.warning(
                    "No Worker lives: job %d waits for one", job.job_id)
            yield events.PrepareJob(job.job_id, job.submission)

    # Workers

    def _register(
        self, message: messages.RegisterMessage
    ) -> Iterator[events.Action]:
        address = message.worker_host, message.worker_port
        previous = self._workers.get(address)
        task_id = self._workers.bury(previous) if previous else None
        worker = self._workers.register(address, self._now)
        LOGGER.info("Registered Worker %r", worker)
        yield events.Send(worker, messages.RegisterAckMessage())
        yield from self._lose(task_id, address)

    def _note_heartbeat(self, message: messages.HeartbeatMessage) -> None:
        address = message.worker_host, message.worker_port
        worker = self._workers.get(address)
        if worker is None:
            LOGGER.warning(
                "Heartbeat from unregistered Worker %s:%s", *address)
        else:
            self._workers.hear(worker, self._now)

    def _bury_silent(self) -> Iterator[events.Action]:
        """Bury Workers that were silent for too long."""
        for worker in self._workers.unheard_since(self._now - WORKER_TIMEOUT):
            LOGGER.warning("Worker died: no heartbeat from %r", worker)
            yield from self._bury(worker)

    def _bury(self, worker: RemoteWorker) -> Iterator[events.Action]:
        """Take the task of a Worker that is dead."""
        task_id = self._workers.bury(worker)
        yield from self._lose(task_id, worker.address)

    def _lose(
        self, task_id: int | None, address: messages.Address
    ) -> Iterator[events.Action]:
        """Take the task of a Worker that died, or registered again, over it.

        A task that takes one Worker after the other with it must not eat the
        cluster.
        """
        job = self._job
        if job is None or task_id is None:
            return
        lost = job.lose(task_id, address, self._now)
        if len(lost) >= MAX_LOSSES and not job.over:
            names = ", ".join(f"{host}:{port}" for host, port in lost)
            yield from self._abort_job(job, (
                f"{job.stage.value} task {task_id} was with {len(lost)} "
                f"Workers when they died: {names}"), task_id)

    def _bury_unreachable(self, worker: RemoteWorker) -> None:
        """Take back what could not be sent to a Worker."""
        LOGGER.warning("Worker died: cannot reach %r", worker)
        task_id = self._workers.bury(worker)
        if self._job and task_id is not None:
            self._job.refuse(task_id, self._now)

    def _shut_down(self) -> Iterator[events.Action]:
        for worker in self._workers.living:
            yield events.Send(worker, messages.ShutdownMessage())
        yield events.Exit()

    # Jobs

    def _enqueue(self, submission: messages.JobMessage) -> None:
        job_id = self._jobs.enqueue(extended(submission))
        if job_id is None:
            LOGGER.info("Ignored %r: its key is known", submission)
        else:
            LOGGER.info("Received job %d: %r", job_id, submission)

    def _begin_job(self, event: events.JobPrepared) -> None:
        if job := self._jobs.active(event.job_id):
            job.begin(Plan(
                f"{self._cluster_id}_{job.job_id:04d}", job.submission,
                event.job_directory, event.splits))

    def _abort_job(
        self, job: Job, reason: str, task_id: int | None = None
    ) -> Iterator[events.Action]:
        """Let a job fail, by a task that can't be done if there is one.

        It ends when no Worker is busy with it any more.
        """
        LOGGER.error("Job %d failed: %s", job.job_id, reason)
        self._reason = reason
        job.abort(Stage.FAILED, task_id, reason)
        yield from self._cancel_tasks()

    def _cancel_job(self, job_id: int) -> Iterator[events.Action]:
        if job := self._jobs.active(job_id):
            job.abort(Stage.CANCELLED)
            yield from self._cancel_tasks()
        elif not self._jobs.cancel_queued(job_id):
            LOGGER.warning("Cannot cancel job %d: no such job, or it is over",
                           job_id)
            return
        LOGGER.info("Cancelled job %d", job_id)

    def _cancel_tasks(self) -> Iterator[events.Action]:
        for worker in self._workers.busy:
            assert worker.task_id is not None
            yield events.Send(worker, messages.CancelMessage(worker.task_id))

    def _end_job(self, job: Job) -> Iterator[events.Action]:
        self._jobs.end_running(job, self._reason, self._now)
        self._reason = None
        if job.stage is Stage.DONE:
            LOGGER.info("Finished job %d", job.job_id)
        elif job.prepared:
            yield events.DiscardOutput(job.submission.output_directory)
        yield events.CleanUpJob(job.job_id)

    # Tasks

    def _assign_task(self, job: Job) -> Iterator[events.Action]:
        """Give a task to a ready Worker, if there are both.

        One task at a time: whether it could be sent comes back as an event,
        and that decides who gets the next one.
        """
        while choice := choose(job, self._workers):
            task_id, worker = choice
            known = self._workers.message_types(worker)
            if job.needed_type and job.needed_type not in (known or ()):
                self._workers.set_aside(worker)
                if known is None:  # When it answers, it will be ready again.
                    yield events.Ask(worker)
                continue
            task = job.take(task_id, worker.address, self._now)
            self._workers.assign(worker, task_id)
            LOGGER.info("Assigned task to Worker %r %r", task, worker)
            yield events.Send(worker, task)
            return
        if self._workers.all_aside:
            yield from self._abort_job(job, (
                f"no living Worker knows {job.needed_type}, which options of "
                "this job need: start mapreduce-worker of this version"))

    def _note_progress(self, message: ProgressMessage) -> None:
        if self._job and self._holder(message):
            self._job.note_status(message.task_id, message.status)

    def _note_finished(
        self, message: messages.FinishedMessage
    ) -> Iterator[events.Action]:
        worker = self._release_holder(message)
        job = self._job
        if job is None or worker is None:
            return
        worker.tasks_done += not job.over
        if not job.over and (reason := job.counters.add(message.counters)):
            yield from self._abort_job(job, reason)
        job.finish(message.task_id, self._now)
        directory = job.submission.keep_intermediate
        if job.stage is Stage.KEEPING and directory is not None:
            yield events.KeepMapOutput(job.job_id, directory)

    def _note_failed(
        self, message: messages.FailedMessage
    ) -> Iterator[events.Action]:
        worker = self._release_holder(message)
        job = self._job
        if job is None or worker is None:
            return
        stage, task_id = job.stage.value, message.task_id
        reason = message.reason[:REASON_LENGTH]
        failed_on = job.fail(task_id, worker.address, reason, self._now)
        if job.over:
            return
        worker.tasks_failed += 1
        LOGGER.warning("Attempt %d of %s task %d failed on %s:%d: %s",
                       len(failed_on), stage, task_id, *failed_on[-1],
                       reason.partition("\n")[0][:HEADLINE_LENGTH])
        if len(failed_on) >= (job.max_attempts or MAX_ATTEMPTS):
            times = ("once," if len(failed_on) == 1
                     else f"{len(failed_on)} times, the last time")
            yield from self._abort_job(job, (
                f"{stage} task {task_id} failed {times} because {reason}"
            ), task_id)

    def _release_holder(self, message: Report) -> RemoteWorker | None:
        """Make a Worker ready that reports the task that it holds."""
        worker = self._holder(message)
        if worker:
            self._workers.release(worker)
        return worker

    def _holder(
        self, message: Report | ProgressMessage
    ) -> RemoteWorker | None:
        """Return the Worker that a message on a task comes from.

        Return None where it holds no such task: messages come late, twice,
        for past stages, and from Workers thought dead.
        """
        worker = self._workers.get((message.worker_host, message.worker_port))
        if worker is None or worker.task_id != message.task_id:
            LOGGER.info("Ignored %r: that Worker holds no such task", message)
            return None
        return worker
