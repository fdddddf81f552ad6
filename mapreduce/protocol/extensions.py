"""The messages of jobs and tasks with options.

A job with options that the specification doesn't know is submitted by a
message type of its own: a Manager that can't do it must not do half of it. If
an option changes what a task does, the tasks have types of their own as well,
and go only to Workers that say that they know them.
"""
from __future__ import annotations

import dataclasses

from mapreduce.protocol.fields import (
    Command,
    CountOrZero,
    Environment,
    Host,
    OptionalCommand,
    OptionalCount,
    OptionalEnvironment,
    OptionalFlag,
    OptionalName,
    OptionalPath,
    OptionalSeconds,
    OptionalSize,
    Path,
    Paths,
    Port,
    ProtocolError,
    Splits,
    TaskId,
    Text,
)


@dataclasses.dataclass(frozen=True)
class _MapOptions:
    """What a map task does beside running its mapper."""

    # Inputs whose names say that they are compressed.
    decompress: OptionalFlag = None
    combiner: OptionalCommand = None
    partitioner: OptionalCommand = None


@dataclasses.dataclass(frozen=True)
class _Limits:
    """What is too much for a task of a job."""

    # Seconds in which an executable neither reads, writes nor reports.
    task_timeout: OptionalSeconds = None
    max_map_attempts: OptionalCount = None
    max_reduce_attempts: OptionalCount = None


@dataclasses.dataclass(frozen=True)
class _Planning:
    """How many map tasks a job has, and what else the Manager sees to."""

    # Exactly so many map tasks; or one for each split, but at most so many.
    num_mappers: OptionalCount = None
    max_mappers: OptionalCount = None
    split_size: OptionalSize = None  # bytes, at the most; None: whole files
    # An output directory that exists is an error.
    no_clobber: OptionalFlag = None
    keep_intermediate: OptionalPath = None  # a directory for the map output


@dataclasses.dataclass(frozen=True)
class _ExtendedJobFields:
    """What every job has."""

    input_paths: Paths  # files, directories and patterns, as in a shell
    output_directory: Path
    mapper_executable: Command
    num_reducers: CountOrZero  # 0: the map output is the result
    reducer_executable: OptionalCommand = None
    # Of every executable; None: tasks are as in the specification, unless
    # another option changes them.
    environment: OptionalEnvironment = None


# The fields of the last base come first.
@dataclasses.dataclass(frozen=True)
class ExtendedJobMessage(_Limits, _MapOptions, _Planning, _ExtendedJobFields):
    """A client submits a job with options that the specification lacks."""

    job_key: OptionalName = None
    job_name: OptionalName = None

    def __post_init__(self) -> None:
        """Raise ProtocolError for fields that do not go together."""
        if not self.input_paths:
            raise ProtocolError("a job has no input")
        if (self.num_mappers is None) == (self.max_mappers is None):
            raise ProtocolError("a job has either num_mappers or max_mappers")
        if self.num_reducers and self.reducer_executable is None:
            raise ProtocolError("a job with a reduce stage has no reducer")
        if not self.num_reducers and (
                self.combiner or self.partitioner or self.keep_intermediate):
            raise ProtocolError("a job without a reduce stage has no use for "
                                "a combiner, a partitioner or kept files")

    @property
    def changes_tasks(self) -> bool:
        """Whether its tasks are more than the specification has words for."""
        return not self.num_reducers or any(
            option is not None for option in (
                self.environment, self.split_size, self.decompress,
                self.combiner, self.partitioner, self.task_timeout))


@dataclasses.dataclass(frozen=True)
class _ExtendedMapFields:
    """What every such map task has."""

    task_id: TaskId
    splits: Splits
    executable: Command
    output_directory: Path
    num_partitions: CountOrZero  # 0: the output is a part of the result
    environment: Environment
    task_timeout: OptionalSeconds = None


@dataclasses.dataclass(frozen=True)
class ExtendedMapTaskMessage(_MapOptions, _ExtendedMapFields):
    """The Manager gives a Worker a map task that strict ones can't do."""


@dataclasses.dataclass(frozen=True)
class ExtendedReduceTaskMessage:
    """The Manager gives a Worker a reduce task that strict ones can't do."""

    task_id: TaskId
    executable: Command
    input_paths: Paths
    output_directory: Path
    environment: Environment
    task_timeout: OptionalSeconds = None


@dataclasses.dataclass(frozen=True)
class ProgressMessage:
    """A Worker tells what the executable of its task says of itself.

    Only of the tasks above; the status is what Hadoop Streaming calls so.
    """

    task_id: TaskId
    worker_host: Host
    worker_port: Port
    status: Text
