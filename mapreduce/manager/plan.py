"""What the tasks of a job are, in the words that Workers are told.

A job is done with the messages of the specification where they suffice, and
with those that only Workers of this project know where they do not.
"""
from __future__ import annotations

import dataclasses
import functools

from mapreduce.utils import layout
from mapreduce.utils.extensions import (
    ExtendedJobMessage,
    ExtendedMapTaskMessage,
    ExtendedReduceTaskMessage,
)
from mapreduce.utils.fields import Split
from mapreduce.utils.messages import (
    JobMessage,
    MapTaskMessage,
    ReduceTaskMessage,
    TaskMessage,
)


def extended(submission: JobMessage) -> ExtendedJobMessage:
    """Return a submission in the one form in which the books have it."""
    if isinstance(submission, ExtendedJobMessage):
        return submission
    fields = dict(vars(submission))
    return ExtendedJobMessage(
        input_paths=[fields.pop("input_directory")], **fields)


@dataclasses.dataclass(frozen=True)
class Plan:
    """All that it takes to make the tasks of a job."""

    number: str  # of the cluster and the job, e.g., 202611211417_0003
    submission: ExtendedJobMessage
    directory: str  # the job's own
    splits: list[Split]

    @functools.cached_property
    def is_extended(self) -> bool:
        """Whether its tasks are more than the specification has words for."""
        return self.submission.changes_tasks

    @functools.cached_property
    def num_mappers(self) -> int:
        """How many map tasks there are; at least one."""
        wanted, most = (
            self.submission.num_mappers, self.submission.max_mappers)
        return wanted or max(1, min(len(self.splits), most or 1))

    def map_task(self, task_id: int, attempt: int) -> TaskMessage:
        """Return a map task: the splits are dealt round robin."""
        job = self.submission
        splits = self.splits[task_id::self.num_mappers]
        if not self.is_extended:
            return MapTaskMessage(
                task_id=task_id,
                input_paths=[split.path for split in splits],
                executable=job.mapper_executable,
                output_directory=self.directory,
                num_partitions=job.num_reducers)
        return ExtendedMapTaskMessage(
            task_id=task_id,
            splits=splits,
            executable=job.mapper_executable,
            output_directory=(self.directory if job.num_reducers
                              else job.output_directory),
            num_partitions=job.num_reducers,
            environment=self._environment("m", task_id, attempt),
            task_timeout=job.task_timeout,
            decompress=job.decompress,
            combiner=job.combiner,
            partitioner=job.partitioner)

    def reduce_task(self, task_id: int, attempt: int) -> TaskMessage:
        """Return a reduce task: one partition of every map task."""
        job = self.submission
        input_paths = [
            f"{self.directory}/{layout.map_output(map_id, task_id)}"
            for map_id in range(self.num_mappers)]
        assert job.reducer_executable is not None
        if not self.is_extended:
            return ReduceTaskMessage(
                task_id=task_id,
                executable=job.reducer_executable,
                input_paths=input_paths,
                output_directory=job.output_directory)
        return ExtendedReduceTaskMessage(
            task_id=task_id,
            executable=job.reducer_executable,
            input_paths=input_paths,
            output_directory=job.output_directory,
            environment=self._environment("r", task_id, attempt),
            task_timeout=job.task_timeout)

    def _environment(
        self, stage: str, task_id: int, attempt: int
    ) -> dict[str, str]:
        """Return the names that Hadoop exports, and those of the user."""
        task = f"{self.number}_{stage}_{task_id:06d}"
        return {
            "mapreduce_job_id": f"job_{self.number}",
            "mapreduce_task_id": f"task_{task}",
            "mapreduce_task_attempt_id": f"attempt_{task}_{attempt}",
            "mapreduce_task_partition": str(task_id),
            "mapreduce_task_is_map": "true" if stage == "m" else "false",
            **(self.submission.environment or {}),
        }
