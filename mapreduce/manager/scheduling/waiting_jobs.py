"""Keep the jobs that wait for their turn, within limits. Pure."""
from __future__ import annotations

import collections
import sys
from typing import Any

from mapreduce.manager.scheduling.snapshot import QueuedJob

MAX_JOBS = 10_000
MAX_SIZE = 256 * 2**20  # bytes of all jobs, about


class WaitingJobs:
    """A queue; jobs can also be removed from its middle."""

    def __init__(self) -> None:
        """Start empty."""
        self._jobs: collections.OrderedDict[int, QueuedJob] = (
            collections.OrderedDict())
        self._sizes: dict[int, int] = {}
        self._size = 0  # the sum
        # A copy for snapshots; None after each change.
        self._items: tuple[QueuedJob, ...] | None = None

    def __bool__(self) -> bool:
        """Return whether a job waits."""
        return bool(self._jobs)

    def add(self, job: QueuedJob) -> bool:
        """Add a job at the end; return False if there is no room for it."""
        size = _size(vars(job.submission))
        if len(self._jobs) >= MAX_JOBS or self._size + size > MAX_SIZE:
            return False
        self._put(job, size)
        return True

    def add_first(self, job: QueuedJob) -> None:
        """Add a job that was removed before, in front of all others."""
        self._put(job, _size(vars(job.submission)))
        self._jobs.move_to_end(job.job_id, last=False)

    def _put(self, job: QueuedJob, size: int) -> None:
        self._jobs[job.job_id] = job
        self._sizes[job.job_id] = size
        self._size += size
        self._items = None

    def get(self, job_id: int) -> QueuedJob | None:
        """Return a job that waits; None if it does not."""
        return self._jobs.get(job_id)

    def pop_first(self) -> QueuedJob:
        """Remove the first job and return it."""
        job = self.remove(next(iter(self._jobs)))
        assert job
        return job

    def remove(self, job_id: int) -> QueuedJob | None:
        """Remove a job and return it; None if it does not wait."""
        job = self._jobs.pop(job_id, None)
        if job:
            self._size -= self._sizes.pop(job_id)
            self._items = None
        return job

    def items(self) -> tuple[QueuedJob, ...]:
        """Return all jobs, in their order."""
        if self._items is None:
            self._items = tuple(self._jobs.values())
        return self._items


def _size(value: Any) -> int:
    """Return the bytes of a value from JSON, with all that is in it."""
    size = sys.getsizeof(value)
    if isinstance(value, dict):
        return size + sum(map(_size, value)) + sum(map(_size, value.values()))
    return size + (
        sum(map(_size, value)) if isinstance(value, list) else 0)
