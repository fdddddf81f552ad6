"""Keep all jobs of a Manager: the queue, the running job, the ended ones.

Ended jobs are kept for clients that query them. Their number is limited, so
that the memory of a Manager does not grow for ever. A submission whose key is
known is ignored: its client may have sent it twice. Pure.
"""
from __future__ import annotations

import collections
import dataclasses

from mapreduce.manager.scheduling import facts
from mapreduce.manager.scheduling.job import Job, WallTimes
from mapreduce.manager.scheduling.kept_plans import (
    KeptPlans,
    kept_plan,
    restored,
)
from mapreduce.manager.scheduling.plan import no_command
from mapreduce.manager.scheduling.snapshot import (
    JobsSnapshot,
    QueuedJob,
    ended_job_status,
    job_options,
    queued_job_status,
    running_job_status,
    task_statuses,
    unreadable_job_status,
)
from mapreduce.manager.scheduling.waiting_jobs import WaitingJobs
from mapreduce.protocol.extensions import ExtendedJobMessage
from mapreduce.protocol.status import (
    Counter,
    JobDetails,
    JobState,
    JobStatus,
    TaskCommand,
)

QUEUE_IS_FULL = "too many jobs wait already; submit it again later"
MAX_ENDED = 1_000  # ended jobs whose status is kept
MAX_ENDED_SIZE = 64 * 2**20  # characters of these statuses
MAX_DETAILED = 20  # ended jobs whose tasks are kept, too: they are large


class _History:
    """The jobs that ended last."""

    def __init__(self) -> None:
        # Made when a job ends, not for each snapshot: the Manager makes a
        # snapshot every second, and before each long action.
        self.statuses: tuple[JobStatus, ...] = ()
        # Both by job id, in the order in which the jobs ended.
        self._statuses: collections.OrderedDict[int, JobStatus] = (
            collections.OrderedDict())
        self._jobs: collections.OrderedDict[int, Job] = (
            collections.OrderedDict())
        self.plans = KeptPlans()
        # Of jobs that ended before the Manager was interrupted.
        self.counters: dict[int, tuple[Counter, ...]] = {}
        self._size = 0

    def add(self, status: JobStatus, job: Job | None) -> None:
        """Keep an ended job and its tasks."""
        before = self._statuses.pop(status.id, None)
        self._size += _size(status) - (_size(before) if before else 0)
        self._statuses[status.id] = status
        if job:
            self._jobs[job.job_id] = job
            if len(self._jobs) > MAX_DETAILED:
                self._jobs.popitem(last=False)
        self.statuses = tuple(self._statuses.values())

    def shorten(self) -> list[JobStatus]:
        """Remove the oldest jobs of a long history, and return them."""
        removed = []
        # The last one is kept, whatever its size.
        while len(self._statuses) > MAX_ENDED or (
                self._size > MAX_ENDED_SIZE and len(self._statuses) > 1):
            job_id, status = self._statuses.popitem(last=False)
            removed.append(status)
            self._size -= _size(status)
            self._jobs.pop(job_id, None)
            self.counters.pop(job_id, None)
            self.plans.remove(job_id)
        if removed:
            self.statuses = tuple(self._statuses.values())
        return removed

    def find(self, job_id: int) -> tuple[JobStatus | None, Job | None]:
        """Return what is kept of a job."""
        return self._statuses.get(job_id), self._jobs.get(job_id)


def _size(status: JobStatus) -> int:
    # An input may be a list of many paths.
    return sum(len(value) for value in vars(status).values()
               if isinstance(value, str))


