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

from mapreduce.protocol import fields, layout
from mapreduce.protocol.fields import OptionalCounters
from mapreduce.protocol.messages import Address
from mapreduce.protocol.status import (
    AttemptState,
    AttemptStatus,
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
    state: AttemptState = AttemptState.RUNNING

    def end(self, state: AttemptState, now: float) -> None:
        """Note how the attempt ended, and when."""
        self.state = state
        self.ended = now

    def status(self, start: float) -> AttemptStatus:
        """Return the record for clients; `start` is when the job started."""
        return AttemptStatus(
            WorkerAddress(*self.address), self.state,
            round(self.started - start, 3),
            None if self.ended is None else round(self.ended - start, 3))


@dataclasses.dataclass(slots=True)
class _Record:
    """The history of a task that was assigned at least once."""

    # Those that were sent to a Worker; after `abort`, also one that was not.
    history: list[_Attempt] = dataclasses.field(default_factory=list)
    reason: str | None = None  # of the last failure
    message: str | None = None  # the last status line of its executable
    is_counted: bool = False  # whether counters of it were added
    failed_on: list[Address] = dataclasses.field(default_factory=list)
    # The Workers that died while they held it. These are not failures: a
    # Worker may die for reasons of its own.
    lost_with: list[Address] = dataclasses.field(default_factory=list)
    # The records and bytes that it read, if its Worker counted them.
    input: tuple[int | None, int | None] = (None, None)

    @property
    def attempt(self) -> _Attempt:
        """The last attempt."""
        return self.history[-1]

    def history_status(self, start: float) -> tuple[AttemptStatus, ...]:
        """Return the records of all attempts; none if one is enough.

        `start` is when the job started.
        """
        if len(self.history) == 1 and self.attempt.state in (
                AttemptState.RUNNING, AttemptState.DONE):
            return ()
        return tuple(attempt.status(start) for attempt in self.history)


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

    def num_attempts(self, task_id: int) -> int:
        """Return how many attempts at a task were sent to a Worker."""
        record = self._records.get(task_id)
        return len(record.history) if record else 0

    def repeated(self) -> Iterator[tuple[int, int]]:
        """Iterate over the ids of tasks with several attempts, and these."""
        for task_id, record in self._records.items():
            if len(record.history) > 1:
                yield task_id, len(record.history)

    def assign(self, task_id: int, address: Address, now: float) -> int:
        """Assign one of the first waiting tasks to a Worker.

        Return the number of the attempt, starting at 0.
        """
        # From the head, remove finds it at once; from the middle of 100,000
        # tasks it would not.
        self._pending.remove(task_id)
        record = self._records.setdefault(task_id, _Record())
        record.history.append(_Attempt(address, now))
        record.message = None
        return len(record.history) - 1

    def note_message(self, task_id: int, message: str) -> None:
        """Keep a status line of the executable of a running task."""
        self._records[task_id].message = message[:fields.MAX_NAME]

    def finish(self, task_id: int, now: float) -> bool:
        """Mark a task done; return whether all are done.

        After `abort`, only the end of the attempt is noted.
        """
        self._records[task_id].attempt.end(AttemptState.DONE, now)
        if self._aborted:
            return False
        self._unfinished.discard(task_id)
        return not self._unfinished

    def seconds(self, task_id: int, now: float) -> float:
        """Return how long the running attempt of a task has taken."""
        return round(now - self._records[task_id].attempt.started, 3)

    def is_done(self, task_id: int) -> bool:
        """Return whether a task is done."""
        return task_id not in self._unfinished

    def note_input(self, task_id: int, counters: OptionalCounters) -> None:
        """Keep what a task has read, which its Worker may have counted."""
        records = (counters or {}).get(layout.RECORDS, {})
        for names in (layout.INPUT, layout.REDUCE_INPUT):
            if names[0] in records:
                number, size = map(records.get, names)
                self._records[task_id].input = number, size

    def last_address(self, task_id: int) -> Address:
        """Return the Worker that got a task last."""
        return self._records[task_id].attempt.address

    def reopen(self, task_id: int) -> None:
        """Take back that a task is done; `fail` must follow."""
        self._unfinished.add(task_id)

    def put_back(self, task_id: int, now: float) -> None:
        """Put a task back at the head of the queue: it could not be sent."""
        record = self._records[task_id]
        record.attempt.end(AttemptState.LOST, now)
        # Then the message that could not be sent was the one to cancel it.
        if self._aborted:
            return
        record.history.pop()
        self._pending.appendleft(task_id)
        # As if it had never been assigned: clients see no Worker for it.
        if not record.history:
            del self._records[task_id]

    def requeue_lost(
        self, task_id: int, address: Address, now: float
    ) -> list[Address]:
        """Put the task of a dead Worker at the end of the queue.

        Return all Workers that died while they held it.
        """
        record = self._records[task_id]
        record.attempt.end(AttemptState.LOST, now)
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
        record.attempt.end(AttemptState.CANCELLED if self._aborted
                           else AttemptState.FAILED, now)
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

    def statuses(
        self, stage: Stage, now: float, start: float = 0.0
    ) -> Iterator[TaskStatus]:
        """Iterate over the records for clients, in the order of the ids.

        `start` is when the job started.
        """
        for task_id in range(self.num_tasks):
            yield self._status(stage, task_id, now, start)

    def _status(
        self, stage: Stage, task_id: int, now: float, start: float
    ) -> TaskStatus:
        record = self._records.get(task_id)
        attempts = len(record.history) if record else 0
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
                record.message, round(attempt.started - start, 3),
                record.history_status(start), *record.input)
        self._cache[task_id] = status
        return status

    def note_counted(self, task_id: int) -> bool:
        """Note that counters of a task are added; return whether before."""
        record = self._records[task_id]
        was_counted, record.is_counted = record.is_counted, True
        return was_counted

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

    def add(self, counters: dict[str, dict[str, int]]) -> str:
        """Add amounts by group and name; return an error, or an empty text."""
        for group, amounts in counters.items():
            for name, amount in amounts.items():
                key = group, name
                self._amounts[key] = self._amounts.get(key, 0) + amount
        # Each task may have that many, and all together must not fill the
        # memory: executables sometimes put words of their input into names.
        own = sum((layout.RECORDS, name) in self._amounts
                  for name in layout.RECORD_COUNTERS)
        limit = fields.MAX_COUNTERS
        return (f"the job has more than {limit} different counters"
                if len(self._amounts) - own > limit else "")

    def too_many_skipped(self, limit: int | None) -> str:
        """Return an error if more records were left out than a job may.

        Otherwise, return an empty text.
        """
        amounts = [self._amounts.get((layout.RECORDS, name), 0)
                   for name in (layout.MAP_SKIPPED, layout.REDUCE_SKIPPED)]
        if limit is None or sum(amounts) <= limit:
            return ""
        return layout.too_many_skipped(limit, sorted(
            name for group, name in self._amounts
            if group == layout.SKIPPED_RECORDS))

    def statuses(self) -> tuple[Counter, ...]:
        """Return the records for clients, sorted by group and name."""
        return tuple(
            Counter(*key, amount)
            for key, amount in sorted(self._amounts.items()))
