"""Try the executables of a job on a sample of its input. Starts no daemon.

Nothing but a temporary directory is made, and it is removed at the end.
"""
from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
from collections.abc import Generator, Iterable, Iterator, Sequence

from mapreduce.client import submission
from mapreduce.client.errors import JobFailed
from mapreduce.display import text
from mapreduce.engines.pipeline import Pipeline
from mapreduce.engines.sequential import difference, shown
from mapreduce.protocol import layout
from mapreduce.protocol.extensions import ExtendedJobMessage
from mapreduce.protocol.fields import Split
from mapreduce.system import scratch
from mapreduce.worker.errors import BadInput, TaskError
from mapreduce.worker.inputs.files import BLOCK, read_blocks
from mapreduce.worker.inputs.splits import read_all
from mapreduce.worker.processes.interruption import Interruption
from mapreduce.worker.processes.launcher import Launcher
from mapreduce.worker.shuffle import loops
from mapreduce.worker.shuffle.key_fields import (
    FieldPartitioner,
    needs_fields,
)
from mapreduce.worker.shuffle.lines import MAX_LINES, split_lines
from mapreduce.worker.shuffle.partition_files import PartitionFiles

SIZE = 2**20  # bytes of input, at most
MAX_OUTPUT = 16 * SIZE  # bytes that an executable may print for it
MAX_FILES = 16  # that a sample is taken from
MAX_KEYS = 3  # that are shown
TIMEOUT = 60.0  # seconds for which an executable may do nothing
# Partitions that the result must not depend on: the first of these numbers
# with which the keys are not all in one of them.
PARTITIONS = range(3, 20)
INDENT = " " * 14  # as wide as the titles of the plan


def try_out(
    job: ExtendedJobMessage, files: Sequence[str]
) -> Iterator[str]:
    """Run the executables on a sample; iterate over lines on the results.

    Raises JobFailed if an executable fails.
    """
    with (Interruption() as interruption,
          scratch.directory(layout.OUTPUT_DIRECTORY_PREFIX) as directory):
        try:
            sample = _make_sample(job, files, directory)
            yield from sample.notes
            if files and not sample.names:
                return
            pipeline = Pipeline(
                dataclasses.replace(job, task_timeout=(
                    job.task_timeout or TIMEOUT)),
                Launcher(interruption), directory, MAX_OUTPUT)
            yield from _Trial(job, pipeline, directory).run(sample)
        except (TaskError, BadInput) as error:
            note = ("" if job.skip_bad_records is None else
                    "\nThe job may leave out records on which that happens: "
                    "see --skip-bad-records")
            raise JobFailed(text.clean(
                f"on the sample of the input, {error}{note}")) from error


@dataclasses.dataclass
class _Sample:
    """Files with the first lines of some input files."""

    names: dict[str, str]  # the input file of each
    notes: list[str]  # on what is not in the sample


def _make_sample(
    job: ExtendedJobMessage, files: Sequence[str], directory: str
) -> _Sample:
    sample = _Sample({}, [])
    share = SIZE // max(1, min(len(files), MAX_FILES))
    left_out, bad = [], []
    for number, path in enumerate(files[:MAX_FILES]):
        copy = os.path.join(directory, f"sample{number:02d}")
        try:
            if _copy(path, copy, bool(job.decompress), share):
                sample.names[copy] = path
            else:
                left_out.append(path)
        except (BadInput, OSError):
            if not job.skip_bad_inputs:
                raise
            bad.append(path)
    if bad:
        sample.notes.append("Note: the job skips what can't be read: "
                            f"{_few(map(repr, bad))}")
    if left_out:
        sample.notes.append(
            f"Note: not in the sample: {_few(map(repr, left_out))}, as no "
            f"whole line ends within {share:,} bytes, or it is compressed")
    if files and not sample.names:
        sample.notes.append("Note: so the executables were not tried")
    return sample


def _copy(path: str, copy: str, decompress: bool, share: int) -> bool:
    """Copy the first lines of a file; return whether there are some."""
    if layout.is_compressed(path) and not decompress:
        # Its mapper needs all of it.
        if os.path.getsize(path) > share:
            return False
        shutil.copyfile(path, copy)
        return True
    with contextlib.closing(_blocks(path, decompress)) as blocks:
        data, is_all = _first_lines(blocks, share)
    with open(copy, "wb") as file:
        file.write(data)
    return bool(data) or is_all


def _blocks(path: str, decompress: bool) -> Generator[bytes, None, None]:
    yield from read_all([Split(path)], decompress)


def _first_lines(
    blocks: Iterable[bytes], size: int
) -> tuple[bytes, bool]:
    """Return the first whole lines of a stream, at most so many bytes.

    Also return whether that is all of it.
    """
    data = b""
    for block in blocks:
        data += block
        if len(data) > size:
            return data[:data.rfind(b"\n", 0, size) + 1], False
    return data, True


