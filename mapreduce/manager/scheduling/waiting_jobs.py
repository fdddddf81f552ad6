"""Keep the jobs that wait for their turn, within limits. Pure."""
from __future__ import annotations

import collections

from mapreduce.protocol.extensions import ExtendedJobMessage

MAX_JOBS = 10_000
MAX_SIZE = 256 * 2**20  # characters of all jobs, about


class WaitingJobs:
    """A queue, from whose middle jobs can be removed."""

    def __init__(self) -> None:
        """Start empty."""
        self._jobs: collections.OrderedDict[int, ExtendedJobMessage] = (
            collections.OrderedDict())
        self._size = 0
        # A copy for snapshots; None after each change.
        self._items: tuple[tuple[int, ExtendedJobMessage], ...] | None = None

    def __bool__(self) -> bool:
        """Return whether a job waits."""
        return bool(self._jobs)

    def add(self, job_id: int, submission: ExtendedJobMessage) -> bool:
        """Add a job at the end; return False if there is no room for it."""
        size = _size(submission)
        if len(self._jobs) >= MAX_JOBS or self._size + size > MAX_SIZE:
            return False
        self._jobs[job_id] = submission
        self._size += size
        self._items = None
        return True

    def get(self, job_id: int) -> ExtendedJobMessage | None:
        """Return a job that waits; None if it does not."""
        return self._jobs.get(job_id)

    def pop_first(self) -> tuple[int, ExtendedJobMessage]:
        """Remove the first job and return it."""
        job_id = next(iter(self._jobs))
        submission = self.remove(job_id)
        assert submission
        return job_id, submission

    def remove(self, job_id: int) -> ExtendedJobMessage | None:
        """Remove a job and return it; None if it does not wait."""
        submission = self._jobs.pop(job_id, None)
        if submission:
            self._size -= _size(submission)
            self._items = None
        return submission

    def items(self) -> tuple[tuple[int, ExtendedJobMessage], ...]:
        """Return all ids and jobs, in their order."""
        if self._items is None:
            self._items = tuple(self._jobs.items())
        return self._items


def _size(submission: ExtendedJobMessage) -> int:
    environment = submission.environment or {}
    texts = [*submission.input_paths, *environment, *environment.values(),
             *(value for value in vars(submission).values()
               if isinstance(value, str))]
    # An object has a size of its own, also for an empty text.
    return sum(map(len, texts)) + 100 * len(texts)
