"""What a Manager shows: taken in its loop at little cost, made up elsewhere.

The parts are immutable, so that another thread may make a status of them.
"""
from __future__ import annotations

import dataclasses

from mapreduce.manager.job import job_status
from mapreduce.utils.extensions import ExtendedJobMessage
from mapreduce.utils.status import ClusterStatus, JobStatus, WorkerStatus


@dataclasses.dataclass(frozen=True)
class JobsSnapshot:
    """All jobs at one moment."""

    ended: tuple[JobStatus, ...]
    queued: tuple[tuple[int, ExtendedJobMessage], ...]
    running: JobStatus | None
    working_directory: str

    def statuses(
        self, age: float = 0.0, key: str | None = None
    ) -> tuple[JobStatus, ...]:
        """Return what is shown of the jobs, in the order of their ids.

        Of all, or only of the one with a key, some seconds later.
        """
        started = list(self.ended)
        if self.running:
            started.append(dataclasses.replace(
                self.running, seconds=round(self.running.seconds + age, 3)))
        statuses = [job for job in started if key in (None, job.key)]
        statuses += [
            queued_status(job_id, submission, self.working_directory)
            for job_id, submission in self.queued
            if key in (None, submission.job_key)]
        return tuple(sorted(statuses, key=lambda status: status.id))


def queued_status(
    job_id: int, submission: ExtendedJobMessage, working_directory: str
) -> JobStatus:
    """Return what is shown of a job that waits."""
    return job_status(job_id, submission, working_directory, state="queued")


@dataclasses.dataclass(frozen=True)
class ClusterSnapshot:
    """All Workers and jobs at one moment."""

    taken: float
    workers: tuple[WorkerStatus, ...]
    jobs: JobsSnapshot

    def status(self, now: float, job_key: str | None = None) -> ClusterStatus:
        """Return what clients are told, of all jobs or the one with a key.

        Time has gone on since the snapshot was taken.
        """
        age = max(now - self.taken, 0.0)
        workers = tuple(dataclasses.replace(
            worker, silent_seconds=round(worker.silent_seconds + age, 3)
        ) for worker in self.workers)
        return ClusterStatus(workers, self.jobs.statuses(age, job_key),
                             self.jobs.working_directory)
