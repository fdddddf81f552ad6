"""Lines, from blocks of bytes to lists and back: never one at a time.

A line in a list is without its newline. To Python, a list of many short lines
is many times as large as their block: so lists are of a limited length.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

LINE_OVERHEAD = 48  # bytes that a line takes in a list, beside its own
MAX_LINES = 2048  # lines of a block that are in lists at a time


def whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Cut a stream of blocks anew, so that each block ends with a newline.

    A last line that lacks its newline gets it. The time is linear, also for
    lines that are much longer than a block.
    """
    begun: list[bytes] = []  # the parts of a line that has not ended
    for block in blocks:
        end = block.rfind(b"\n") + 1
        if end:
            begun.append(block[:end])
            block = block[end:]
            # No variable holds it, so it is freed before the next block.
            yield _take_block(begun)
        if block:
            begun.append(block)
    if begun:
        begun.append(b"\n")
        yield _take_block(begun)


def _take_block(parts: list[bytes]) -> bytes:
    """Join parts to a block, and free their memory."""
    block = b"".join(parts)
    parts.clear()
    return block


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
            del lines  # frees memory before the next block is read
    if begun:
        yield [b"".join(begun)]


def are_sorted(blocks: Iterable[bytes], check: Callable[[], object]) -> bool:
    """Return whether the lines of a stream are in the order of their bytes.

    `check` is called now and then, and may raise an exception.
    """
    last = b""
    for lines in split_lines(blocks, MAX_LINES):
        check()
        # To sort what is sorted takes no more than to compare neighbours.
        if lines[0] < last or lines != sorted(lines):
            return False
        last = lines[-1]
    return True


def join_lines(lines: list[bytes]) -> bytes:
    """Return the block of a list, each line with its newline.

    The list is changed.
    """
    lines.append(b"")
    return b"\n".join(lines)


class PartitionedLines:
    """A list for each partition; they hold lines while a block is partitioned.

    The lists stay the same, so that a partitioner can look them up.
    """

    def __init__(self, num_partitions: int) -> None:
        """Make the lists, empty."""
        self.lists: list[list[bytes]] = [[] for _ in range(num_partitions)]

    def partition(
        self, block: bytes, add: Callable[[list[bytes]], None]
    ) -> list[bytes]:
        """Return the lines of a block as one block for each partition.

        `add` adds each of some lines to one of the lists.
        """
        taken: list[list[bytes]] = []
        try:
            for lines in split_lines([block], MAX_LINES):
                add(lines)
                taken.append(self._take_blocks())
        except BaseException:
            # Another task may use these lists.
            self._take_blocks()
            raise
        if len(taken) == 1:
            return taken[0]
        return [b"".join(taken_block) for taken_block in zip(*taken)] or [
            b""] * len(self.lists)

    def _take_blocks(self) -> list[bytes]:
        """Return the block of each list, and empty the lists."""
        blocks = [join_lines(lines) if lines else b"" for lines in self.lists]
        for lines in self.lists:
            lines.clear()
        return blocks
