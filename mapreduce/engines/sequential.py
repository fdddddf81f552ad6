"""Do a job again as map | sort | reduce, and compare the two results.

Mappers run one after the other on whole files, in their order; there is one
sort and one reducer. No Manager, Worker, partition or merge is used.
"""
from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
from collections.abc import Generator, Sequence

from mapreduce.client.errors import JobFailed
from mapreduce.display import text
from mapreduce.protocol import layout
from mapreduce.protocol.extensions import ExtendedJobMessage
from mapreduce.protocol.fields import Split
from mapreduce.system import inputs, outputs, scratch
from mapreduce.worker.errors import TaskError
from mapreduce.worker.inputs.files import BLOCK, open_input, read_blocks
from mapreduce.worker.inputs.splits import find_bad, read_all, read_split
from mapreduce.worker.processes.executor import Executor
from mapreduce.worker.processes.interruption import Interruption
from mapreduce.worker.processes.launcher import Launcher
from mapreduce.worker.shuffle.key_fields import for_reducer, sort_arguments
from mapreduce.worker.shuffle.partition_files import JoinedFile

MAX_LINES = 5  # of each result that are shown where the two differ
MAX_SHOWN = 200  # bytes of such a line


def verify(job: ExtendedJobMessage, result: str) -> None:
    """Compare a result, a directory, with that of the plain pipeline.

    Raises JobFailed, with the first lines that differ, if they are not the
    same lines in some order, or if the pipeline fails.
    """
    with (Interruption() as interruption,
          scratch.directory(layout.OUTPUT_DIRECTORY_PREFIX) as directory):
        pipeline = Pipeline(job, Launcher(interruption), directory)
        try:
            expected = pipeline.run()
            parts = outputs.list_parts(result)
            seen = pipeline.sort("seen", parts, [])
            expected = pipeline.sort("expected", [expected], [])
        except TaskError as error:
            raise JobFailed(text.clean(
                f"the result can't be verified: {error}")) from error
        missing, unknown = difference(expected, seen)
    if missing or unknown:
        raise JobFailed(text.clean("\n".join([
            "the result is not that of map | sort | reduce, without "
            "combiner and partitioner; the first lines that differ:",
            *(f"  only in {_part_of(line, parts)}: {shown(line)}"
              for line in unknown),
            *(f"  only in map | sort | reduce: {shown(line)}"
              for line in missing)])))


class Pipeline:
    """The pipeline of a job, and the directory of its files.

    Its methods raise TaskError if a process fails.
    """

    def __init__(
        self, job: ExtendedJobMessage, launcher: Launcher, directory: str
    ) -> None:
        """Run the executables of a job by a launcher."""
        self._job = job
        self._launcher = launcher
        self._directory = directory
        self._executor = Executor(
            launcher, job.environment or {}, job.task_timeout)

    def run(self) -> str:
        """Return the path of the result, one file."""
        path = self.map(self._splits())
        if not self._job.num_reducers:
            return path
        ordered = self.order(path)
        os.unlink(path)
        return self.reduce(ordered, "reduced")

    def _splits(self) -> list[Split]:
        """Return all files of the input."""
        job = self._job
        splits = list(map(Split, inputs.list_inputs(
            job.input_paths, inputs.rules_of(job))))
        if job.skip_bad_inputs:
            bad = find_bad(splits, bool(job.decompress))
            splits = [split for split in splits if split.path not in bad]
        return splits

    def map(self, splits: Sequence[Split]) -> str:
        """Run the mapper on splits; return the path of its output."""
        job = self._job
        path = os.path.join(self._directory, "mapped")
        mapped = JoinedFile(path)
        if job.concatenate:
            with self._executor.running(
                    job.mapper_executable, job.mapper_executable,
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE) as mapper:
                mapped.add(mapper.read(
                    read_all(splits, bool(job.decompress))))
        else:
            for split in splits:
                self._map_file(split, mapped)
        if job.num_reducers:
            mapped.complete()
        return path

    def _map_file(self, split: Split, mapped: JoinedFile) -> None:
        job = self._job
        with open_input(split.path) as file:
            blocks = read_split(split, file, bool(job.decompress))
            with self._executor.running(
                    job.mapper_executable,
                    f"{job.mapper_executable} on the input {split.path!r}",
                    names={"mapreduce_map_input_file": split.path},
                    stdin=file if blocks is None else subprocess.PIPE,
                    stdout=subprocess.PIPE) as mapper:
                mapped.add(mapper.read(blocks))

    def order(self, path: str) -> str:
        """Sort map output in the order of the job; return the new path."""
        return self.sort("sorted", [path], sort_arguments(self._job))

    def sort(self, name: str, paths: Sequence[str], order: list[str]) -> str:
        """Sort the lines of files into a new one; return its path."""
        path = os.path.join(self._directory, name)
        self._launcher.run(
            ["sort", *order, "-o", path, "--", *(paths or [os.devnull])],
            "sort", {**os.environ, "LC_ALL": "C", "TMPDIR": self._directory})
        return path

    def reduce(self, ordered: str, name: str) -> str:
        """Run the reducer on sorted lines; return the path of its output."""
        path = os.path.join(self._directory, name)
        command = self._job.reducer_executable
        assert command is not None
        rewrite = for_reducer(self._job)
        with open(ordered, "rb") as file, open(path, "wb") as reduced:
            with self._executor.running(
                    command, command,
                    stdin=file if rewrite is None else subprocess.PIPE,
                    stdout=subprocess.PIPE) as reducer:
                reduced.writelines(reducer.read(rewrite and rewrite(
                    read_blocks(ordered, BLOCK, keep_open=True))))
        return path


def _lines(path: str) -> Generator[bytes, None, None]:
    with open(path, "rb") as file:
        yield from file


def difference(first: str, second: str) -> tuple[list[bytes], list[bytes]]:
    """Return the first lines that only one of two sorted files has."""
    only_first: list[bytes] = []
    only_second: list[bytes] = []
    with (contextlib.closing(_lines(first)) as left,
          contextlib.closing(_lines(second)) as right):
        one, two = next(left, None), next(right, None)
        while (one, two) != (None, None) and max(
                len(only_first), len(only_second)) < MAX_LINES:
            # sort compares lines without their newlines.
            if two is None or one is not None and one[:-1] < two[:-1]:
                only_first.append(one or b"")
                one = next(left, None)
            elif one is None or two[:-1] < one[:-1]:
                only_second.append(two)
                two = next(right, None)
            else:
                one, two = next(left, None), next(right, None)
    return only_first, only_second


def _part_of(line: bytes, parts: Sequence[str]) -> str:
    """Return the names of the parts that hold a line."""
    names = [os.path.basename(path) for path in parts
             if any(line.rstrip(b"\n") == other.rstrip(b"\n")
                    for other in _lines(path))]
    listed = ", ".join(itertools.islice(names, MAX_LINES))
    return listed + ", …" * (len(names) > MAX_LINES)


def shown(line: bytes) -> str:
    """Return a line, or its beginning, for people."""
    return repr(line[:MAX_SHOWN].rstrip(b"\n"))[1:] + "…" * (
        len(line) > MAX_SHOWN)
