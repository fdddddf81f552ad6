"""Define the messages of jobs and tasks with options beyond the specification.

A job with such options is submitted with a message type of its own, because a
strict Manager must not run the job without its options. If an option changes
what a task does, its tasks have message types of their own as well. They are
sent only to Workers that answered a query that they accept them.
"""
from __future__ import annotations

import dataclasses
from typing import Any

from mapreduce.protocol.dataclass import dataclass
from mapreduce.protocol.fields import (
    Command,
    CountOrZero,
    Environment,
    Host,
    OptionalCommand,
    OptionalCompression,
    OptionalCount,
    OptionalEnvironment,
    OptionalFlag,
    OptionalJobId,
    OptionalLinks,
    OptionalName,
    OptionalPath,
    OptionalRanges,
    OptionalSeconds,
    OptionalSeparator,
    OptionalSize,
    OptionalSkips,
    OptionalSort,
    OptionalToken,
    Path,
    Paths,
    Port,
    ProtocolError,
    Splits,
    TaskId,
    Text,
    hidden,
)


MAX_TEXT = 16 * 2**10  # characters of a job in the log

# Fields that were added after the first version of these messages. A receiver
# of that version would ignore them. So they are sent only to one that names
# them in its answer to a query, each as, e.g., new_extended_job.keep_old.
ADDED_FIELDS = frozenset({
    "keep_old", "overwrite", "concatenate", "skip_bad_inputs",
    "separator", "key_fields", "partition_by", "sort_options",
    "key_separator", "reducer_separator", "recursive", "hadoop_inputs",
    "logs", "files", "archives", "keep_failed", "lines_per_map",
    "any_exit_code", "compress", "skip_bad_records", "cache",
    "cache_by_content", "map_speculative", "reduce_speculative"})


def _text(message: Any, name: str) -> str:
    """Return a message as the log shows it: without the fields that are None.

    A task is shown by the name of its base form, because users search for it.
    The environment is left out: it may hold secrets.
    """
    values = {field.name: getattr(message, field.name)
              for field in dataclasses.fields(message) if field.repr}
    fields = ", ".join(f"{field}={value!r}" for field, value
                       in values.items() if value is not None)
    return f"{name}({fields})"


@dataclass(frozen=True)
class PlacedFiles:
    """What tasks find in a working directory of their own, if anything."""

    # Each a path, and its name in that directory. Archives are unpacked.
    files: OptionalLinks = None
    archives: OptionalLinks = None


@dataclass(frozen=True)
class _PlacedInTask(PlacedFiles):
    unpack_directory: OptionalPath = None  # for archives, of the job


@dataclass(frozen=True)
class TaskOptions:
    """Options of a job that all of its tasks have, too."""

    # How lines are sorted, if not as a whole.
    separator: OptionalSeparator = None  # of fields; None: a TAB
    key_fields: OptionalCount = None  # fields of the key; None: 1
    # Of the fields within the key, if it is another one.
    key_separator: OptionalSeparator = None
    # Options of `sort`. Lines that it takes for equal keep their order.
    sort_options: OptionalSort = None
    # Reducers and combiners get it between key and value.
    reducer_separator: OptionalSeparator = None
    any_exit_code: OptionalFlag = None  # only signals are failures
    compress: OptionalCompression = None  # of the parts of the result


@dataclass(frozen=True)
class _MapOptions(TaskOptions):
    """Options of a job that its map tasks have, too."""

    # Only inputs with a name that ends as in layout.COMPRESSED.
    decompress: OptionalFlag = None
    combiner: OptionalCommand = None
    partitioner: OptionalCommand = None
    partition_by: OptionalRanges = None  # fields of the key, if it has many
    # All splits of a task go through one mapper, one after the other.
    concatenate: OptionalFlag = None
    # Files that can't be read or decompressed are left out, and counted.
    skip_bad_inputs: OptionalFlag = None


@dataclass(frozen=True)
class _Limits:
    """Limits at which a task, or its job, fails, and what is kept then."""

    # Seconds during which an executable neither reads, writes nor reports.
    task_timeout: OptionalSeconds = None
    # A directory for the standard error of each attempt.
    logs: OptionalPath = None
    max_map_attempts: OptionalCount = None
    max_reduce_attempts: OptionalCount = None
    # Up to so many records on which an executable dies are left out.
    skip_bad_records: OptionalSkips = None
    # A directory for the merged input of each reduce task that fails.
    keep_failed: OptionalPath = None


@dataclass(frozen=True)
class _Planning:
    """Options that only the Manager uses."""

    # A job has one of the two. With num_mappers, the number of map tasks is
    # exact; with max_mappers there is one for each split, up to that number.
    num_mappers: OptionalCount = None
    max_mappers: OptionalCount = None
    split_size: OptionalSize = None  # bytes, at most; None: whole files
    # The files in directories of an input directory are input, too.
    recursive: OptionalFlag = None
    # Hidden files are none, and a directory in the input is an error, unless
    # recursive: as in Hadoop.
    hadoop_inputs: OptionalFlag = None
    # Whether slow tasks of the stage get backup attempts.
    map_speculative: OptionalFlag = None
    reduce_speculative: OptionalFlag = None


