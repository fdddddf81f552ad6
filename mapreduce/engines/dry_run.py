"""Show what a job would do, and try it on a sample. Starts no daemon.

Nothing but a temporary directory is made, and it is removed at the end.
"""
from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Sequence

from mapreduce.client import preflight, submission
from mapreduce.client.command import print_text
from mapreduce.client.errors import UsageError
from mapreduce.client.job_options import STDIN, STDOUT, JobSpec
from mapreduce.client.placed_files import check_placed, is_placed
from mapreduce.display import text
from mapreduce.engines import sample
from mapreduce.manager import kept_output, output_safety
from mapreduce.manager.output_safety import StorageError
from mapreduce.manager.scheduling.plan import Plan
from mapreduce.protocol.extensions import ExtendedJobMessage
from mapreduce.protocol import layout
from mapreduce.system import inputs
from mapreduce.system.commands import words


def show(job: JobSpec, num_workers: int | None = None) -> None:
    """Print the plan of a job that was validated, and try it on a sample.

    Without a number of Workers, files are split only as the user said. Raises
    UsageError for what would make the job fail at its start, and JobFailed if
    an executable fails on the sample.
    """
    if STDIN in job.input_paths:
        raise UsageError("--dry-run does not read standard input; name files")
    output = job.output_directory
    check_placed(job.files or (), job.archives or ())
    preflight.check_commands(job)
    _check_interpreters(job)
    files = preflight.list_files(job.input_paths, job.rules)
    if num_workers is not None:
        job = submission.with_splits(job, files, num_workers)
    message = submission.build_extended(job, follow=False)
    _check_places(message)
    for title, value in (
            *_plan(message, files), *_places(output), *_removed(message)):
        _print(f"{title:14}{value}")
    for line in _warnings(output, files):
        _print(f"Warning: {line}")
    for line in sample.try_out(message, files):
        _print(line)


def _check_places(job: ExtendedJobMessage) -> None:
    """Raise UsageError if the Manager would not use a directory of the job."""
    shared = os.path.join(
        tempfile.gettempdir(), layout.SHARED_DIRECTORY_PREFIX)
    try:
        found = output_safety.find_inputs(
            job.input_paths, inputs.rules_of(job))
        if job.output_directory != STDOUT:
            output_safety.check_output(job, found, shared)
        kept_output.check_places(job, found, shared)
    except StorageError as error:
        raise UsageError(str(error)) from error
    for path in filter(None, (
            job.keep_intermediate, job.logs, job.cache, job.keep_failed)):
        _check_writable(path, _existing(path))


def _existing(path: str) -> str:
    """Return a path, or that of its parents in which it would be made."""
    path = os.path.abspath(path)
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    return path


def _check_writable(path: str, directory: str) -> None:
    """Raise UsageError unless files for a path can be made in a directory."""
    if not os.path.isdir(directory):
        raise UsageError(f"cannot use the directory {path!r}: {directory!r} "
                         "is no directory")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise UsageError(f"cannot use the directory {path!r}: no permission "
                         f"to write in {directory!r}")


def _print(line: str) -> None:
    print_text(text.clean(line))


def _plan(
    job: ExtendedJobMessage, files: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Return the lines on the input and the tasks."""
    try:
        splits = output_safety.make_splits(job, list(files))
    except StorageError as error:
        raise UsageError(str(error)) from error
    total = submission.total_size(files)
    yield "input", f"{text.count(len(files), 'file')}, {total:,} bytes"
    yield "splits", f"{len(splits):,}"
    tasks = Plan("", job, "", splits).num_mappers
    yield "map tasks", f"{tasks:,} of {job.mapper_executable}"
    yield "reduce tasks", (
        f"{job.num_reducers:,} of {job.reducer_executable}"
        if job.num_reducers else "0: the map output is the result")


def _places(output: str) -> Iterator[tuple[str, str]]:
    """Return the lines on the output, and on the space for files."""
    if output == STDOUT:
        yield "output", "standard output"
    else:
        yield "output", f"{output}, {_replaced(output)}"
    for what, directory in _disks(output):
        yield what, (f"{shutil.disk_usage(directory).free:,} bytes are free "
                     f"at {directory}")


def _removed(job: ExtendedJobMessage) -> Iterator[tuple[str, str]]:
    """Return the lines on old files in other directories of the job."""
    for title, directory, is_removed in (
            ("logs", job.logs, layout.parse_stderr_log),
            ("map output", job.keep_intermediate, layout.is_map_output)):
        if directory and os.path.isdir(directory):
            try:
                names = os.listdir(directory)
            except OSError as error:
                raise UsageError(f"cannot use the directory {directory!r}: "
                                 f"{error.strerror}") from error
            number = sum(map(bool, map(is_removed, names)))
            yield title, (f"{directory}, where {text.count(number, 'file')} "
                          "would be removed")


def _disks(output: str) -> Iterator[tuple[str, str]]:
    """Return the directories that must have space, and what they are for."""
    yield "temporary", tempfile.gettempdir()
    if output == STDOUT:
        return
    parent = _existing(output)
    # An old result is replaced by a rename, in its parent.
    _check_writable(output, os.path.dirname(parent) if os.path.isdir(output)
                    else parent)
    yield "result", parent


def _warnings(output: str, files: Sequence[str]) -> Iterator[str]:
    """Return what may go wrong although the job can start."""
    total = submission.total_size(files)
    for directory in dict.fromkeys(path for _, path in _disks(output)):
        free = shutil.disk_usage(directory).free
        if free < total:
            yield (f"only {free:,} bytes are free at {directory}, and the "
                   f"input has {total:,}: the disk may get full")


def _replaced(output: str) -> str:
    try:
        names = os.listdir(output)
    except FileNotFoundError:
        return "which is new"
    except OSError as error:
        raise UsageError(f"cannot read the output directory {output!r}: "
                         f"{error.strerror}") from error
    if not names:
        return "which is empty"
    return f"whose {text.count(len(names), 'file')} would be replaced"


def _check_interpreters(job: JobSpec) -> None:
    """Raise UsageError for a script whose first line names no program."""
    path = (job.environment or {}).get("PATH")
    placed = (*(job.files or ()), *(job.archives or ()))
    files = {name: os.path.abspath(file) for file, name in job.files or ()}
    for command in filter(None, (
            job.mapper_executable, job.reducer_executable, job.combiner,
            job.partitioner)):
        program = words(command, path)[0]
        if is_placed(command, placed):
            found = files.get(program.removeprefix("./"))
        else:
            found = shutil.which(program, path=path)
        if found is not None:
            _check_interpreter(found, path)


def _check_interpreter(path: str, search_path: str | None) -> None:
    with contextlib.suppress(OSError), open(path, "rb") as file:
        line = file.readline(256)
        if not line.startswith(b"#!"):
            return
        if line.endswith(b"\r\n"):
            raise UsageError(
                f"the first line of {path!r} ends with CR LF, so the system "
                f"finds no interpreter; sed -i 's/\\r$//' "
                f"{shlex.quote(path)}")
        names = list(map(os.fsdecode, line[2:].split()))
        if not names or not os.path.exists(names[0]) or (
                _lacks_program(names, search_path)):
            raise UsageError(
                f"the first line of {path!r} names no program that exists: "
                f"{os.fsdecode(line.strip())}")


def _lacks_program(names: Sequence[str], search_path: str | None) -> bool:
    """Return whether a line is, e.g., #!/usr/bin/env nosuchprogram."""
    return (os.path.basename(names[0]) == "env" and len(names) == 2
            and "=" not in names[1] and not names[1].startswith("-")
            and shutil.which(names[1], path=search_path) is None)
