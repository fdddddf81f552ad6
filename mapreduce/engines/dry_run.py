"""Show what a job would do, and try it on a sample. Starts no daemon.

Nothing but a temporary directory is made, and it is removed at the end.
"""
from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence

from mapreduce.client import preflight, submission
from mapreduce.client.command import print_text
from mapreduce.client.errors import JobFailed, UsageError
from mapreduce.client.job_options import STDIN, STDOUT, JobSpec
from mapreduce.display import text
from mapreduce.engines.sequential import Pipeline, difference, shown
from mapreduce.manager.scheduling.plan import Plan, divide
from mapreduce.protocol import layout
from mapreduce.protocol.extensions import ExtendedJobMessage
from mapreduce.protocol.fields import Split
from mapreduce.system import scratch
from mapreduce.system.commands import words
from mapreduce.worker.errors import BadInput, TaskError
from mapreduce.worker.inputs.files import BLOCK, read_blocks
from mapreduce.worker.inputs.splits import read_all
from mapreduce.worker.processes.interruption import Interruption
from mapreduce.worker.processes.launcher import Launcher
from mapreduce.worker.shuffle.hash_partitioner import partition_of_key
from mapreduce.worker.shuffle.lines import (
    MAX_LINES,
    split_lines,
    whole_lines,
)

SAMPLE = 2**20  # bytes of input, at most
MAX_FILES = 16  # that a sample is taken from
MAX_KEYS = 3  # that are shown
TIMEOUT = 60.0  # seconds for which an executable may do nothing
PARTITIONS = 3  # that the result must not depend on


def show(
    job: JobSpec, num_workers: int | None = None, replaces_all: bool = False
) -> None:
    """Print the plan of a job that was validated, and try it on a sample.

    Without a number of Workers, files are split only as the user said. The
    Manager replaces any output directory with `replaces_all`. Raises
    UsageError for what would make the job fail at its start, and JobFailed if
    an executable fails on the sample.
    """
    if STDIN in job.input_paths:
        raise UsageError("--dry-run does not read standard input; name files")
    if job.files or job.archives:
        raise UsageError("--dry-run places no files in the directory of a "
                         "task; leave out -files and -archives")
    output = job.output_directory
    if not (replaces_all or job.overwrite or job.no_clobber
            or output == STDOUT):
        preflight.check_output(output)
    preflight.check_commands(job)
    _check_interpreters(job)
    files = preflight.list_files(job.input_paths, job.rules)
    if num_workers is not None:
        job = submission.with_splits(job, files, num_workers)
    message = submission.build_extended(
        dataclasses.replace(job, output_directory=os.path.abspath(output)),
        follow=False)
    for title, value in (*_plan(message, files), *_places(output, files)):
        _print(f"{title:14}{value}")
    _try_sample(message, files)


def _print(line: str) -> None:
    print_text(text.clean(line))


