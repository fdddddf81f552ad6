"""Read the lines of a range of a file, so that several mappers can share it.

A line belongs to the range that contains its first byte. So if each range
begins where the previous one ends, each line belongs to exactly one of them.
"""
from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

from mapreduce.worker.inputs.files import BLOCK


def read_range(
    file: BinaryIO, start: int, end: int | None, size: int = BLOCK
) -> Iterator[bytes]:
    """Iterate over blocks with the lines that begin in [start, end).

    A block has at most `size` bytes. Only a newline ends a line; the last line
    of the file may have none. An end of None is the end of the file.
    """
    descriptor = file.fileno()
    position = _first_line(descriptor, start, end, size)
    last = b"\n"
    while end is None or position < end:
        length = size if end is None else min(size, end - position)
        block = os.pread(descriptor, length, position)
        if not block:
            return
        position += len(block)
        last = block[-1:]
        yield block
    # The last line of the range may end in the next one.
    if last != b"\n":
        yield from _rest_of_line(descriptor, position, size)


def bounds(
    file: BinaryIO, start: int, end: int | None
) -> tuple[int, int | None]:
    """Return where the lines begin and end that read_range gives.

    Both are positions in the file; None is its end.
    """
    descriptor = file.fileno()
    first = _first_line(descriptor, start, end, BLOCK)
    if end is None:
        return first, None
    # The line that follows the range ends it.
    return first, max(first, _first_line(descriptor, end, None, BLOCK))


def _rest_of_line(
    descriptor: int, position: int, size: int
) -> Iterator[bytes]:
    """Iterate over blocks up to the next newline or the end of the file."""
    newline = b""
    while not newline:
        block = os.pread(descriptor, size, position)
        if not block:
            return
        position += len(block)
        line, newline, _ = block.partition(b"\n")
        yield line + newline


def _first_line(
    descriptor: int, start: int, end: int | None, size: int
) -> int:
    """Return the position of the first line that begins in [start, end).

    If there is none, return a position that is not below the end.
    """
    if start == 0:
        return 0
    # One byte before: if it is a newline, a line begins exactly at the start.
    # The search ends at `end`, so that of many ranges within one huge line not
    # each reads to the end of that line.
    position = start - 1
    while end is None or position < end:
        block = os.pread(descriptor, size, position)
        newline = block.find(b"\n")
        if newline >= 0:
            return position + newline + 1
        if not block:
            break
        position += len(block)
    return position
