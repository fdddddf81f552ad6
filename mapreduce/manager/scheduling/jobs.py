"""Keep all jobs of a Manager: the queue, the running job, the ended ones.

Ended jobs are kept for clients that query them. Their number is limited, so
that the memory of a Manager does not grow for ever. Pure.
"""
from __future__ import annotations

import collections
import dataclasses

from mapreduce.manager.scheduling.job import Job
from mapreduce.manager.scheduling.snapshot import (
    JobsSnapshot,
    QueuedJob,
    ended_job_status,
    job_options,
    queued_job_status,
    running_job_status,
    task_statuses,
)
from mapreduce.manager.scheduling.waiting_jobs import WaitingJobs
from mapreduce.protocol.extensions import ExtendedJobMessage
from mapreduce.protocol.status import JobDetails, JobState, JobStatus

QUEUE_IS_FULL = "too many jobs wait already; submit it again later"
MAX_ENDED = 1_000  # ended jobs whose status is kept
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

    def add(self, status: JobStatus, job: Job | None) -> JobStatus | None:
        """Keep an ended job and its tasks; return the job removed for it."""
        forgotten = None
        self._statuses[status.id] = status
        if len(self._statuses) > MAX_ENDED:
            _, forgotten = self._statuses.popitem(last=False)
        if job:
            self._jobs[job.job_id] = job
            if len(self._jobs) > MAX_DETAILED:
                self._jobs.popitem(last=False)
        self.statuses = tuple(self._statuses.values())
        return forgotten

    def find(self, job_id: int) -> tuple[JobStatus | None, Job | None]:
        """Return what is kept of a job."""
        return self._statuses.get(job_id), self._jobs.get(job_id)


class Jobs:
    """The queue, the running job and the history."""

    # The time of the current event by the clock on the wall, as people read
    # it; None if it is not known. The owner of the clock sets it.
    wall_time: str | None = None

    def __init__(self, working_directory: str) -> None:
        """Start without jobs; relative paths refer to the directory."""
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
        if not self._queue.add(job):
            self._keep(dataclasses.replace(
                queued_job_status(job, self._working_directory),
                state=JobState.FAILED, ended_at=self.wall_time,
                reason=QUEUE_IS_FULL))
        return job_id

    def waits(self, job_id: int) -> bool:
        """Return whether a job waits in the queue."""
        return self._queue.get(job_id) is not None

    def start_next(self, now: float) -> Job | None:
        """Start the next job of the queue, if there is one."""
        if self._queue:
            queued = self._queue.pop_first()
            self.running = Job(queued.job_id, queued.submission, now)
            self.running.submitted_at = queued.submitted_at
            self.running.started_at = self.wall_time
        return self.running

    def active(self, job_id: int) -> Job | None:
        """Return the running job if it has this id and is not over."""
        # The outcome of a long action may come after its job was cancelled.
        job = self.running
        return job if job and job.job_id == job_id and not job.over else None

    def end_running(self, job: Job, now: float) -> None:
        """Move the running job, which has ended, to the history."""
        self.running = None
        job.forget_plan()
        status = ended_job_status(job, self._working_directory, now)
        self._keep(dataclasses.replace(status, ended_at=self.wall_time), job)

    def cancel_queued(self, job_id: int) -> bool:
        """Remove a job from the queue; return whether it was there."""
        queued = self._queue.remove(job_id)
        if queued is None:
            return False
        status = queued_job_status(queued, self._working_directory)
        self._keep(dataclasses.replace(
            status, state=JobState.CANCELLED, ended_at=self.wall_time))
        return True

    def _keep(self, status: JobStatus, job: Job | None = None) -> None:
        forgotten = self._history.add(status, job)
        if forgotten and forgotten.key is not None:
            del self._keys[forgotten.key]

    def snapshot(self, now: float) -> JobsSnapshot:
        """Return a snapshot of all jobs; cheap, as ended ones are cached."""
        return JobsSnapshot(
            self._history.statuses, self._queue.items(),
            running_job_status(self.running, self._working_directory, now)
            if self.running else None,
            self._working_directory)

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
            return JobDetails(status, ())
        return JobDetails(
            status, tuple(task_statuses(job, now)), job.counters.statuses(),
            tuple(job_options(job.submission)))
