"""Sort, merge and cut lines, in little memory, whatever the size of the files.

Lines compare as bytes with their newlines: other Masters merge sorted files in
that order. Long loops call `check`, which raises an exception to end them.
"""
from __future__ import annotations

import heapq
import itertools
import os
from collections.abc import Callable, Iterator

from mapreduce.worker.inputs.files import BLOCK, read_blocks
from mapreduce.worker.shuffle.lines import (
    LINE_OVERHEAD,
    PartitionedLines,
    split_lines,
)
from mapreduce.worker.shuffle.partition_files import PartitionFiles

MEMORY = 2 * 2**20  # bytes that lines take while they are sorted or merged
MIN_SHARE = 2**10  # bytes, at least, to read of a file at a time
LINES = 1024  # lines written at a time

Check = Callable[[], None]


class KeyPartitioner:
    """Distributes lines: those of each key to the next partition in turn.

    The lines must be sorted.
    """

    def __init__(self, num_partitions: int) -> None:
        """Begin before the first key."""
        self._parts = PartitionedLines(num_partitions)
        self._turns = itertools.cycle(self._parts.lists)
        self._part: list[bytes] = []
        self._key: bytes | None = None

    def partition(self, block: bytes) -> list[bytes]:
        """Return the lines of a block as one block for each partition."""
        return self._parts.partition(block, self._assign)

    def _assign(self, lines: list[bytes]) -> None:
        for line in lines:
            key = line.partition(b"\t")[0]
            if key != self._key:
                self._key, self._part = key, next(self._turns)
            self._part.append(line)


def sort_files(paths: list[str], target: str, check: Check) -> None:
    """Sort the lines of files into one; temporary files are beside it."""
    runs: list[str] = []
    for lines in _loads(paths, check):
        runs.append(f"{target}-run-{len(runs)}")
        with open(runs[-1], "wb") as run:
            lines.sort()
            run.writelines(lines)
        lines.clear()  # frees memory before the next load
    with open(target, "wb") as file:
        file.writelines(_merge(runs, check))
    for path in runs:
        os.unlink(path)


def cut_files(paths: list[str], targets: list[str], check: Check) -> None:
    """Merge sorted files; each distinct key goes to the next target."""
    partitioner = KeyPartitioner(len(targets))
    with PartitionFiles(targets, partitioner.partition) as files:
        files.add(_merge(paths, check))


def _loads(paths: list[str], check: Check) -> Iterator[list[bytes]]:
    """Iterate over lists of lines, each as large as memory allows."""
    load: list[bytes] = []
    size = 0
    for path in paths:
        for lines in _read_lines(path, BLOCK):
            check()
            load += lines
            size += LINE_OVERHEAD * len(lines) + sum(map(len, lines))
            if size >= MEMORY:
                yield load
                load, size = [], 0
    yield load


def _merge(paths: list[str], check: Check) -> Iterator[bytes]:
    """Merge sorted files into blocks of lines."""
    share = min(max(MEMORY // 2 // max(1, len(paths)), MIN_SHARE), BLOCK)
    lines = heapq.merge(*(
        itertools.chain.from_iterable(_read_lines(path, share))
        for path in paths))
    while block := b"".join(itertools.islice(lines, LINES)):
        check()
        yield block


def _read_lines(path: str, share: int) -> Iterator[list[bytes]]:
    """Read a file in lists of lines; the last one may lack its newline."""
    for lines in split_lines(
            read_blocks(path, share), share // LINE_OVERHEAD):
        yield [line + b"\n" for line in lines]
