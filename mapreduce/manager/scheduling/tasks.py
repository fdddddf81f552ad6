"""The tasks of one stage of a job: which wait, and what is known of each.

    waiting --assign--> running --finish--> done
       ^                   |
       +--- put_back ------+   its Worker refused it: before the others
       +--- requeue_lost --+   its Worker died: behind the others
       +--- fail ----------+   it failed: before the others

After `abort` none waits any more, and none is put back. Only this module
changes a record.
"""
from __future__ import annotations

import collections
import dataclasses
import itertools
from collections.abc import Iterator

from mapreduce.protocol import fields
from mapreduce.protocol.messages import Address
from mapreduce.protocol.status import (
    Counter,
    Stage,
    TaskState,
    TaskStatus,
    WorkerAddress,
)


@dataclasses.dataclass(slots=True)
class _Attempt:
    """Which Worker has a task, or had it last, and for how long."""

    address: Address
    started: float
    ended: float | None = None  # None while the attempt runs


@dataclasses.dataclass(slots=True)
class _Record:
    """What is known of a task that was assigned at least once."""

    attempt: _Attempt  # the last one
    attempts: int = 0
    reason: str | None = None
    message: str | None = None  # what its executable last said of itself
    failed_on: list[Address] = dataclasses.field(default_factory=list)
    lost_with: list[Address] = dataclasses.field(default_factory=list)


class Tasks:
    """The tasks of one stage, all of which wait at first."""

    def __init__(self, num_tasks: int) -> None:
        """Start with so many tasks, none of which was assigned."""
        self.num_tasks = num_tasks
        self._pending = collections.deque(range(num_tasks))
        # Ids, not a count: a task that is reported twice is done once.
        self._unfinished = set(range(num_tasks))
        # Only of tasks that were assigned: a job of 100,000 tasks is ids.
        self._records: dict[int, _Record] = {}
        self._aborted = False
        self._fatal_task: int | None = None  # why the job failed
        # What was shown once is mostly what is shown again.
        self._shown: dict[int, TaskStatus] = {}

    @property
    def num_done(self) -> int:
        """The number of tasks that are done."""
        return self.num_tasks - len(self._unfinished)

    def waiting(self, limit: int) -> Iterator[int]:
        """Iterate over the first tasks that wait for a Worker."""
        return itertools.islice(self._pending, limit)

    def failed_on(self, task_id: int) -> list[Address]:
        """Return the Workers on which a task failed, one an attempt."""
        record = self._records.get(task_id)
        return record.failed_on if record else []

    def assign(self, task_id: int, address: Address, now: float) -> int:
        """Assign one of the first tasks that wait to a Worker.

        Return the number of the attempt, from 0 on.
        """
        self._pending.remove(task_id)
        attempt = _Attempt(address, now)
        record = self._records.setdefault(task_id, _Record(attempt))
        record.attempt = attempt
        record.attempts += 1
        record.message = None
        return record.attempts - 1

    def note_message(self, task_id: int, message: str) -> None:
        """Note what the executable of a running task says of itself."""
        self._records[task_id].message = message[:fields.MAX_NAME]

    def finish(self, task_id: int, now: float) -> bool:
        """Note that a task is done; return whether all are.

        After `abort` it is only noted that the attempt has ended.
        """
        self._records[task_id].attempt.ended = now
        if self._aborted:
            return False
        self._unfinished.discard(task_id)
        return not self._unfinished

    def put_back(self, task_id: int, now: float) -> None:
        """Put back a task that its Worker never began, before the others."""
        record = self._records[task_id]
        record.attempt.ended = now
        if self._aborted:  # What was refused is the message that cancels it.
            return
        record.attempts -= 1
        self._pending.appendleft(task_id)
        if not record.attempts:
            del self._records[task_id]

    def requeue_lost(
        self, task_id: int, address: Address, now: float
    ) -> list[Address]:
        """Put back a task that was lost with its Worker, behind the others.

        Return all the Workers that were lost with it.
        """
        record = self._records[task_id]
        record.attempt.ended = now
        record.lost_with.append(address)
        if not self._aborted:
            self._pending.append(task_id)
        return record.lost_with

    def fail(
        self, task_id: int, address: Address, reason: str, now: float
    ) -> list[Address]:
        """Put back a task that failed, before the others.

        It may fail again, and then its job fails after a few attempts, not
        after some rounds of all tasks. Return all the Workers on which it
        failed, one an attempt.
        """
        record = self._records[task_id]
        record.attempt.ended = now
        if not self._aborted:
            record.reason = reason
            record.failed_on.append(address)
            self._pending.appendleft(task_id)
        return record.failed_on

    def abort(self, task_id: int | None, reason: str) -> None:
        """Give up all tasks that wait, and put back none any more.

        The task, if one is named, cannot be done for that reason.
        """
        self._aborted = True
        self._pending.clear()
        if task_id is not None:
            self._fatal_task = task_id
            record = self._records[task_id]
            record.reason = record.reason or reason

    def statuses(self, stage: Stage, now: float) -> Iterator[TaskStatus]:
        """Iterate over what clients are told of the tasks, in order."""
        for task_id in range(self.num_tasks):
            yield self._status(stage, task_id, now)

    def _status(self, stage: Stage, task_id: int, now: float) -> TaskStatus:
        record = self._records.get(task_id)
        attempts = record.attempts if record else 0
        state = self._state(task_id, record)
        shown = self._shown.get(task_id)
        if shown and (shown.state, shown.attempts) == (state, attempts) and (
                state is not TaskState.RUNNING):
            return shown
        if record is None:
            shown = TaskStatus(stage, task_id, state, None, 0, None, None)
        else:
            attempt = record.attempt
            end = now if attempt.ended is None else attempt.ended
            shown = TaskStatus(
                stage, task_id, state, WorkerAddress(*attempt.address),
                attempts, round(end - attempt.started, 3), record.reason,
                record.message)
        self._shown[task_id] = shown
        return shown

    def _state(self, task_id: int, record: _Record | None) -> TaskState:
        if task_id not in self._unfinished:
            return TaskState.DONE
        if record and record.attempt.ended is None:
            return TaskState.RUNNING
        if not self._aborted:
            return TaskState.WAITING
        if task_id == self._fatal_task:
            return TaskState.FAILED
        return TaskState.CANCELLED


class Counters:
    """The sums of a job, by group and name; their number has a bound."""

    def __init__(self) -> None:
        """Start with no counter."""
        self._amounts: dict[tuple[str, str], int] = {}

    def add(self, counters: dict[str, dict[str, int]] | None) -> str:
        """Add amounts by groups and names; return what is wrong, if so."""
        for group, amounts in (counters or {}).items():
            for name, amount in amounts.items():
                key = group, name
                self._amounts[key] = self._amounts.get(key, 0) + amount
        limit = fields.MAX_COUNTERS
        return (f"the job has more than {limit} different counters"
                if len(self._amounts) > limit else "")

    def statuses(self) -> tuple[Counter, ...]:
        """Return what clients are told, sorted by group and name."""
        return tuple(
            Counter(*key, amount)
            for key, amount in sorted(self._amounts.items()))
