"""Convert the description of a job to the message that submits it."""
from __future__ import annotations

import contextlib
import dataclasses
import os
import pwd
from collections.abc import Mapping, Sequence
from typing import Any

import click

from mapreduce.client import shell_syntax
from mapreduce.client.errors import UsageError
from mapreduce.client.job_options import STDIN, JobSpec
from mapreduce.client.placed_files import check_names
from mapreduce.protocol import codec, fields, layout
from mapreduce.protocol.extensions import ExtendedJobMessage
from mapreduce.protocol.fields import FieldError, ProtocolError
from mapreduce.protocol.messages import (
    JobMessage,
    ManagerJobMessage,
    MasterJobMessage,
)
from mapreduce.system.commands import words

# The fields that the message of the specification can hold.
BASE_FIELDS = {"input_paths", *(
    field.name for field in dataclasses.fields(ManagerJobMessage))}

TITLES = {"input_paths": "input directory", "logs": "directory for logs",
          "keep_intermediate": "directory for the map output"}
FOR_REDUCERS = ("combiner", "partitioner", "keep_intermediate", "keep_failed",
                "partition_by", "sort_options", "cache")

# Defaults for each Worker. There are several tasks for each, so that at the
# end all wait only for one short task of a slow Worker.
REDUCE_TASKS = 4
SPLITS = 4
MAX_MAP_TASKS = 16

# Bytes. For a smaller split, starting the mapper takes longer than its work;
# with larger ones, the last tasks of a job take too long.
MIN_SPLIT, MAX_SPLIT = 2**20, 2**26
# Bytes of a file that is never divided without being asked for: a mapper may
# expect a header, or a document.
WHOLE = 2**24


def validate(job: JobSpec) -> JobSpec:
    """Return the job, without a reducer if it has no reduce tasks.

    Raises click.UsageError if its options contradict each other.
    """
    # Checked here, although the Manager checks it, too: here, the error can
    # name the option.
    if job.num_reducers == 0:
        unused = [name for name in FOR_REDUCERS
                  if getattr(job, name) is not None]
        if unused:
            option = {"sort_options": "sort"}.get(unused[0], unused[0])
            raise click.UsageError(
                "a job with 0 reduce tasks has no use for "
                f"--{option.replace('_', '-')}")
        job = dataclasses.replace(job, reducer_executable=None)
    elif job.partitioner is not None and job.partition_by is not None:
        raise click.UsageError("--partitioner and --partition-by both choose "
                               "the reduce task; omit one of the two")
    elif job.reducer_executable is None:
        raise click.UsageError("Missing option '-r' / '--reducer'; only a "
                               "job with --nreducers 0 needs none")
    problems = [problem for what, command in (
            ("mapper", job.mapper_executable),
            ("reducer", job.reducer_executable),
            ("combiner", job.combiner), ("partitioner", job.partitioner))
        if (problem := shell_syntax.find_problem(what, command))]
    if problems:
        raise UsageError("\n".join(problems))
    if job.overwrite and not job.keep_old:
        raise click.UsageError("--overwrite is for --keep-old: without it, "
                               "any output directory is replaced")
    check_names(job.files or (), job.archives or ())
    if job.lines_per_map is not None:
        job = _with_lines(job)
    if job.cache_by_content and job.cache is None:
        raise click.UsageError("--cache-by-content is for --cache")
    if job.cache is not None and STDIN in job.input_paths:
        raise click.UsageError("--cache has no use for standard input, of "
                               "which only a temporary copy is read; name "
                               "files")
    for name, value in _given(job).items():
        if value == "" or name == "input_paths" and "" in value:
            title = TITLES.get(name, name.replace("_", " "))
            raise click.UsageError(f"the name of the {title} is empty")
    return job


def _with_lines(job: JobSpec) -> JobSpec:
    """Return a job with as many map tasks as its lines need."""
    return dataclasses.replace(
        job, split_size=0, num_mappers=None, max_mappers=layout.MAX_TASKS)


def build_message(job: JobSpec, follow: bool) -> JobMessage:
    """Return the message for a job: that of the specification if possible.

    Raises click.UsageError, as build_extended does.
    """
    job = validate(job)
    if job.environment is None and any(map(_has_arguments, (
            job.mapper_executable, job.reducer_executable or ""))):
        # Tasks of the specification start `[executable]`, without arguments.
        # An environment, even an empty one, makes the tasks extended.
        job = dataclasses.replace(job, environment={})
    document = _given(job)
    if (len(job.input_paths) > 1 or not job.num_reducers
            or document.keys() - BASE_FIELDS):
        return build_extended(job, follow)
    [document["input_directory"]] = document.pop("input_paths")
    return _build("new_manager_job", document, follow)


def in_dialect_2017(message: JobMessage) -> MasterJobMessage:
    """Return the message of the 2017 dialect for what build_message returned.

    Raises click.UsageError if the dialect can't express an option.
    """
    if not isinstance(message, ManagerJobMessage) or message.job_name:
        raise click.UsageError(
            "the 2017 dialect has one input directory, a mapper and a reducer "
            "without arguments, and their numbers; leave out other options")
    return MasterJobMessage(**{
        field.name: getattr(message, field.name)
        for field in dataclasses.fields(MasterJobMessage)})


