"""A job: its stage, and which of its tasks wait, run and are done.

Tasks are known by their ids, from 0 in each stage. Their messages are made
when they are given out, so that a job of many tasks is no more than ids.
"""
from __future__ import annotations

import collections
import enum

from mapreduce.utils import layout
from mapreduce.utils.messages import (
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


class Job:
    """A job that has started."""

    def __init__(self, job_id: int, submission: ManagerJobMessage) -> None:
        """Start a job; it has no tasks until it is prepared."""
        self.job_id = job_id
        self.submission = submission
        self.stage = Stage.PREPARING
        self._directory = ""
        self._input_paths: list[str] = []
        self._pending: collections.deque[int] = collections.deque()
        self._unfinished: set[int] = set()

    @property
    def num_pending(self) -> int:
        """How many tasks of this stage wait for a Worker."""
        return len(self._pending)

    def begin(self, directory: str, input_paths: list[str]) -> None:
        """Begin the map stage.

        The directory is the job's own; the input paths are in order.
        """
        self._directory = directory
        self._input_paths = input_paths
        self._enter(Stage.MAP, self.submission.num_mappers)

    def next_task(self) -> TaskMessage:
        """Take the next task from those that wait; IndexError if none do."""
        task_id = self._pending.popleft()
        if self.stage is Stage.MAP:
            return self._map_task(task_id)
        return self._reduce_task(task_id)

    def requeue_first(self, task_id: int) -> None:
        """Put back a task that no Worker has begun."""
        self._pending.appendleft(task_id)

    def requeue_last(self, task_id: int) -> None:
        """Put back a task that was lost with its Worker."""
        self._pending.append(task_id)

    def finish(self, task_id: int) -> None:
        """Note that a task is done; after the last one, go a stage on."""
        self._unfinished.discard(task_id)
        if self._unfinished:
            return
        if self.stage is Stage.MAP:
            self._enter(Stage.REDUCE, self.submission.num_reducers)
        else:
            self.stage = Stage.DONE

    def _enter(self, stage: Stage, num_tasks: int) -> None:
        self.stage = stage
        self._pending.extend(range(num_tasks))
        self._unfinished.update(range(num_tasks))

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
