"""Keep the tasks of one stage of a job: their queue and their records. Pure.

    waiting --assign--> running --finish--> done
       ^                   |
       +--- put_back ------+   it could not be sent: to the head of the queue
       +--- requeue_lost --+   its Worker died: to the end of the queue
       +--- fail ----------+   it failed: to the head of the queue
       +--- reopen, fail --------------------+   its files are missing

After `abort`, no task waits, and none returns to the queue. Only this module
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
    address: Address  # of the Worker
    started: float
    ended: float | None = None  # None while the attempt runs


@dataclasses.dataclass(slots=True)
class _Record:
    """The history of a task that was assigned at least once."""

    attempt: _Attempt  # the last one
    attempts: int = 0  # that were sent to a Worker
    reason: str | None = None  # of the last failure
    message: str | None = None  # the last status line of its executable
    failed_on: list[Address] = dataclasses.field(default_factory=list)
    # The Workers that died while they held it. These are not failures: a
    # Worker may die for reasons of its own.
    lost_with: list[Address] = dataclasses.field(default_factory=list)


class Tasks:
    """The tasks of one stage, all of which wait at first."""

    def __init__(self, num_tasks: int) -> None:
        """Start with `num_tasks` waiting tasks, with ids from 0."""
        self.num_tasks = num_tasks
        # The tasks that wait; a deque, since they return to both ends.
        self._pending = collections.deque(range(num_tasks))
        # Ids, not a count: a task that is reported twice is done once.
        self._unfinished = set(range(num_tasks))
        # Made at the first assignment: a job may have 100,000 tasks.
        self._records: dict[int, _Record] = {}
        self._aborted = False
        self._fatal_task: int | None = None  # the task that made the job fail
        # Statuses of tasks that do not run, reused while they stay the same:
        # the codec caches their JSON in these objects.
        self._cache: dict[int, TaskStatus] = {}

    @property
    def num_done(self) -> int:
        """The number of tasks that are done."""
        return self.num_tasks - len(self._unfinished)

    def waiting(self, limit: int) -> Iterator[int]:
        """Iterate over the ids of waiting tasks, at most `limit` of them."""
        return itertools.islice(self._pending, limit)

    def failed_on(self, task_id: int) -> list[Address]:
        """Return the Workers on which a task failed, one for each failure."""
        record = self._records.get(task_id)
        return record.failed_on if record else []

    def assign(self, task_id: int, address: Address, now: float) -> int:
        """Assign one of the first waiting tasks to a Worker.

        Return the number of the attempt, starting at 0.
        """
        # From the head, remove finds it at once; from the middle of 100,000
        # tasks it would not.
        self._pending.remove(task_id)
        attempt = _Attempt(address, now)
        record = self._records.setdefault(task_id, _Record(attempt))
        record.attempt = attempt
        record.attempts += 1
        record.message = None
        return record.attempts - 1

    def note_message(self, task_id: int, message: str) -> None:
        """Keep a status line of the executable of a running task."""
        self._records[task_id].message = message[:fields.MAX_NAME]

    def finish(self, task_id: int, now: float) -> bool:
        """Mark a task done; return whether all are done.

        After `abort`, only the end of the attempt is noted.
        """
        self._records[task_id].attempt.ended = now
        if self._aborted:
            return False
        self._unfinished.discard(task_id)
        return not self._unfinished

    def last_address(self, task_id: int) -> Address:
        """Return the Worker that got a task last."""
        return self._records[task_id].attempt.address

    def reopen(self, task_id: int) -> None:
        """Take back that a task is done; `fail` must follow."""
        self._unfinished.add(task_id)

    def put_back(self, task_id: int, now: float) -> None:
        """Put a task back at the head of the queue: it could not be sent."""
        record = self._records[task_id]
        record.attempt.ended = now
        # Then the message that could not be sent was the one to cancel it.
        if self._aborted:
            return
        record.attempts -= 1
        self._pending.appendleft(task_id)
        # As if it had never been assigned: clients see no Worker for it.
        if not record.attempts:
            del self._records[task_id]

    def requeue_lost(
        self, task_id: int, address: Address, now: float
    ) -> list[Address]:
        """Put the task of a dead Worker at the end of the queue.

        Return all Workers that died while they held it.
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
        """Put a failed task back at the head of the queue.

        Return all Workers on which it failed, one for each failure.
        """
        # To the head: a task that always fails then ends its job after a few
        # attempts, not after all the other tasks were done for nothing.
        record = self._records[task_id]
        record.attempt.ended = now
        if not self._aborted:
            record.reason = reason
            record.failed_on.append(address)
            self._pending.appendleft(task_id)
        return record.failed_on

    def abort(self, task_id: int | None, reason: str) -> None:
        """Drop all waiting tasks; from now on, none returns to the queue.

        `task_id` is the task that made the job fail, if one did.
        """
        self._aborted = True
        self._pending.clear()
        if task_id is not None:
            self._fatal_task = task_id
            record = self._records[task_id]
            record.reason = record.reason or reason

    def statuses(self, stage: Stage, now: float) -> Iterator[TaskStatus]:
        """Iterate over the records for clients, in the order of the ids."""
        for task_id in range(self.num_tasks):
            yield self._status(stage, task_id, now)

    def _status(self, stage: Stage, task_id: int, now: float) -> TaskStatus:
        record = self._records.get(task_id)
        attempts = record.attempts if record else 0
        state = self._state(task_id, record)
        # A task that does not run can't change without a change of these two.
        status = self._cache.get(task_id)
        if status and state is not TaskState.RUNNING and (
                (status.state, status.attempts) == (state, attempts)):
            return status
        if record is None:
            status = TaskStatus(stage, task_id, state, None, 0, None, None)
        else:
            attempt = record.attempt
            end = now if attempt.ended is None else attempt.ended
            status = TaskStatus(
                stage, task_id, state, WorkerAddress(*attempt.address),
                attempts, round(end - attempt.started, 3), record.reason,
                record.message)
        self._cache[task_id] = status
        return status

    def _state(self, task_id: int, record: _Record | None) -> TaskState:
        # Derived, not stored: a stored state could contradict the queue.
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
    """The counters of a job: sums by group and name."""

    def __init__(self) -> None:
        """Start without counters."""
        self._amounts: dict[tuple[str, str], int] = {}

    def add(self, counters: dict[str, dict[str, int]] | None) -> str:
        """Add amounts by group and name; return an error, or an empty text."""
        for group, amounts in (counters or {}).items():
            for name, amount in amounts.items():
                key = group, name
                self._amounts[key] = self._amounts.get(key, 0) + amount
        # Each task may have that many, and all together must not fill the
        # memory: executables sometimes put words of their input into names.
        limit = fields.MAX_COUNTERS
        return (f"the job has more than {limit} different counters"
                if len(self._amounts) > limit else "")

    def statuses(self) -> tuple[Counter, ...]:
        """Return the records for clients, sorted by group and name."""
        return tuple(
            Counter(*key, amount)
            for key, amount in sorted(self._amounts.items()))