def build_extended(job: JobSpec, follow: bool) -> ExtendedJobMessage:
    """Return the extended message for a job that `validate` returned.

    With `follow`, the job gets a key. Raises click.UsageError for a field that
    the Manager would refuse.
    """
    message = _build("new_extended_job", _given(job), follow)
    assert isinstance(message, ExtendedJobMessage)
    return message


def _given(job: JobSpec) -> dict[str, Any]:
    """Return the fields for the message, as in JSON."""
    # Only what is set: each further field would need the extended message.
    document = {name: value for name, value in vars(job).items()
                if value is not None and value is not False}
    for name, nothing in (
            ("job_name", ""), ("split_size", 0), ("task_timeout", 0)):
        if document.get(name) == nothing:
            del document[name]
    document["input_paths"] = list(job.input_paths)
    for name in ("files", "archives"):
        if name in document:
            document[name] = [list(link) for link in document[name]]
    return document


def _has_arguments(command: str) -> bool:
    try:
        return len(words(command)) > 1
    except ValueError:  # The task will fail with this error, and report it.
        return False


def _build(
    message_type: str, document: Mapping[str, Any], follow: bool
) -> JobMessage:
    document = {"message_type": message_type, **document}
    if follow:
        # Random, so that no other client has the same key.
        document["job_key"] = os.urandom(16).hex()
    # Not with the message of the specification, which has no such field.
    if follow or message_type == "new_extended_job":
        document["submitted_by"] = submitter()
    # The codec checks the fields by the rules that the Manager will apply.
    try:
        message = codec.from_document(document)
    except FieldError as error:
        raise _bad_option(error) from error
    except ProtocolError as error:
        raise click.UsageError(str(error)) from error
    assert isinstance(message, JobMessage)
    return message


def submitter() -> str:
    """Return the user and the host of this process, e.g., ann@host1."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # In a container, a user may have a number only.
        user = str(os.getuid())
    return f"{user}@{os.uname().nodename}"[:fields.MAX_NAME]


def _bad_option(error: FieldError) -> click.UsageError:
    """Return an error that names the option, not the field of the message."""
    problem = f"{error.value} is not {error.expected}"
    name = {"input_directory": "input_paths"}.get(error.field, error.field)
    context = click.get_current_context(silent=True)
    for option in context.command.params if context else ():
        if option.name == name:
            return click.BadParameter(problem, context, option)
    return click.UsageError(f"the {error.field.replace('_', ' ')} {problem}")


def max_mappers(job: JobSpec, num_workers: int) -> int:
    """Return the limit of map tasks if the user gives no number."""
    if job.num_reducers == 0:
        # Each split has a part of its own: what mappers print may be no text,
        # and then two outputs in one part could not be told apart.
        return layout.MAX_TASKS
    return min(max(1, num_workers) * MAX_MAP_TASKS, layout.MAX_TASKS)


def with_splits(
    job: JobSpec, files: Sequence[str], num_workers: int
) -> JobSpec:
    """Return a job with its split size, and the most map tasks it may have.

    There are never more map tasks than splits. If the user wants a number of
    map tasks, the splits are as small as that needs.
    """
    if job.lines_per_map is not None:
        return job
    size = job.split_size
    sizes = [_size_to_split(path) for path in files]
    if size is None:  # Not 0, by which a user forbids splitting.
        size = max(split_size(files, num_workers), *(
            length for length in (0, *sizes) if length <= WHOLE))
        if job.num_mappers:
            size = _size_for(job.num_mappers, sizes, size)
    job = dataclasses.replace(job, split_size=size)
    if job.num_mappers is not None:
        if _num_splits(sizes, size) >= job.num_mappers:
            return job
        return dataclasses.replace(
            job, num_mappers=None, max_mappers=job.num_mappers)
    number = max(max_mappers(job, num_workers), job.max_mappers or 0)
    if job.concatenate:
        # One start of the mapper for each Worker, or for each split.
        number = min(number, max(
            num_workers, -(-total_size(files) // (size or MAX_SPLIT))))
    return dataclasses.replace(job, max_mappers=number)


def _size_to_split(path: str) -> int:
    """Return how many bytes of a file may be split."""
    if layout.is_compressed(path):
        return 0
    return total_size([path])


def _num_splits(sizes: Sequence[int], size: int) -> int:
    """Return how many splits files of these sizes have; size 0: one each."""
    return sum(max(1, -(-length // size) if size else 1) for length in sizes)


def _size_for(number: int, sizes: Sequence[int], largest: int) -> int:
    """Return the largest size of a split that gives a number of splits.

    1 if there are not so many bytes.
    """
    low, high = 1, largest
    while low < high:
        middle = (low + high + 1) // 2
        if _num_splits(sizes, middle) >= number:
            low = middle
        else:
            high = middle - 1
    return low


def total_size(files: Sequence[str]) -> int:
    """Return the bytes of all files that exist."""
    total = 0
    for path in files:
        with contextlib.suppress(OSError):
            total += os.path.getsize(path)
    return total


def split_size(files: Sequence[str], num_workers: int) -> int:
    """Return a split size, in bytes, that gives each Worker several splits."""
    share = total_size(files) // (num_workers * SPLITS)
    return max(MIN_SPLIT, min(share, MAX_SPLIT))
