"""Read the lines of a range of a file, so that several mappers may share it.

A line belongs to the range in which its first byte lies: whatever the ranges
are, if each begins where the one before ends, each line is in one of them.
"""
from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

from mapreduce.worker.inputs.files import BLOCK


def read_range(
    file: BinaryIO, start: int, end: int | None, size: int = BLOCK
) -> Iterator[bytes]:
    """Read the lines that begin in [start, end) in blocks of up to a size.

    Lines end with a newline only; the last one of the file may lack it. An
    end of None is that of the file.
    """
    descriptor = file.fileno()
    position = _first_line(descriptor, start, end, size)
    last = b"\n"
    while end is None or position < end:
        wanted = size if end is None else min(size, end - position)
        block = os.pread(descriptor, wanted, position)
        if not block:
            return
        position += len(block)
        last = block[-1:]
        yield block
    if last != b"\n":
        yield from _rest_of_line(descriptor, position, size)


def _rest_of_line(
    descriptor: int, position: int, size: int
) -> Iterator[bytes]:
    """Read up to the next newline, or the end of the file."""
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
    """Return where the first line begins that begins in [start, end).

    Where none does, that is any place from the end on: a line of many ranges
    is not read to its own end by all of them.
    """
    if start == 0:
        return 0
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
