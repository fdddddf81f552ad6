"""A job: its stage, and which of its tasks wait, run, are done or failed.

Tasks are known by their ids, from 0 in each stage. Their messages are made
when they are given out, and their records then, so that a job of many tasks
is no more than ids.
"""
from __future__ import annotations

import collections
import dataclasses
import enum
import itertools
from collections.abc import Iterator
from typing import Any

from mapreduce.utils import layout
from mapreduce.utils.messages import (
    Address,
    ManagerJobMessage,
    MapTaskMessage,
    ReduceTaskMessage,
    TaskMessage,
)
from mapreduce.utils.status import JobStatus, TaskStatus, WorkerAddress


class Stage(enum.Enum):
    """Where a job stands."""

    PREPARING = "preparing"
    MAP = "map"
    REDUCE = "reduce"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclasses.dataclass(slots=True)
class _Record:
    """What is known of a task that was given out at least once."""

    address: Address
    started: float
    ended: float | None = None
    attempts: int = 0
    reason: str | None = None
    failed_on: list[Address] = dataclasses.field(default_factory=list)
    lost_with: list[Address] = dataclasses.field(default_factory=list)


class _Tasks:
    """The tasks of one stage, all of which are pending at first."""

    def __init__(self, num_tasks: int) -> None:
        self.num_tasks = num_tasks
        self.pending = collections.deque(range(num_tasks))
        self.unfinished = set(range(num_tasks))
        self.records: dict[int, _Record] = {}
        self.fatal_task: int | None = None  # why the job failed
        # What was shown once is mostly what is shown again.
        self.shown: dict[int, TaskStatus] = {}

    @property
    def num_done(self) -> int:
        """Count the tasks that are done."""
        return self.num_tasks - len(self.unfinished)


