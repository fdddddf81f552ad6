"""Find tasks that take far longer than the others of their stage. Pure.

Section 3.6 of the MapReduce paper gives the last tasks of a stage backup
attempts, whatever time they have taken. LATE (Zaharia et al., OSDI 2008) shows
what that costs: attempts at tasks that are not slow. So a task counts as slow
here only by comparison with those that are done. They say how long a new
attempt will take, as in Spark.
"""
from __future__ import annotations

import itertools
from collections.abc import Iterator

# A task is slow after the median of the others, times this: a backup that
# takes as long as they do then ends after three times the median. …
FACTOR = 2.0
# … and so many seconds more. The Manager's clock ticks once a second, and the
# times of short tasks differ by more than FACTOR without a cause.
MARGIN = 1.0


class Pace:
    """The times of the tasks of a stage."""

    def __init__(self, num_tasks: int) -> None:
        """Start before any of the tasks."""
        self._num_tasks = num_tasks
        self._seconds: list[float] = []  # of each task that is done
        # When the tasks were started that run and may become slow, in the
        # order of these times: then those that are slow come first.
        self._started: dict[int, float] = {}
        # Seconds after which a task is slow; None: not known yet.
        self._limit: float | None = None

    def begin(self, task_id: int, now: float) -> None:
        """Note that a task was started that may become slow."""
        self._started[task_id] = now

    def end(self, task_id: int) -> None:
        """Note that a task has ended, or has got a backup attempt."""
        self._started.pop(task_id, None)

    def note_done(self, seconds: float) -> None:
        """Note how long a task took that is done."""
        self._seconds.append(seconds)
        self._limit = None

    def slow(self, now: float) -> list[int]:
        """Return the tasks that are slow, the slowest first.

        None is, before half of all tasks are done.
        """
        if not self._started or not self._seconds or (
                2 * len(self._seconds) < self._num_tasks):
            return []
        if self._limit is None:
            self._seconds.sort()
            median = self._seconds[len(self._seconds) // 2]
            self._limit = FACTOR * median + MARGIN
        return list(self._slow(now - self._limit))

    def _slow(self, start: float) -> Iterator[int]:
        """Iterate over the tasks that were started before a time."""
        return itertools.takewhile(
            lambda task_id: self._started[task_id] < start, self._started)
