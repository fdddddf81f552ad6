"""A job: its stage, and which of its tasks wait, run, are done or failed.

Tasks are known by their ids, from 0 in each stage. Their messages are made
when they are given out, and their records then, so that a job of many tasks
is no more than ids.
"""
from __future__ import annotations

import dataclasses
import enum
import itertools
from collections.abc import Iterator

from mapreduce.manager.counters import Counters
from mapreduce.manager.plan import Plan
from mapreduce.manager.tasks import Record, Tasks
from mapreduce.utils.extensions import (
    ExtendedJobMessage,
    ExtendedMapTaskMessage,
    ExtendedReduceTaskMessage,
)
from mapreduce.utils.fields import MAX_NAME
from mapreduce.utils.messages import Address, TaskMessage, name_of
from mapreduce.utils.status import JobStatus, TaskStatus, WorkerAddress


class Stage(enum.Enum):
    """Where a job stands."""

    PREPARING = "preparing"
    MAP = "map"
    KEEPING = "keeping"  # what the map stage made, for its user
    REDUCE = "reduce"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job:
    """A job that has started."""

    def __init__(
        self, job_id: int, submission: ExtendedJobMessage, now: float = 0.0
    ) -> None:
        """Start a job; it has no tasks until it is prepared."""
        self.job_id = job_id
        self.submission = submission
        self.stage = Stage.PREPARING
        self._plan: Plan | None = None
        self.counters = Counters()
        self._started = now
        self._stages = {Stage.PREPARING: Tasks(0)}

    @property
    def prepared(self) -> bool:
        """Whether it ever had its directories."""
        return Stage.MAP in self._stages

    @property
    def over(self) -> bool:
        """Whether none of its tasks will be given out any more."""
        return self.stage in (Stage.DONE, Stage.FAILED, Stage.CANCELLED)

    @property
    def _tasks(self) -> Tasks:
        """The tasks of the stage that was begun last."""
        return next(reversed(self._stages.values()))

    @property
    def last_stage(self) -> Stage:
        """The stage that was begun last, also when the job is over."""
        return next(reversed(self._stages))

    @property
    def needed_type(self) -> str | None:
        """The type of message for its tasks; None: one that all know."""
        if self._plan is None or not self._plan.is_extended:
            return None
        return name_of(
            ExtendedReduceTaskMessage if self.stage is Stage.REDUCE
            else ExtendedMapTaskMessage)

    @property
    def max_attempts(self) -> int | None:
        """How often a task of this stage is tried, if its user said so."""
        if self.stage is Stage.REDUCE:
            return self.submission.max_reduce_attempts
        return self.submission.max_map_attempts

    def begin(self, plan: Plan) -> None:
        """Begin the map stage."""
        self._plan = plan
        self._begin_stage(Stage.MAP, plan.num_mappers)

    def begin_reduce(self) -> None:
        """Begin the reduce stage."""
        self._begin_stage(Stage.REDUCE, self.submission.num_reducers)

    def _begin_stage(self, stage: Stage, num_tasks: int) -> None:
        self.stage = stage
        self._stages[stage] = Tasks(num_tasks)

    def waiting(self, limit: int) -> Iterator[int]:
        """Iterate over the first tasks that wait for a Worker."""
        return itertools.islice(self._tasks.pending, limit)

    def take(self, task_id: int, address: Address, now: float) -> TaskMessage:
        """Take one of the first tasks that wait, to give it to a Worker."""
        tasks = self._tasks
        tasks.pending.remove(task_id)
        record = tasks.records.get(task_id)
        if record is None:
            record = tasks.records[task_id] = Record(address, now)
        record.address, record.started, record.ended = address, now, None
        record.attempts += 1
        record.status = None
        assert self._plan
        make = (self._plan.map_task if self.stage is Stage.MAP
                else self._plan.reduce_task)
        return make(task_id, record.attempts - 1)

    def note_status(self, task_id: int, status: str) -> None:
        """Note what a task says of itself."""
        self._tasks.records[task_id].status = status[:MAX_NAME]

    def finish(self, task_id: int, now: float) -> None:
        """Note that a task is done; after the last one, go a stage on."""
        self._tasks.records[task_id].ended = now
        if self.over:
            return
        self._tasks.unfinished.discard(task_id)
        if self._tasks.unfinished:
            return
        if self.stage is Stage.REDUCE or not self.submission.num_reducers:
            self.stage = Stage.DONE
        elif self.submission.keep_intermediate is not None:
            self.stage = Stage.KEEPING
        else:
            self.begin_reduce()

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
        self._plan = None

    @property
    def _num_mappers(self) -> int:
        """How many map tasks it has, as far as that is known."""
        if self.prepared:
            return self._stages[Stage.MAP].num_tasks
        return self.submission.num_mappers or 0

    def status(
        self, state: str, reason: str | None, working_directory: str,
        now: float,
    ) -> JobStatus:
        """Return what clients are told of the job, in a state."""
        counts = {stage: tasks.num_done
                  for stage, tasks in self._stages.items()}
        map_tasks_done, reduce_tasks_done = (
            counts.get(stage, 0) for stage in (Stage.MAP, Stage.REDUCE))
        return dataclasses.replace(
            job_status(
                self.job_id, self.submission, working_directory, state),
            reason=reason,
            seconds=round(now - self._started, 3),
            tasks_done=map_tasks_done + reduce_tasks_done,
            tasks=self._num_mappers + self.submission.num_reducers,
            map_tasks_done=map_tasks_done,
            map_tasks=self._num_mappers,
            reduce_tasks_done=reduce_tasks_done)

    def task_statuses(self, now: float) -> Iterator[TaskStatus]:
        """Iterate over what clients are told of its tasks, in order."""
        for stage, number in (
                (Stage.MAP, self._num_mappers),
                (Stage.REDUCE, self.submission.num_reducers)):
            tasks = self._stages.get(stage) or Tasks(number)
            for task_id in range(number):
                yield self._task_status(stage, tasks, task_id, now)

    def _task_status(
        self, stage: Stage, tasks: Tasks, task_id: int, now: float
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
                attempts, round(end - record.started, 3), record.reason,
                record.status)
        tasks.shown[task_id] = shown
        return shown


def job_status(
    job_id: int, submission: ExtendedJobMessage, working_directory: str,
    state: str,
) -> JobStatus:
    """Return what clients are told of a job that has not started."""
    map_tasks = submission.num_mappers or 0
    return JobStatus(
        id=job_id,
        name=submission.job_name or "",
        key=submission.job_key,
        state=state,
        seconds=0.0,
        reason=None,
        tasks_done=0,
        tasks=map_tasks + submission.num_reducers,
        map_tasks_done=0,
        map_tasks=map_tasks,
        reduce_tasks_done=0,
        reduce_tasks=submission.num_reducers,
        input_directory=", ".join(submission.input_paths),
        output_directory=submission.output_directory,
        mapper_executable=submission.mapper_executable,
        reducer_executable=submission.reducer_executable or "",
        directory=working_directory,
    )
