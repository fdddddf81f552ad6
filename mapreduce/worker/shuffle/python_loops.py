"""The loops over all lines in Python: partition, Merge and count_newlines.

They are the reference for _native.c, which does the same several times as
fast. loops.py chooses between the two.
"""
from __future__ import annotations

import bisect
import functools
import heapq
import operator
from collections.abc import Iterable, Iterator, Sequence

from mapreduce.worker.shuffle.hash_partitioner import HashPartitioner
from mapreduce.worker.shuffle.lines import (
    LINE_OVERHEAD,
    join_lines,
    split_lines,
)

MAX_PARTITIONS = 2**20  # as in _native.c
LISTS = 96 * 2**10  # bytes of all lists of lines that wait for a merge …
MIN_LIST = 2 * 2**10  # … and at least of each, so that there are not too many

_partitioner = functools.lru_cache(maxsize=1)(HashPartitioner)
_first_line = operator.itemgetter(0)


def partition(block: bytes, n: int, /) -> list[bytes]:
    """Distribute the lines of a block to n partitions, by their keys' MD5.

    Return a list of n blocks. If the last line has no newline, it gets one.
    Lines of a partition come out in any order: they are sorted next. Raises
    ValueError if n is not from 1 to 2**20.
    """
    if not 1 <= n <= MAX_PARTITIONS:
        raise ValueError("n must be from 1 to 2**20")
    return _partitioner(n).partition(block)


def count_newlines(block: bytes, /) -> int:
    """Return the number of newlines in a block."""
    return block.count(b"\n")


class Merge(Iterator[bytes]):
    """Merge streams of sorted lines into one: an iterator of blocks."""

    def __init__(
        self, streams: Sequence[Iterable[bytes]], size: int, /
    ) -> None:
        """Take iterables of blocks of whole lines.

        A block that comes out has about size bytes. Lines compare without
        their newlines.
        """
        if size < 1:
            raise ValueError("size must be at least 1")
        self._blocks = _merge(streams, size)

    def __next__(self) -> bytes:
        """Return the next block."""
        return next(self._blocks)


def _merge(
    streams: Sequence[Iterable[bytes]], size: int
) -> Iterator[bytes]:
    """Merge streams by heapq.merge.

    The heap holds lists of lines, in the order of their first lines: when one
    is removed, no later line is less than its first line. So the lines up to
    there are sorted and yielded. Timsort sorts a sequence of sorted lists in
    little more time than a merge takes.
    """
    share = max(LISTS // max(1, len(streams)), MIN_LIST)
    max_lines = share // LINE_OVERHEAD
    # As much as stays each time, or more: the sort is of both.
    enough = max(size, share * len(streams) // 2)
    gathered: list[bytes] = []
    gathered_size = 0
    reached = b""
    for lines in heapq.merge(
            *(split_lines(stream, max_lines) for stream in streams),
            key=_first_line):
        if gathered_size >= enough:
            gathered.sort()
            end = bisect.bisect_right(gathered, lines[0])
            # No more than a list of each stream stays, unless one is not
            # sorted: then no order can be kept, but memory must be.
            if (lines[0] < reached
                    or len(gathered) - end > len(streams) * max_lines):
                end = len(gathered)
            if end:
                yield _take(gathered, end)
            gathered_size, reached = 0, lines[0]
        gathered += lines
        # Only the first line of a list may be longer than a block.
        gathered_size += max(share, len(lines[0]))
    gathered.sort()
    if gathered:
        yield join_lines(gathered)


def _take(lines: list[bytes], end: int) -> bytes:
    """Take the block of the first lines out of a list."""
    taken = lines[:end]
    del lines[:end]
    return join_lines(taken)