@dataclass(frozen=True)
class _Outputs:
    """What the Manager keeps and replaces."""

    # Each map task gets so many lines of one file; max_mappers is MAX_TASKS.
    lines_per_map: OptionalCount = None
    # The job fails if its output directory exists.
    no_clobber: OptionalFlag = None
    keep_intermediate: OptionalPath = None  # a directory for the map output
    cache: OptionalPath = None  # a directory for map output of many jobs
    # An input is the same if its bytes are, not if its times are.
    cache_by_content: OptionalFlag = None
    # An old result stays until the new one is complete, and is replaced only
    # if it holds nothing but what jobs leave; overwrite: whatever it holds.
    keep_old: OptionalFlag = None
    overwrite: OptionalFlag = None


@dataclass(frozen=True)
class _ExtendedJobFields:
    input_paths: Paths  # files, directories and patterns, as in a shell
    output_directory: Path
    mapper_executable: Command
    num_reducers: CountOrZero  # 0: the map output is the result
    reducer_executable: OptionalCommand = None
    # Added to the environment of each executable. {} is not None: also an
    # empty one makes the tasks extended, which sets Hadoop's variables.
    # Its values may be passwords: they are in no log and no repr.
    environment: OptionalEnvironment = dataclasses.field(
        default=None, repr=False)


# A dataclass takes the fields of its last base first. So the required fields,
# which have no defaults, are in the last base.
@dataclass(frozen=True)
class ExtendedJobMessage(
        PlacedFiles, _Limits, _MapOptions,
        _Outputs, _Planning, _ExtendedJobFields):
    """A client submits a job with options beyond the specification."""

    job_key: OptionalName = None
    job_name: OptionalName = None
    submitted_by: OptionalName = None

    def __repr__(self) -> str:
        """Return, e.g., JobMessage(input_paths=['input'], …)."""
        text = _text(self, "JobMessage")
        # Each client can make such an entry of the log.
        return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"

    def __post_init__(self) -> None:
        """Raise ProtocolError for fields that contradict each other."""
        # Thousands of jobs may wait. What is None is so in the class, too,
        # and need not be in each of them.
        object.__setattr__(self, "__dict__", {
            name: value for name, value in vars(self).items()
            if value is not None})
        if not self.input_paths:
            raise ProtocolError("a job has no input")
        if (self.num_mappers is None) == (self.max_mappers is None):
            raise ProtocolError("a job has either num_mappers or max_mappers")
        if self.num_reducers and self.reducer_executable is None:
            raise ProtocolError("a job with a reduce stage has no reducer")
        if not self.num_reducers and any((
                self.combiner, self.partitioner, self.keep_intermediate,
                self.partition_by, self.sort_options, self.cache)):
            raise ProtocolError("a job without a reduce stage has no use for "
                                "a combiner, a partitioner, an order, a "
                                "cache or kept files")

    @property
    def changes_tasks(self) -> bool:
        """Whether its tasks cannot be expressed in the specification."""
        # The other options concern only the Manager. A job that has none of
        # these can run on strict Workers.
        return not self.num_reducers or any(
            option is not None for option in (
                self.environment, self.split_size, self.decompress,
                self.combiner, self.partitioner, self.task_timeout,
                self.concatenate, self.skip_bad_inputs,
                self.keep_failed, self.separator,
                self.key_fields, self.key_separator, self.sort_options,
                self.partition_by, self.logs, self.files,
                self.archives, self.lines_per_map, self.any_exit_code,
                self.compress, self.skip_bad_records, self.cache))


@dataclass(frozen=True)
class _ExtendedMapFields:
    task_id: TaskId
    splits: Splits
    executable: Command
    output_directory: Path
    num_partitions: CountOrZero  # 0: the map output is the result
    environment: Environment = dataclasses.field(repr=False)
    task_timeout: OptionalSeconds = None


@dataclass(frozen=True)
class ExtendedMapTaskMessage(
        _PlacedInTask, _MapOptions, _ExtendedMapFields):
    """The Manager assigns a map task that a strict Worker cannot do."""

    logs: OptionalPath = None  # the file for standard error
    skip_bad_records: OptionalSkips = None
    token: OptionalToken = hidden()
    job_id: OptionalJobId = hidden()
    cache: OptionalPath = None
    cache_by_content: OptionalFlag = None

    def __repr__(self) -> str:
        """Return, e.g., MapTaskMessage(task_id=0, splits=[…], …)."""
        return _text(self, "MapTaskMessage")


@dataclass(frozen=True)
class _ExtendedReduceFields:
    task_id: TaskId
    executable: Command
    input_paths: Paths
    output_directory: Path
    environment: Environment = dataclasses.field(repr=False)
    task_timeout: OptionalSeconds = None


@dataclass(frozen=True)
class ExtendedReduceTaskMessage(
        _PlacedInTask, TaskOptions, _ExtendedReduceFields):
    """The Manager assigns a reduce task that a strict Worker cannot do."""

    logs: OptionalPath = None  # the file for standard error
    skip_bad_records: OptionalSkips = None
    token: OptionalToken = hidden()
    job_id: OptionalJobId = hidden()
    keep_failed: OptionalPath = None  # a directory

    def __repr__(self) -> str:
        """Return, e.g., ReduceTaskMessage(task_id=0, …)."""
        return _text(self, "ReduceTaskMessage")


ExtendedTask = ExtendedMapTaskMessage | ExtendedReduceTaskMessage


@dataclass(frozen=True)
class ProgressMessage:
    """A Worker reports a status line of the executable of its task.

    Sent only for the extended tasks above. An executable writes the line as
    in Hadoop Streaming: reporter:status:MESSAGE on its standard error.
    """

    task_id: TaskId
    worker_host: Host
    worker_port: Port
    status: Text
    token: OptionalToken = hidden()
    job_id: OptionalJobId = hidden()
