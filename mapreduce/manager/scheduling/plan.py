"""Make the messages of the tasks of a job, and split its input. Pure.

The messages are those of the specification if they suffice, so that strict
Workers can do the tasks; otherwise they are the extended ones.
"""
from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Iterator
from typing import Any

from mapreduce.protocol import layout
from mapreduce.protocol.extensions import (
    ExtendedJobMessage,
    ExtendedMapTaskMessage,
    ExtendedReduceTaskMessage,
    TaskOptions,
)
from mapreduce.protocol.fields import Split
from mapreduce.protocol.layout import MAX_TASKS, is_compressed
from mapreduce.protocol.messages import (
    MapTaskMessage,
    ReduceTaskMessage,
    TaskMessage,
    extended_task,
)
from mapreduce.protocol.status import Stage, TaskCommand


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is needed to make the messages of the tasks of a job."""

    number: str  # of the cluster and the job, e.g., 202611211417_0003
    submission: ExtendedJobMessage
    directory: str  # for its map output, e.g., …/job-00000
    splits: list[Split]
    # For the parts of its result; None: the directory of the submission.
    output_directory: str | None = None
    # Of the result directory: the numbers of its device and its inode.
    identity: tuple[int, ...] = ()

    @property
    def result_directory(self) -> str:
        """Where its tasks put the parts of the result."""
        return self.output_directory or self.submission.output_directory

    @functools.cached_property
    def is_extended(self) -> bool:
        """Whether its tasks need the extended messages."""
        return self.submission.changes_tasks

    @functools.cached_property
    def num_mappers(self) -> int:
        """The number of map tasks; at least one."""
        exact, limit = (
            self.submission.num_mappers, self.submission.max_mappers)
        # At least one task, also for an empty input: the reduce tasks must
        # run, so that the result has all its parts.
        return exact or max(1, min(len(self.splits), limit or 1))

    def map_task(
        self, task_id: int, attempt: int, skips: bool = False,
        is_backup: bool = False,
    ) -> TaskMessage:
        """Return a map task, whose splits are assigned round robin.

        It may skip bad records if its job allows that and `skips` is true.
        """
        job = self.submission
        # The files of two attempts must not get mixed: a mapper may print
        # something else in each.
        directory = (f"{self.directory}/{layout.BACKUPS}" if is_backup
                     else self.directory)
        # May be empty: with more mappers than files, the specification still
        # requires the tasks, which write empty partitions.
        splits = self.splits[task_id::self.num_mappers]
        if not self.is_extended:
            return MapTaskMessage(
                task_id=task_id,
                input_paths=[split.path for split in splits],
                executable=job.mapper_executable,
                output_directory=directory,
                num_partitions=job.num_reducers)
        return ExtendedMapTaskMessage(
            task_id=task_id,
            splits=splits,
            executable=job.mapper_executable,
            output_directory=(directory if job.num_reducers
                              else self.result_directory),
            num_partitions=job.num_reducers,
            environment=self._environment("m", task_id, attempt),
            task_timeout=job.task_timeout,
            decompress=job.decompress,
            combiner=job.combiner,
            partitioner=job.partitioner,
            concatenate=job.concatenate,
            skip_bad_inputs=job.skip_bad_inputs,
            partition_by=job.partition_by,
            logs=self._log("map", task_id, attempt),
            skip_bad_records=job.skip_bad_records if skips else None,
            cache=job.cache,
            cache_by_content=job.cache_by_content,
            **self._placed_files(),
            **_task_options(job))

    def reduce_task(
        self, task_id: int, attempt: int, skips: bool = False
    ) -> TaskMessage:
        """Return a reduce task: the same partition of every map task."""
        job = self.submission
        # Not os.path.join: this package is pure, and the directory has no
        # trailing slash.
        input_paths = [
            f"{self.directory}/{layout.map_output(map_id, task_id)}"
            for map_id in range(self.num_mappers)]
        assert job.reducer_executable is not None
        if not self.is_extended:
            return ReduceTaskMessage(
                task_id=task_id,
                executable=job.reducer_executable,
                input_paths=input_paths,
                output_directory=self.result_directory)
        return ExtendedReduceTaskMessage(
            task_id=task_id,
            executable=job.reducer_executable,
            input_paths=input_paths,
            output_directory=self.result_directory,
            environment=self._environment("r", task_id, attempt),
            task_timeout=job.task_timeout,
            logs=self._log("reduce", task_id, attempt),
            skip_bad_records=job.skip_bad_records if skips else None,
            **self._placed_files(),
            keep_failed=job.keep_failed,
            **_task_options(job))

    def _placed_files(self) -> dict[str, Any]:
        job = self.submission
        return {"files": job.files, "archives": job.archives,
                "unpack_directory": self.directory if job.archives else None}

    def _log(self, stage: str, task_id: int, attempt: int) -> str | None:
        """Return the path of the file for the standard error of an attempt."""
        if self.submission.logs is None:
            return None
        name = layout.stderr_log(stage, task_id, attempt + 1)
        return f"{self.submission.logs}/{name}"

    def command(
        self, stage: Stage, task_id: int, attempt: int, directory: str
    ) -> TaskCommand:
        """Return what an attempt runs, without values of the user's variables.

        The directory is the working directory of the Workers.
        """
        job = self.submission
        is_map = stage is Stage.MAP
        make = self.map_task if is_map else self.reduce_task
        task = extended_task(make(task_id, attempt))
        names = tuple(job.environment or {})
        return TaskCommand(
            executable=task.executable,
            variables={name: value for name, value in task.environment.items()
                       if name not in names},
            names=names, stage=stage,
            splits=(task.splits if isinstance(task, ExtendedMapTaskMessage)
                    else self._reduce_inputs(task)),
            decompress=is_map and bool(job.decompress),
            concatenate=is_map and bool(job.concatenate),
            directory=directory,
            combiner=job.combiner,
            partitioner=job.partitioner,
            num_partitions=job.num_reducers,
            skip_bad_inputs=bool(job.skip_bad_inputs),
            files=tuple(map(tuple, job.files or ())),
            archives=tuple(map(tuple, job.archives or ())),
            separator=job.separator,
            key_fields=job.key_fields,
            key_separator=job.key_separator,
            sort_options=job.sort_options,
            any_exit_code=job.any_exit_code,
            reducer_separator=job.reducer_separator)

    def _reduce_inputs(self, task: ExtendedReduceTaskMessage) -> list[Split]:
        if self.submission.keep_failed is not None:
            return [Split(layout.kept_input(
                self.submission.keep_failed, task.task_id))]
        return list(map(Split, task.input_paths))

    def _environment(
        self, stage: str, task_id: int, attempt: int
    ) -> dict[str, str]:
        """Return the variables that Hadoop sets, and those of the user."""
        # As Hadoop Streaming does, with "_" instead of "." in the names.
        task = f"{self.number}_{stage}_{task_id:06d}"
        name = self.submission.job_name
        return {
            **({} if name is None else {"mapreduce_job_name": name}),
            "mapreduce_job_maps": str(self.num_mappers),
            "mapreduce_job_reduces": str(self.submission.num_reducers),
            "mapreduce_output_fileoutputformat_outputdir":
                self.result_directory,
            "mapreduce_job_id": f"job_{self.number}",
            "mapreduce_task_id": f"task_{task}",
            "mapreduce_task_attempt_id": f"attempt_{task}_{attempt}",
            "mapreduce_task_partition": str(task_id),
            "mapreduce_task_is_map": "true" if stage == "m" else "false",
            **(self.submission.environment or {}),
        }


def _task_options(job: ExtendedJobMessage) -> dict[str, Any]:
    return {field.name: getattr(job, field.name)
            for field in dataclasses.fields(TaskOptions)}


def no_command(directory: str) -> TaskCommand:
    """Return the answer for a task of which nothing is kept."""
    return TaskCommand(
        executable="", variables={}, names=(), stage=Stage.MAP, splits=[],
        decompress=False, concatenate=False, directory=directory)


class TooManySplits(Exception):
    """The input would be split into more ranges than a job may have tasks."""


def divide(sizes: dict[str, int], paths: list[str], size: int) -> list[Split]:
    """Split files into ranges of at most `size` bytes, in their order.

    `sizes` holds the bytes of each file by its path. A line belongs to the
    range in which it begins, and may end in the next one. Compressed files are
    not split, because they can't be read from the middle. Raises
    TooManySplits before it makes any.
    """
    numbers = {path: _number_of_splits(path, length, size)
               for path, length in sizes.items()}
    if sum(numbers[path] for path in paths) > max(MAX_TASKS, len(paths)):
        raise TooManySplits
    return list(itertools.chain.from_iterable(
        _ranges(path, sizes[path], numbers[path]) for path in paths))


def _number_of_splits(path: str, length: int, size: int) -> int:
    if is_compressed(path):
        return 1
    return max(1, -(-length // size))  # Rounded up, without floats.


def _ranges(path: str, length: int, number: int) -> Iterator[Split]:
    """Iterate over ranges of nearly equal size; the last has no end."""
    # No end: if the file grows until it is read, no line is lost.
    bounds = [length * index // number for index in range(number)]
    for start, end in itertools.zip_longest(bounds, bounds[1:]):
        yield Split(path, start, end)