def _plan(
    job: ExtendedJobMessage, files: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Return the lines on the input and the tasks."""
    sizes = {path: submission.total_size([path]) for path in files}
    splits = (divide(sizes, list(files), job.split_size) if job.split_size
              else list(map(Split, files)))
    total = submission.total_size(files)
    yield "input", f"{len(files)} files, {total:,} bytes"
    yield "splits", str(len(splits))
    tasks = Plan("", job, "", splits).num_mappers
    yield "map tasks", f"{tasks} of {job.mapper_executable}"
    yield "reduce tasks", (
        f"{job.num_reducers} of {job.reducer_executable}"
        if job.num_reducers else "0: the map output is the result")


def _places(
    output: str, files: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Return the lines on the output, and on the space for files."""
    if output == STDOUT:
        yield "output", "standard output"
    else:
        yield "output", f"{output}, {_replaced(output)}"
    total = submission.total_size(files)
    parent = os.path.abspath(output if output != STDOUT else os.curdir)
    while not os.path.isdir(parent):
        parent = os.path.dirname(parent)
    if output != STDOUT and not os.access(
            os.path.dirname(os.path.abspath(output))
            if os.path.isdir(output) else parent, os.W_OK):
        raise UsageError(f"no permission to write in {parent!r}, where the "
                         "output directory would be")
    for what, directory in (
            ("temporary", tempfile.gettempdir()), ("result", parent)):
        free = shutil.disk_usage(directory).free
        note = "" if free > total else "; the input is larger than that"
        yield what, f"{free:,} bytes are free at {directory}{note}"


def _replaced(output: str) -> str:
    try:
        names = os.listdir(output)
    except FileNotFoundError:
        return "which is new"
    except OSError as error:
        raise UsageError(f"cannot read the output directory {output!r}: "
                         f"{error.strerror}") from error
    return f"of which {len(names)} files would be replaced"


def _check_interpreters(job: JobSpec) -> None:
    """Raise UsageError for a script whose first line names no program."""
    for command in (job.mapper_executable, job.reducer_executable,
                    job.combiner, job.partitioner):
        if command is not None:
            _check_interpreter(words(
                command, (job.environment or {}).get("PATH"))[0])


def _check_interpreter(program: str) -> None:
    path = shutil.which(program)
    if path is None:
        return
    with contextlib.suppress(OSError), open(path, "rb") as file:
        line = file.readline(256)
        if not line.startswith(b"#!"):
            return
        if line.endswith(b"\r\n"):
            raise UsageError(
                f"the first line of {path!r} ends with CR LF, so the system "
                f"finds no interpreter; sed -i 's/\\r$//' {path}")
        names = line[2:].split()
        if not names or not os.path.exists(names[0]):
            raise UsageError(
                f"the first line of {path!r} names no program that exists: "
                f"{os.fsdecode(line.strip())}")


def _try_sample(job: ExtendedJobMessage, files: Sequence[str]) -> None:
    """Run the executables on a sample; print a summary of the results."""
    with (Interruption() as interruption,
          scratch.directory(layout.OUTPUT_DIRECTORY_PREFIX) as directory):
        try:
            paths = list(_sample(job, files, directory))
            pipeline = Pipeline(
                dataclasses.replace(job, task_timeout=(
                    job.task_timeout or TIMEOUT)),
                Launcher(interruption), directory)
            _Trial(job, pipeline, directory).run(paths)
        except (TaskError, BadInput) as error:
            raise JobFailed(text.clean(
                f"on the sample of the input, {error}")) from error


def _sample(
    job: ExtendedJobMessage, files: Sequence[str], directory: str
) -> Iterator[str]:
    """Make files with the first lines of some input files."""
    share = SAMPLE // max(1, min(len(files), MAX_FILES))
    for number, path in enumerate(files[:MAX_FILES]):
        copy = os.path.join(directory, f"sample{number:02d}")
        blocks = read_all([Split(path)], bool(job.decompress))
        with open(copy, "wb") as file:
            file.writelines(_first_lines(blocks, share))
        yield copy


def _first_lines(blocks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Return the first whole lines of a stream, at most so many bytes."""
    taken = 0
    for block in whole_lines(blocks):
        if taken + len(block) > size:
            yield block[:block.rfind(b"\n", 0, size - taken) + 1]
            return
        taken += len(block)
        yield block


class _Trial:
    """The executables of a job on a sample."""

    def __init__(
        self, job: ExtendedJobMessage, pipeline: Pipeline, directory: str
    ) -> None:
        self._job = job
        self._pipeline = pipeline
        self._directory = directory

    def run(self, paths: Sequence[str]) -> None:
        """Run all executables on sample files; print what they make."""
        mapped = self._pipeline.map(list(map(Split, paths)))
        keys: dict[bytes, int] = {}
        for line in _lines(mapped):
            key = self._key(line)
            keys[key] = keys.get(key, 0) + 1
        size = submission.total_size(paths)
        some = ", ".join(map(shown, sorted(keys)[:MAX_KEYS]))
        _print(f"{'sample':14}{size:,} bytes of input make "
               f"{sum(keys.values()):,} records with {len(keys):,} keys"
               + (f", such as {some}" if keys else ""))
        if self._job.num_reducers:
            self._compare(self._pipeline.order(mapped))

    def _key(self, line: bytes) -> bytes:
        return line.split(os.fsencode(self._job.separator or "\t"), 1)[0]

    def _compare(self, ordered: str) -> None:
        """Reduce in three ways; print whether the results differ."""
        one = self._result("one", [ordered])
        result = list(_lines(one))
        _print(f"{'':14}and {len(result):,} lines of the result")
        warnings = 0
        for name, words_of, make in (
                ("parts", "the number of reduce tasks: 1 or "
                 f"{PARTITIONS}", self._parts),
                ("turned", "the order of the values of a key", self._turned)):
            other = self._result(name, make(ordered))
            missing, unknown = difference(one, other)
            if not (missing or unknown):
                continue
            warnings += 1
            _print(f"Warning: the result depends on {words_of}. Only in one "
                   "of two results: "
                   + ", ".join(map(shown, (missing + unknown)[:MAX_KEYS])))
        if not warnings:
            _print(f"{'':14}which depend neither on the number of reduce "
                   "tasks nor on the order of the values of a key")

    def _result(self, name: str, ordered: Sequence[str]) -> str:
        """Return the path of the sorted result of some reduce tasks."""
        parts = [self._pipeline.reduce(path, f"{name}{number}")
                 for number, path in enumerate(ordered)]
        return self._pipeline.sort(name, parts, [])

    def _parts(self, ordered: str) -> list[str]:
        """Distribute lines to several files by their keys."""
        return self._write("part", PARTITIONS, lambda line: partition_of_key(
            self._key(line), PARTITIONS), _lines(ordered))

    def _turned(self, ordered: str) -> list[str]:
        """Reverse the lines of each key; the keys keep their order."""
        groups: dict[bytes, list[bytes]] = {}
        for line in _lines(ordered):
            groups.setdefault(self._key(line), []).append(line)
        lines = (line for group in groups.values() for line in group[::-1])
        return self._write("turned-input", 1, lambda line: 0, lines)

    def _write(
        self, name: str, number: int, choose: Callable[[bytes], int],
        lines: Iterable[bytes],
    ) -> list[str]:
        paths = [os.path.join(self._directory, f"{name}{part}")
                 for part in range(number)]
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context(open(path, "wb")) for path in paths]
            for line in lines:
                files[choose(line)].write(line + b"\n")
        return paths


def _lines(path: str) -> Iterator[bytes]:
    """Return the lines of a file, without their newlines."""
    for lines in split_lines(
            read_blocks(path, BLOCK, keep_open=True), MAX_LINES):
        yield from lines
