"""Do a job again as map | sort | reduce, and compare the two results."""
from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Generator, Sequence

from mapreduce.client.errors import JobFailed
from mapreduce.display import text
from mapreduce.engines.pipeline import Pipeline
from mapreduce.protocol import layout
from mapreduce.protocol.extensions import ExtendedJobMessage
from mapreduce.protocol.layout import is_compressed
from mapreduce.system import outputs, scratch
from mapreduce.worker.errors import TaskError
from mapreduce.worker.inputs.decompression import read_compressed
from mapreduce.worker.processes.interruption import Interruption
from mapreduce.worker.processes.launcher import Launcher

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
            parts = [_plain(path, directory)
                     for path in outputs.list_parts(result)]
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


def _plain(part: str, directory: str) -> str:
    """Return the path of a part that is not compressed, of the same name."""
    if not is_compressed(part):
        return part
    path = os.path.join(directory, os.path.basename(part))
    with open(part, "rb") as file, open(path, "wb") as plain:
        plain.writelines(read_compressed(file, part))
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
