"""All jobs that a Manager knows: queued, running, ended.

Of those that ended, the last ones are kept to be shown; memory has a bound.
"""
from __future__ import annotations

import collections

from mapreduce.manager.scheduling.job import Job
from mapreduce.manager.scheduling.snapshot import (
    JobsSnapshot,
    ended_job_status,
    running_job_status,
    task_statuses,
    waiting_job_status,
)
from mapreduce.protocol.extensions import ExtendedJobMessage
from mapreduce.protocol.status import JobDetails, JobState, JobStatus

MAX_ENDED = 1_000  # jobs that are kept when they have ended …
MAX_DETAILED = 20  # … and those of which the tasks are kept, too


class _History:
    """The last jobs that ended."""

    def __init__(self) -> None:
        self.statuses: tuple[JobStatus, ...] = ()
        # By their ids, in the order of their ends.
        self._statuses: collections.OrderedDict[int, JobStatus] = (
            collections.OrderedDict())
        self._jobs: collections.OrderedDict[int, Job] = (
            collections.OrderedDict())

    def add(self, status: JobStatus, job: Job | None) -> JobStatus | None:
        """Keep a job that ended, and its tasks; return one to be forgotten."""
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

    def __init__(self, working_directory: str) -> None:
        """Have no jobs; their relative paths are meant in a directory."""
        self.running: Job | None = None
        self._working_directory = working_directory
        self._num_jobs = 0
        self._keys: dict[str, int] = {}
        self._queue: collections.OrderedDict[int, ExtendedJobMessage] = (
            collections.OrderedDict())
        self._queued: tuple[tuple[int, ExtendedJobMessage], ...] | None = None
        self._history = _History()

    def enqueue(self, submission: ExtendedJobMessage) -> int | None:
        """Queue a job; return its id, None if its key is known already."""
        key = submission.job_key
        if key is not None and key in self._keys:
            return None
        job_id = self._num_jobs
        self._num_jobs += 1
        self._queue[job_id] = submission
        self._queued = None
        if key is not None:
            self._keys[key] = job_id
        return job_id

    def start_next(self, now: float) -> Job | None:
        """Start the next job of the queue, if there is one."""
        if self._queue:
            self.running = Job(*self._queue.popitem(last=False), now)
            self._queued = None
        return self.running

    def active(self, job_id: int) -> Job | None:
        """Return the job with an id, if it runs and is not over."""
        job = self.running
        return job if job and job.job_id == job_id and not job.over else None

    def end_running(self, job: Job, now: float) -> None:
        """Keep what is to be shown of the running job, which has ended."""
        self.running = None
        job.forget_plan()
        self._keep(ended_job_status(job, self._working_directory, now), job)

    def cancel_queued(self, job_id: int) -> bool:
        """Take a job out of the queue; tell whether it was there."""
        submission = self._queue.pop(job_id, None)
        if submission is None:
            return False
        self._queued = None
        self._keep(waiting_job_status(
            job_id, submission, self._working_directory,
            JobState.CANCELLED))
        return True

    def _keep(self, status: JobStatus, job: Job | None = None) -> None:
        forgotten = self._history.add(status, job)
        if forgotten and forgotten.key is not None:
            del self._keys[forgotten.key]

    def snapshot(self, now: float) -> JobsSnapshot:
        """Return what it takes to show all jobs, at little cost."""
        if self._queued is None:
            self._queued = tuple(self._queue.items())
        return JobsSnapshot(
            self._history.statuses, self._queued,
            running_job_status(self.running, self._working_directory, now)
            if self.running else None,
            self._working_directory)

    def details(self, job_id: int, now: float) -> JobDetails:
        """Return what is shown of a job and, if they are kept, its tasks."""
        status, job = self._history.find(job_id)
        if self.running and self.running.job_id == job_id:
            job = self.running
            status = running_job_status(job, self._working_directory, now)
        elif job_id in self._queue:
            status = waiting_job_status(
                job_id, self._queue[job_id], self._working_directory)
        if job is None:
            return JobDetails(status, ())
        return JobDetails(
            status, tuple(task_statuses(job, now)), job.counters.statuses())