class _Trial:
    """The executables of a job on a sample."""

    def __init__(
        self, job: ExtendedJobMessage, pipeline: Pipeline, directory: str
    ) -> None:
        self._job = job
        self._pipeline = pipeline
        self._directory = directory

    def run(self, sample: _Sample) -> Iterator[str]:
        """Run all executables; iterate over lines on what they make."""
        paths = list(sample.names)
        mapped = self._pipeline.map(list(map(Split, paths)), sample.names)
        keys: dict[bytes, int] = {}
        for line in _lines(mapped):
            key = self._key(line)
            keys[key] = keys.get(key, 0) + 1
        size = submission.total_size(paths)
        records = text.count(sum(keys.values()), "record")
        yield (f"{'sample':14}{size:,} bytes of input make {records} with "
               f"{text.count(len(keys), 'key')}"
               + (f", such as {_few(map(shown, sorted(keys)))}"
                  if keys else ""))
        if not keys:
            yield ("Warning: the mapper prints nothing for this sample, so "
                   "nothing can be said of the result" if size else
                   "Note: the sample is empty, so nothing can be said of the "
                   "result")
        elif self._job.num_reducers:
            yield from self._compare(self._pipeline.order(mapped))

    def _key(self, line: bytes) -> bytes:
        separator = os.fsencode(self._job.separator or "\t")
        number = self._job.key_fields or 1
        return separator.join(line.split(separator, number)[:number])

    def _compare(self, ordered: str) -> Iterator[str]:
        """Reduce in several ways; return lines on whether they differ."""
        one = self._result("one", [ordered])
        result = text.count(sum(1 for _ in _lines(one)), "line")
        yield f"{INDENT}and {result} of the result"
        warnings = [
            f"Warning: the result depends on {words}. {found}"
            for name, words, files in self._ways(ordered)
            if (found := _difference(one, self._result(name, files)))]
        # Such as of random numbers, or of the order of a set.
        if warnings and (found := _difference(
                one, self._result("again", [ordered]))):
            warnings = ["Warning: the reducer prints something else each time "
                        f"that it reads the same lines. {found}"]
        yield from warnings or [
            f"{INDENT}which depend neither on the number of reduce tasks nor "
            "on the order of the values of a key"]

    def _ways(self, ordered: str) -> Iterator[tuple[str, str, list[str]]]:
        """Make the input of the reducer for the other ways to the result.

        Iterate over names, words and the files of sorted lines, one for each
        reducer.
        """
        parts = self._several_parts(ordered)
        if len(parts) > 1:
            yield ("parts", f"the number of reduce tasks: 1 or {len(parts)}",
                   parts)
        elif self._job.partitioner:
            yield "parts", "the partitioner", parts
        yield ("turned", "the order of the values of a key"
               + " for which --sort says nothing"
               * bool(self._job.sort_options), self._turned(ordered))
        if self._job.combiner:
            yield ("combined", "whether the combiner runs",
                   [self._pipeline.combine(ordered)])

    def _several_parts(self, ordered: str) -> list[str]:
        """Distribute lines to several files, if it can be to more than one."""
        if self._job.partitioner:
            # It may be written for one number only.
            return self._parts(ordered, self._job.num_reducers)
        for number in PARTITIONS:
            parts = self._parts(ordered, number)
            if sum(map(os.path.getsize, parts)) > max(
                    map(os.path.getsize, parts)):
                return parts
        return self._parts(ordered, PARTITIONS[0])

    def _result(self, name: str, ordered: Sequence[str]) -> str:
        """Return the path of the sorted result of some reduce tasks."""
        parts = [self._pipeline.reduce(path, f"{name}-{number}")
                 for number, path in enumerate(ordered)]
        return self._pipeline.sort(f"{name}-result", parts, [])

    def _parts(self, ordered: str, number: int) -> list[str]:
        """Distribute lines to so many files, as a map task does it."""
        paths = self._paths("part", number)
        if self._job.partitioner:
            self._pipeline.partition(ordered, paths)
            return paths
        partition = (
            FieldPartitioner(self._job, number).partition
            if needs_fields(self._job)
            else lambda block: loops.partition(block, number))
        with PartitionFiles(paths, partition) as partitions:
            partitions.add(read_blocks(ordered, BLOCK, keep_open=True))
        return paths

    def _turned(self, ordered: str) -> list[str]:
        """Reverse the lines of each key, or those that are equal for --sort.

        The keys keep their order.
        """
        [path] = self._paths("turned", 1)
        groups: dict[bytes, list[bytes]] = {}
        for line in _lines(ordered):
            groups.setdefault(self._key(line), []).append(line)
        with open(path, "wb") as file:
            file.writelines(line + b"\n" for group in groups.values()
                            for line in group[::-1])
        # The order of --sort is stable.
        return [self._pipeline.order(path, "turned-sorted")
                if self._job.sort_options else path]

    def _paths(self, name: str, number: int) -> list[str]:
        return [os.path.join(self._directory, f"{name}{part}")
                for part in range(number)]


def _difference(first: str, second: str) -> str:
    """Return the first lines that only one of two results has, for people."""
    missing, unknown = difference(first, second)
    if not missing and not unknown:
        return ""
    return "Only in one of two results: " + _few(
        map(shown, missing + unknown))


def _few(words: Iterable[str]) -> str:
    """Return the first words, separated by commas."""
    listed = list(words)
    return ", ".join(listed[:MAX_KEYS]) + ", …" * (len(listed) > MAX_KEYS)


def _lines(path: str) -> Iterator[bytes]:
    """Return the lines of a file, without their newlines."""
    for lines in split_lines(
            read_blocks(path, BLOCK, keep_open=True), MAX_LINES):
        yield from lines
