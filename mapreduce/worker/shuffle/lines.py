"""Lines, from blocks of bytes to lists and back: never one at a time.

A line in a list is without its newline. To Python, a list of many short lines
is many times as large as their block: so lists are of a limited length.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator

LINE_OVERHEAD = 48  # bytes that a line takes in a list, beside its own


def split_lines(
    blocks: Iterable[bytes], max_lines: int
) -> Iterator[list[bytes]]:
    """Split a stream that comes in blocks into lists of up to max_lines.

    The blocks may end anywhere; a last line may lack its newline. The time is
    linear, also for lines that are much longer than a block.
    """
    begun: list[bytes] = []  # the parts of a line that has not ended
    for block in blocks:
        while block:
            lines = block.split(b"\n", max_lines)
            block = lines.pop()
            if not lines:
                begun.append(block)
                break
            if begun:
                lines[0] = b"".join([*begun, lines[0]])
                begun = []
            yield lines
    if begun:
        yield [b"".join(begun)]


def join_lines(lines: list[bytes]) -> bytes:
    """Return the block of a list, each line with its newline.

    The list is changed.
    """
    lines.append(b"")
    return b"\n".join(lines)