class Jobs:
    """The queue, the running job and the history."""

    # The time of the current event by the clock on the wall, as people read
    # it; None if it is not known. The owner of the clock sets it.
    wall_time: str | None = None

    # Why no job is accepted now; None: jobs are.
    refusal: str | None = None
    # The number of the first attempt of each task: no two attempts of a task
    # have the same one, also if the Manager was interrupted between them.
    first_attempt = 0

    def __init__(
        self, working_directory: str, log: facts.FactLog | None = None
    ) -> None:
        """Start without jobs; relative paths refer to the directory.

        What must outlive the Manager is added to the log.
        """
        self.log = log or facts.FactLog()
        # None between two jobs; a job that is over stays here until it ends.
        self.running: Job | None = None
        self._working_directory = working_directory
        self.num_jobs = 0  # that ever arrived: the next id
        # Of all jobs in the queue, running, or in the history.
        self._keys: dict[str, int] = {}
        self._queue = WaitingJobs()
        self._history = _History()

    def enqueue(self, submission: ExtendedJobMessage) -> int | None:
        """Add a job to the queue; return its id, or None for a known key.

        If the queue is full, the job has failed: its client is told so.
        """
        key = submission.job_key
        # A client that can't see whether its submission arrived may send it
        # again. The job must not run twice.
        if key is not None and key in self._keys:
            return None
        job_id = self.num_jobs
        self.num_jobs += 1
        job = QueuedJob(job_id, submission, self.wall_time)
        if key is not None:
            self._keys[key] = job_id
        refusal = self.refusal or (
            None if self._queue.add(job) else QUEUE_IS_FULL)
        if refusal:
            self._end_queued(job, JobState.FAILED, refusal)
        else:
            self.log.add(facts.JobAccepted(
                job_id, submission, self.wall_time))
        return job_id

    def _end_queued(
        self, job: QueuedJob, state: JobState, reason: str | None = None
    ) -> None:
        """Move a job that has never started to the history."""
        self.log.add(facts.JobAborted(job.job_id, state, None, reason, False))
        self._keep(dataclasses.replace(
            queued_job_status(job, self._working_directory), state=state,
            ended_at=self.wall_time, reason=reason))

    # For manager/scheduling/restoration, which repeats what facts say.

    def restore_queued(self, job: QueuedJob) -> None:
        """Add a job to the queue that an earlier Manager accepted."""
        self.num_jobs = max(self.num_jobs, job.job_id + 1)
        if job.submission.job_key is not None:
            self._keys[job.submission.job_key] = job.job_id
        self._queue.add(job)

    def restore_started(
        self, job_id: int, started_at: str | None, now: float
    ) -> None:
        """Start a job that an earlier Manager has started."""
        if self.running and self.running.job_id == job_id:
            self.put_back()
        if queued := self._queue.remove(job_id):
            self._start(queued, started_at, now)

    def put_back(self) -> None:
        """Put the running job back to the head of the queue."""
        job, self.running = self.running, None
        assert job
        self._queue.add_first(QueuedJob(
            job.job_id, job.submission, job.wall_times.submitted, job.starts))

    def restore_ended(self, fact: facts.JobArchived) -> None:
        """Add a job to the history that ended before an interruption."""
        status = fact.status
        self.num_jobs = max(self.num_jobs, status.id + 1)
        if status.key is not None:
            self._keys[status.key] = status.id
        self._queue.remove(status.id)
        if self.running and self.running.job_id == status.id:
            self.running = None
        self._history.add(status, None)
        if fact.counters:
            self._history.counters[status.id] = fact.counters
        if fact.plan:
            self._history.plans.add(status.id, restored(fact.plan))

    def restore_unreadable(self, fact: facts.JobAborted) -> None:
        """Add a job to the history that an earlier Manager has accepted."""
        self.num_jobs = max(self.num_jobs, fact.job_id + 1)
        self._history.add(unreadable_job_status(
            fact.job_id, fact.state, fact.reason,
            self._working_directory), None)

    def waits(self, job_id: int) -> bool:
        """Return whether a job waits in the queue."""
        return self._queue.get(job_id) is not None

    def start_next(self, now: float) -> Job | None:
        """Start the next job of the queue, if there is one."""
        if self._queue:
            queued = self._queue.pop_first()
            self._start(queued, self.wall_time, now)
            self.log.add(facts.JobStarted(
                queued.job_id, queued.starts + 1, self.wall_time))
        return self.running

    def _start(
        self, queued: QueuedJob, started_at: str | None, now: float
    ) -> None:
        self.running = job = Job(
            queued.job_id, queued.submission, now, self.log)
        job.wall_times = WallTimes(queued.submitted_at, started_at)
        job.starts = queued.starts + 1
        job.first_attempt = self.first_attempt

    def active(self, job_id: int) -> Job | None:
        """Return the running job if it has this id and is not over."""
        # The outcome of a long action may come after its job was cancelled.
        job = self.running
        return job if job and job.job_id == job_id and not job.over else None

    def end_running(self, job: Job, now: float) -> None:
        """Move the running job, which has ended, to the history."""
        self.running = None
        status = ended_job_status(job, self._working_directory, now)
        self.log.add(facts.JobEnded(
            job.job_id, job.state, self.wall_time, status.seconds))
        self._history.add(
            dataclasses.replace(status, ended_at=self.wall_time), job)
        if plan := kept_plan(job):
            self._history.plans.add(job.job_id, plan)
        job.forget_plan()

    def archive(self, job: Job) -> None:
        """Keep of a job that has ended only what clients can query."""
        status, _ = self._history.find(job.job_id)
        if status:
            self._archive(status, job)

    def end_waiting(
        self, job_id: int, state: JobState, reason: str | None = None
    ) -> bool:
        """End a job in the queue; return whether it was there."""
        queued = self._queue.remove(job_id)
        if queued:
            self._end_queued(queued, state, reason)
        return queued is not None

    def _keep(self, status: JobStatus) -> None:
        self._history.add(status, None)
        self._archive(status, None)

    def _archive(self, status: JobStatus, job: Job | None) -> None:
        plan = self._history.plans.get(status.id)
        self.log.add(facts.JobArchived(
            status.id, status, job.counters.statuses() if job else (),
            plan.facts() if plan else None))
        for forgotten in self._history.shorten():
            self.log.add(facts.JobForgotten(forgotten.id))
            if forgotten.key is not None:
                del self._keys[forgotten.key]

    def snapshot(self, now: float) -> JobsSnapshot:
        """Return a snapshot of all jobs; cheap, as ended ones are cached."""
        return JobsSnapshot(
            self._history.statuses, self._queue.items(),
            running_job_status(self.running, self._working_directory, now)
            if self.running else None,
            self._working_directory)

    def command(
        self, job_id: int, stage: str, task_id: int
    ) -> TaskCommand:
        """Return what a task runs, if the plan of its job is kept."""
        job = self.running
        plan = (kept_plan(job) if job and job.job_id == job_id
                else self._history.plans.get(job_id))
        if plan is None:
            return no_command(self._working_directory)
        return plan.command(stage, task_id, self._working_directory)

    def details(self, job_id: int, now: float) -> JobDetails:
        """Return the status of a job and, if they are kept, of its tasks."""
        status, job = self._history.find(job_id)
        if self.running and self.running.job_id == job_id:
            job = self.running
            status = running_job_status(job, self._working_directory, now)
        elif queued := self._queue.get(job_id):
            status = queued_job_status(queued, self._working_directory)
            return JobDetails(
                status, (), options=tuple(job_options(queued.submission)))
        if job is None:
            plan = self._history.plans.get(job_id)
            return JobDetails(
                status, (), self._history.counters.get(job_id, ()),
                tuple(job_options(plan.plan.submission)) if plan else ())
        return JobDetails(
            status, tuple(task_statuses(job, now)), job.counters.statuses(),
            tuple(job_options(job.submission)))
