"""Merge sorted files into one sorted stream, by heapq.merge."""
from __future__ import annotations

import bisect
import heapq
import operator
from collections.abc import Iterator

from mapreduce.worker.inputs.files import read_blocks
from mapreduce.worker.shuffle.lines import (
    LINE_OVERHEAD,
    join_lines,
    split_lines,
)

INPUT_MEMORY = 96 * 2**10  # bytes of input in memory, of all files together …
MIN_SHARE = 2 * 2**10  # … and at least of each, to spare system calls
MERGED = 48 * 2**10  # bytes, at least, that are merged at a time

_first_line = operator.itemgetter(0)


def merge(paths: list[str]) -> Iterator[bytes]:
    """Merge sorted files into one stream, in blocks of whole lines.

    What goes through the heap are lists of lines, by their first lines: when
    one comes out, no line that is yet to come is less than its first. What
    was gathered up to there can be sorted, which costs little more than a
    merge where sorted lists follow each other (Timsort), and go out.

    Lines are compared without their newlines, as `sort` does, so that `a`
    comes before `a<TAB>1`, whose TAB is less than a newline.
    """
    share = max(INPUT_MEMORY // max(1, len(paths)), MIN_SHARE)
    max_lines = share // LINE_OVERHEAD
    # As much as stays each time, or more: the sort is of both.
    enough = max(MERGED, share * len(paths) // 2)
    gathered: list[bytes] = []
    size = 0
    reached = b""
    for lines in heapq.merge(
            *(split_lines(read_blocks(path, share), max_lines)
              for path in paths), key=_first_line):
        if size >= enough:
            gathered.sort()
            end = bisect.bisect_right(gathered, lines[0])
            # No more than a list of each input stays, unless one is not
            # sorted: then no order can be kept, but memory must be.
            if (lines[0] < reached
                    or len(gathered) - end > len(paths) * max_lines):
                end = len(gathered)
            yield _take(gathered, end)
            size, reached = 0, lines[0]
        gathered += lines
        # Only the first line of a list may be longer than a block.
        size += max(share, len(lines[0]))
    gathered.sort()
    yield join_lines(gathered)


def _take(lines: list[bytes], end: int) -> bytes:
    """Take the block of the first lines out of a list."""
    taken = lines[:end]
    del lines[:end]
    return join_lines(taken)
