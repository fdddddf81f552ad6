"""The tasks of one stage of a job: which wait, and what is known of each."""
from __future__ import annotations

import collections
import dataclasses

from mapreduce.utils.messages import Address
from mapreduce.utils.status import TaskStatus


@dataclasses.dataclass(slots=True)
class _Attempts:
    """Who has a task, or had it last, and for how long."""

    address: Address
    started: float
    ended: float | None = None
    attempts: int = 0


@dataclasses.dataclass(slots=True)
class Record(_Attempts):
    """What is known of a task that was given out at least once."""

    reason: str | None = None
    status: str | None = None  # what its executable last said of itself
    failed_on: list[Address] = dataclasses.field(default_factory=list)
    lost_with: list[Address] = dataclasses.field(default_factory=list)


class Tasks:
    """The tasks of one stage, all of which are pending at first."""

    def __init__(self, num_tasks: int) -> None:
        """Have so many tasks, none of which was given out."""
        self.num_tasks = num_tasks
        self.pending = collections.deque(range(num_tasks))
        self.unfinished = set(range(num_tasks))
        self.records: dict[int, Record] = {}
        self.fatal_task: int | None = None  # why the job failed
        # What was shown once is mostly what is shown again.
        self.shown: dict[int, TaskStatus] = {}

    @property
    def num_done(self) -> int:
        """Count the tasks that are done."""
        return self.num_tasks - len(self.unfinished)
