"""All jobs that a Manager knows: queued, running, ended.

Of those that ended, the last ones are kept to be shown; memory has a bound.
"""
from __future__ import annotations

import collections

from mapreduce.manager.job import Job, Stage, job_status
from mapreduce.utils.messages import ManagerJobMessage
from mapreduce.utils.status import JobDetails, JobStatus

MAX_ENDED = 1_000  # jobs that are kept when they have ended …
MAX_DETAILED = 20  # … and those of which the tasks are kept, too


class Jobs:
    """The queue, the running job and the history."""

    def __init__(self, working_directory: str) -> None:
        """Have no jobs; their relative paths are meant in a directory."""
        self.running: Job | None = None
        self.working_directory = working_directory
        self._num_jobs = 0
        self._keys: dict[str, int] = {}
        # By their ids, in order.
        self._queue: collections.OrderedDict[int, ManagerJobMessage] = (
            collections.OrderedDict())
        self._ended: collections.OrderedDict[int, JobStatus] = (
            collections.OrderedDict())
        self._detailed: collections.OrderedDict[int, Job] = (
            collections.OrderedDict())

    def enqueue(self, submission: ManagerJobMessage) -> int | None:
        """Queue a job; return its id, None if its key is known already."""
        key = submission.job_key
        if key is not None and key in self._keys:
            return None
        job_id = self._num_jobs
        self._num_jobs += 1
        self._queue[job_id] = submission
        if key is not None:
            self._keys[key] = job_id
        return job_id

    def start_next(self, now: float) -> Job | None:
        """Start the next job of the queue, if there is one."""
        if self._queue:
            self.running = Job(*self._queue.popitem(last=False), now)
        return self.running

    def end_running(self, job: Job, reason: str | None, now: float) -> None:
        """Keep what is to be shown of the running job, which has ended."""
        self.running = None
        job.forget_inputs()
        self._detailed[job.job_id] = job
        if len(self._detailed) > MAX_DETAILED:
            self._detailed.popitem(last=False)
        self._keep(job.status(
            job.stage.value, reason, self.working_directory, now))

    def cancel_queued(self, job_id: int) -> bool:
        """Take a job out of the queue; tell whether it was there."""
        submission = self._queue.pop(job_id, None)
        if submission is None:
            return False
        self._keep(job_status(
            job_id, submission, self.working_directory,
            state=Stage.CANCELLED.value))
        return True

    def _keep(self, status: JobStatus) -> None:
        self._ended[status.id] = status
        if len(self._ended) > MAX_ENDED:
            _, oldest = self._ended.popitem(last=False)
            if oldest.key is not None:
                del self._keys[oldest.key]

    def statuses(self, now: float) -> tuple[JobStatus, ...]:
        """Return what is shown of all jobs, in the order of their ids."""
        statuses = list(self._ended.values())
        if self.running:
            statuses.append(self._running_status(self.running, now))
        statuses += [self._queued_status(*job) for job in self._queue.items()]
        return tuple(sorted(statuses, key=lambda status: status.id))

    def details(self, job_id: int, now: float) -> JobDetails:
        """Return what is shown of a job and, if they are kept, its tasks."""
        job = self._detailed.get(job_id)
        if self.running and self.running.job_id == job_id:
            job = self.running
            status: JobStatus | None = self._running_status(job, now)
        elif job_id in self._queue:
            status = self._queued_status(job_id, self._queue[job_id])
        else:
            status = self._ended.get(job_id)
        return JobDetails(status, tuple(job.task_statuses(now) if job else ()))

    def _running_status(self, job: Job, now: float) -> JobStatus:
        """Return what is shown of a job until nothing of it is left."""
        state = Stage.REDUCE if job.last_stage is Stage.REDUCE else Stage.MAP
        return job.status(state.value, None, self.working_directory, now)

    def _queued_status(
        self, job_id: int, submission: ManagerJobMessage
    ) -> JobStatus:
        return job_status(
            job_id, submission, self.working_directory, state="queued")
