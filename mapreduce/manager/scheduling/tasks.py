"""Keep the tasks of one stage of a job: their queue and their records. Pure.

    waiting --assign--> running --finish--> done
       ^                   |
       +--- put_back ------+   it could not be sent: to the head of the queue
       +--- requeue_lost --+   its Worker died: to the end of the queue
       +--- fail ----------+   it failed: to the head of the queue
       +--- reopen, fail --------------------+   its files are missing

A running task may get a backup attempt. Then it returns to the queue when both
attempts have ended without a result. When one of them is done, so is the task.

After `abort`, no task waits, and none returns to the queue. The same is true
for the other attempt at a task that is done: only its end is noted.
"""
from __future__ import annotations

import collections
import itertools
from collections.abc import Iterator

from mapreduce.manager.scheduling.attempts import Attempt, Record
from mapreduce.manager.scheduling.pace import Pace
from mapreduce.protocol import fields, layout
from mapreduce.protocol.fields import OptionalCounters
from mapreduce.protocol.messages import Address
from mapreduce.protocol.status import (
    AttemptState,
    Counter,
    Stage,
    TaskState,
    TaskStatus,
    WorkerAddress,
)


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
        self._records: dict[int, Record] = {}
        self._aborted = False
        self.pace = Pace(num_tasks)
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

    def number(self, task_id: int, address: Address | None = None) -> int:
        """Return the number of the last attempt of a Worker, from 0.

        Without an address, of the attempt that is done, or runs, or was the
        last one; 0 if there was none.
        """
        record = self._records.get(task_id)
        return record.history.index(record.at(address)) if record else 0

    def holders(self, task_id: int) -> list[Address]:
        """Return the Workers that hold a task: at most two."""
        record = self._records.get(task_id)
        return [attempt.address for attempt in record.history
                if attempt.ended is None] if record else []

    def repeated(self) -> Iterator[tuple[int, int]]:
        """Iterate over the ids of tasks with several attempts, and these."""
        for task_id, record in self._records.items():
            if len(record.history) > 1:
                yield task_id, len(record.history)

    def assign(self, task_id: int, address: Address, now: float) -> int:
        """Assign one of the first waiting tasks to a Worker.

        A task that runs gets a backup attempt. Return the number of the
        attempt, starting at 0.
        """
        is_backup = bool(self.holders(task_id))
        if not is_backup:
            # From the head, remove finds it at once; from the middle of
            # 100,000 tasks it would not.
            self._pending.remove(task_id)
        record = self._records.setdefault(task_id, Record())
        if is_backup:
            self.pace.end(task_id)
        else:
            record.message = None
            self._note_start(task_id, record, now)
        record.history.append(
            Attempt(address, now, is_backup=is_backup))
        return len(record.history) - 1

    def _note_start(
        self, task_id: int, record: Record, started: float
    ) -> None:
        # A task gets one backup attempt at most.
        if not any(attempt.is_backup for attempt in record.history):
            self.pace.begin(task_id, started)

    def note_message(self, task_id: int, message: str) -> None:
        """Keep a status line of the executable of a running task."""
        if not self.is_done(task_id):
            self._records[task_id].message = message[:fields.MAX_NAME]

    def finish(
        self, task_id: int, now: float, address: Address | None = None
    ) -> bool:
        """Mark a task done; return whether all are done.

        After `abort`, only the end of the attempt is noted.
        """
        attempt = self._records[task_id].at(address)
        attempt.end(AttemptState.DONE, now)
        self.pace.end(task_id)
        if self._aborted:
            return False
        self.pace.note_done(now - attempt.started)
        self._unfinished.discard(task_id)
        return not self._unfinished

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

    def attempt(self, task_id: int) -> Attempt:
        """Return the attempt that has done a task, or runs, or the last."""
        return self._records[task_id].attempt

    def reopen(self, task_id: int) -> None:
        """Take back that a task is done; `fail` must follow."""
        self._unfinished.add(task_id)

    def put_back(
        self, task_id: int, now: float, address: Address | None = None
    ) -> None:
        """Put a task back at the head of the queue: it could not be sent."""
        record = self._records[task_id]
        attempt = record.at(address)
        attempt.end(AttemptState.LOST, now)
        self.pace.end(task_id)
        # Then the message that could not be sent was the one to cancel it.
        if self._is_over(task_id):
            return
        # Otherwise the number of a later attempt would be used again.
        if attempt is record.history[-1]:
            record.history.pop()
        if not record.is_running:
            self._pending.appendleft(task_id)
        elif attempt.is_backup:
            self._note_start(task_id, record, record.attempt.started)
        # As if it had never been assigned: clients see no Worker for it.
        if not record.history:
            del self._records[task_id]

    def requeue_lost(
        self, task_id: int, address: Address, now: float,
        may_be_cause: bool = True,
    ) -> list[Address]:
        """Put the task of a dead Worker at the end of the queue.

        Return all Workers that died while they held it, and of whose deaths
        it may be the cause.
        """
        record = self._records[task_id]
        record.at(address).end(AttemptState.LOST, now)
        self.pace.end(task_id)
        if may_be_cause and not self.is_done(task_id):
            record.lost_with.append(address)
        if not (self._is_over(task_id) or record.is_running):
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
        is_over = self._is_over(task_id)
        record.at(address).end(AttemptState.CANCELLED if is_over
                               else AttemptState.FAILED, now)
        self.pace.end(task_id)
        if not is_over:
            record.reason = reason
            record.failed_on.append(address)
            if not record.is_running:
                self._pending.appendleft(task_id)
        return record.failed_on

    def _is_over(self, task_id: int) -> bool:
        """Return whether no more attempts at a task are needed."""
        return self._aborted or self.is_done(task_id)

    def abort(self, task_id: int | None, reason: str) -> None:
        """Drop all waiting tasks; from now on, none returns to the queue.

        `task_id` is the task that made the job fail, if one did.
        """
        self._aborted = True
        self._pending.clear()
        if task_id is not None:
            record = self._records[task_id]
            record.is_fatal = True
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
        is_running = state is TaskState.RUNNING or (
            attempts > 1 and record is not None and record.is_running)
        # A task that does not run can't change without a change of these two.
        status = self._cache.get(task_id)
        if status and not is_running and (
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
        if not is_running:
            self._cache[task_id] = status
        return status

    def note_counted(self, task_id: int) -> bool:
        """Note that counters of a task are added; return whether before."""
        record = self._records[task_id]
        was_counted, record.is_counted = record.is_counted, True
        return was_counted

    def _state(self, task_id: int, record: Record | None) -> TaskState:
        # Derived, not stored: a stored state could contradict the queue.
        if task_id not in self._unfinished:
            return TaskState.DONE
        if record and record.is_running:
            return TaskState.RUNNING
        if not self._aborted:
            return TaskState.WAITING
        if record and record.is_fatal:
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