class Job:
    """A job that has started."""

    def __init__(
        self, job_id: int, submission: ManagerJobMessage, now: float = 0.0
    ) -> None:
        """Start a job; it has no tasks until it is prepared."""
        self.job_id = job_id
        self.submission = submission
        self.stage = Stage.PREPARING
        self._directory = ""
        self._input_paths: list[str] = []
        self._started = now
        self._stages = {Stage.PREPARING: _Tasks(0)}

    @property
    def prepared(self) -> bool:
        """Whether it ever had its directories."""
        return bool(self._directory)

    @property
    def over(self) -> bool:
        """Whether none of its tasks will be given out any more."""
        return self.stage in (Stage.DONE, Stage.FAILED, Stage.CANCELLED)

    @property
    def _tasks(self) -> _Tasks:
        """The tasks of the stage that was begun last."""
        return next(reversed(self._stages.values()))

    @property
    def last_stage(self) -> Stage:
        """The stage that was begun last, also when the job is over."""
        return next(reversed(self._stages))

    def begin(self, directory: str, input_paths: list[str]) -> None:
        """Begin the map stage.

        The directory is the job's own; the input paths are in order.
        """
        self._directory = directory
        self._input_paths = input_paths
        self._begin_stage(Stage.MAP, self.submission.num_mappers)

    def _begin_stage(self, stage: Stage, num_tasks: int) -> None:
        self.stage = stage
        self._stages[stage] = _Tasks(num_tasks)

    def waiting(self, limit: int) -> Iterator[int]:
        """Iterate over the first tasks that wait for a Worker."""
        return itertools.islice(self._tasks.pending, limit)

    def take(self, task_id: int, address: Address, now: float) -> TaskMessage:
        """Take one of the first tasks that wait, to give it to a Worker."""
        tasks = self._tasks
        tasks.pending.remove(task_id)
        record = tasks.records.get(task_id)
        if record is None:
            record = tasks.records[task_id] = _Record(address, now)
        record.address, record.started, record.ended = address, now, None
        record.attempts += 1
        if self.stage is Stage.MAP:
            return self._map_task(task_id)
        return self._reduce_task(task_id)

    def finish(self, task_id: int, now: float) -> None:
        """Note that a task is done; after the last one, go a stage on."""
        self._tasks.records[task_id].ended = now
        if self.over:
            return
        self._tasks.unfinished.discard(task_id)
        if self._tasks.unfinished:
            return
        if self.stage is Stage.MAP:
            self._begin_stage(Stage.REDUCE, self.submission.num_reducers)
        else:
            self.stage = Stage.DONE

    def refuse(self, task_id: int, now: float) -> None:
        """Put back a task that its Worker has not begun, before the others."""
        record = self._tasks.records[task_id]
        record.ended = now
        if self.over:  # It is word of its end that was refused.
            return
        record.attempts -= 1
        self._tasks.pending.appendleft(task_id)
        if not record.attempts:
            del self._tasks.records[task_id]

    def lose(self, task_id: int, address: Address, now: float
             ) -> list[Address]:
        """Put back a task that was lost with its Worker, behind the others.

        Return all the Workers that were lost with it.
        """
        record = self._tasks.records[task_id]
        record.ended = now
        record.lost_with.append(address)
        if not self.over:
            self._tasks.pending.append(task_id)
        return record.lost_with

    def fail(
        self, task_id: int, address: Address, reason: str, now: float
    ) -> list[Address]:
        """Put back a task that failed, before the others: it may fail again.

        Return all the Workers on which it failed, one an attempt.
        """
        record = self._tasks.records[task_id]
        record.ended = now
        if not self.over:
            record.reason = reason
            record.failed_on.append(address)
            self._tasks.pending.appendleft(task_id)
        return record.failed_on

    def failed_on(self, task_id: int) -> list[Address]:
        """Return the Workers on which a task failed, one an attempt."""
        record = self._tasks.records.get(task_id)
        return record.failed_on if record else []

    def abort(
        self, outcome: Stage, task_id: int | None = None, reason: str = ""
    ) -> None:
        """Give up, failed or cancelled: no task waits any more.

        The task, if one is named, can't be done for that reason.
        """
        self.stage = outcome
        self._tasks.pending.clear()
        if task_id is not None:
            self._tasks.fatal_task = task_id
            record = self._tasks.records[task_id]
            record.reason = record.reason or reason

    def forget_inputs(self) -> None:
        """Keep no more of an ended job than what is shown of it."""
        self._input_paths = []

    def _map_task(self, task_id: int) -> MapTaskMessage:
        """Return a map task: the input files are dealt round robin."""
        return MapTaskMessage(
            task_id=task_id,
            input_paths=self._input_paths[
                task_id::self.submission.num_mappers],
            executable=self.submission.mapper_executable,
            output_directory=self._directory,
            num_partitions=self.submission.num_reducers,
        )

    def _reduce_task(self, task_id: int) -> ReduceTaskMessage:
        """Return a reduce task: one partition of every map task."""
        return ReduceTaskMessage(
            task_id=task_id,
            executable=self.submission.reducer_executable,
            input_paths=[
                f"{self._directory}/{layout.map_output(map_id, task_id)}"
                for map_id in range(self.submission.num_mappers)
            ],
            output_directory=self.submission.output_directory,
        )

    def status(
        self, state: str, reason: str | None, working_directory: str,
        now: float,
    ) -> JobStatus:
        """Return what clients are told of the job, in a state."""
        counts = {stage: tasks.num_done
                  for stage, tasks in self._stages.items()}
        return job_status(
            self.job_id, self.submission, working_directory, state=state,
            reason=reason,
            seconds=now - self._started,
            map_tasks_done=counts.get(Stage.MAP, 0),
            reduce_tasks_done=counts.get(Stage.REDUCE, 0))

    def task_statuses(self, now: float) -> Iterator[TaskStatus]:
        """Iterate over what clients are told of its tasks, in order."""
        for stage, number in (
                (Stage.MAP, self.submission.num_mappers),
                (Stage.REDUCE, self.submission.num_reducers)):
            tasks = self._stages.get(stage) or _Tasks(number)
            for task_id in range(number):
                yield self._task_status(stage, tasks, task_id, now)

    def _task_status(
        self, stage: Stage, tasks: _Tasks, task_id: int, now: float
    ) -> TaskStatus:
        record = tasks.records.get(task_id)
        attempts = record.attempts if record else 0
        if task_id not in tasks.unfinished:
            state = "done"
        elif record and record.ended is None:
            state = "running"
        elif self.over:
            state = "failed" if task_id == tasks.fatal_task else "cancelled"
        else:
            state = "waiting"
        shown = tasks.shown.get(task_id)
        if shown and (shown.state, shown.attempts) == (state, attempts) and (
                state != "running"):
            return shown
        if record is None:
            shown = TaskStatus(
                stage.value, task_id, state, None, 0, None, None)
        else:
            end = now if record.ended is None else record.ended
            shown = TaskStatus(
                stage.value, task_id, state, WorkerAddress(*record.address),
                attempts, round(end - record.started, 3), record.reason)
        tasks.shown[task_id] = shown
        return shown


def job_status(
    job_id: int, submission: ManagerJobMessage, working_directory: str, *,
    state: str, **progress: Any,
) -> JobStatus:
    """Return what clients are told of a job; without progress, at its start.

    Progress is reason, seconds, map_tasks_done and reduce_tasks_done.
    """
    reason, seconds = progress.get("reason"), progress.get("seconds", 0.0)
    map_tasks_done = progress.get("map_tasks_done", 0)
    reduce_tasks_done = progress.get("reduce_tasks_done", 0)
    return JobStatus(
        id=job_id,
        name=submission.job_name or "",
        key=submission.job_key,
        state=state,
        tasks_done=map_tasks_done + reduce_tasks_done,
        tasks=submission.num_mappers + submission.num_reducers,
        map_tasks_done=map_tasks_done,
        map_tasks=submission.num_mappers,
        reduce_tasks_done=reduce_tasks_done,
        reduce_tasks=submission.num_reducers,
        seconds=round(seconds, 3),
        reason=reason,
        input_directory=submission.input_directory,
        output_directory=submission.output_directory,
        mapper_executable=submission.mapper_executable,
        reducer_executable=submission.reducer_executable,
        directory=working_directory,
    )
