"""A job: its stage, and which of its tasks wait, run, are done or failed.

Tasks are known by their ids, from 0 in each stage. Their messages are made
when they are given out, so that a job of many tasks is no more than ids.
"""
from __future__ import annotations

import collections
import dataclasses
import enum
import itertools
from collections.abc import Iterator

from mapreduce.utils import layout
from mapreduce.utils.messages import (
    Address,
    ManagerJobMessage,
    MapTaskMessage,
    ReduceTaskMessage,
    TaskMessage,
)


class Stage(enum.Enum):
    """Where a job stands."""

    PREPARING = "preparing"
    MAP = "map"
    REDUCE = "reduce"
    DONE = "done"
    FAILED = "failed"


@dataclasses.dataclass
class _Tasks:
    """The tasks of one stage, all of which are pending at first."""

    num_tasks: dataclasses.InitVar[int]
    pending: collections.deque[int] = dataclasses.field(init=False)
    unfinished: set[int] = dataclasses.field(init=False)
    failed_on: dict[int, list[Address]] = dataclasses.field(
        default_factory=lambda: collections.defaultdict(list))
    lost_with: dict[int, list[Address]] = dataclasses.field(
        default_factory=lambda: collections.defaultdict(list))

    def __post_init__(self, num_tasks: int) -> None:
        self.pending = collections.deque(range(num_tasks))
        self.unfinished = set(range(num_tasks))


class Job:
    """A job that has started."""

    def __init__(self, job_id: int, submission: ManagerJobMessage) -> None:
        """Start a job; it has no tasks until it is prepared."""
        self.job_id = job_id
        self.submission = submission
        self.stage = Stage.PREPARING
        self._directory = ""
        self._input_paths: list[str] = []
        self._tasks = _Tasks(0)

    @property
    def prepared(self) -> bool:
        """Whether it ever had its directories."""
        return bool(self._directory)

    @property
    def over(self) -> bool:
        """Whether none of its tasks will be given out any more."""
        return self.stage in (Stage.DONE, Stage.FAILED)

    def begin(self, directory: str, input_paths: list[str]) -> None:
        """Begin the map stage.

        The directory is the job's own; the input paths are in order.
        """
        self._directory = directory
        self._input_paths = input_paths
        self.stage = Stage.MAP
        self._tasks = _Tasks(self.submission.num_mappers)

    def waiting(self, limit: int) -> Iterator[int]:
        """Iterate over the first tasks that wait for a Worker."""
        return itertools.islice(self._tasks.pending, limit)

    def take(self, task_id: int) -> TaskMessage:
        """Take one of the first tasks that wait, to give it to a Worker."""
        self._tasks.pending.remove(task_id)
        if self.stage is Stage.MAP:
            return self._map_task(task_id)
        return self._reduce_task(task_id)

    def finish(self, task_id: int) -> None:
        """Note that a task is done; after the last one, go a stage on."""
        if self.over:
            return
        self._tasks.unfinished.discard(task_id)
        if self._tasks.unfinished:
            return
        if self.stage is Stage.MAP:
            self.stage = Stage.REDUCE
            self._tasks = _Tasks(self.submission.num_reducers)
        else:
            self.stage = Stage.DONE

    def refuse(self, task_id: int) -> None:
        """Put back a task that its Worker has not begun, before the others."""
        if not self.over:
            self._tasks.pending.appendleft(task_id)

    def lose(self, task_id: int, address: Address) -> list[Address]:
        """Put back a task that was lost with its Worker, behind the others.

        Return all the Workers that were lost with it.
        """
        self._tasks.lost_with[task_id].append(address)
        if not self.over:
            self._tasks.pending.append(task_id)
        return self._tasks.lost_with[task_id]

    def fail(self, task_id: int, address: Address) -> list[Address]:
        """Put back a task that failed, before the others: it may fail again.

        Return all the Workers on which it failed, one an attempt.
        """
        self._tasks.failed_on[task_id].append(address)
        if not self.over:
            self._tasks.pending.appendleft(task_id)
        return self._tasks.failed_on[task_id]

    def failed_on(self, task_id: int) -> list[Address]:
        """Return the Workers on which a task failed, one an attempt."""
        return self._tasks.failed_on.get(task_id, [])

    def abort(self) -> None:
        """Give up: no task waits any more."""
        self.stage = Stage.FAILED
        self._tasks = _Tasks(0)

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
