"""Lines in blocks of bytes, so that no work is done byte by byte.

A block consists of whole lines, each with its newline; a list holds lines
without theirs. To Python, a list of many short lines is many times as large as
their block: so it is made of a part of the block at a time.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator


def whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Cut a stream of blocks anew, so that each block ends with a line.

    A last line without a newline gets one. The time is linear, also for
    lines that are much longer than a block.
    """
    rest: list[bytes] = []
    for block in blocks:
        end = block.rfind(b"\n") + 1
        if end:
            whole = b"".join([*rest, block[:end]])
            rest = [block[end:]] if end < len(block) else []
            yield whole
        else:
            rest.append(block)
    if rest:
        yield b"".join([*rest, b"\n"])


def split_lines(block: bytes, max_lines: int) -> Iterator[list[bytes]]:
    """Split a block into lists of up to a number of lines.

    A last line without a newline is a list of its own.
    """
    while block:
        *lines, block = block.split(b"\n", max_lines)
        if not lines:
            lines, block = [block], b""
        yield lines


def join_lines(lines: list[bytes]) -> bytes:
    """Return the block of a list; the list is changed."""
    lines.append(b"")
    return b"\n".join(lines)
