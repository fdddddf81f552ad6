"""Files in which the output of several processes gathers, block by block."""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from mapreduce.worker.shuffle.lines import (
    LINE_OVERHEAD,
    join_lines,
    split_lines,
)

MAX_LINES = 2048  # lines that are dealt out at a time
GATHERED = 160 * 2**10  # bytes of memory that gathered lines may take


class Partitioner(Protocol):
    """Deals out lines to partitions."""

    parts: list[list[bytes]]

    def partition(self, lines: list[bytes]) -> None:
        """Add each line to the list of its partition in parts."""


class PartitionFiles:
    """Files to which lines are dealt out.

    They are opened to append only, and not kept open: there may be more than
    a process can have open.
    """

    def __init__(self, paths: list[str], dealer: Partitioner) -> None:
        """Make the files, empty; the paths are in the order of partitions."""
        self._paths = paths
        self._dealer = dealer
        self._size = 0
        for path in paths:
            with open(path, "wb"):
                pass

    def add(self, blocks: Iterable[bytes]) -> None:
        """Deal out the lines of a stream, which comes in blocks.

        If its last line has no newline, it gets one.
        """
        for lines in split_lines(self._weighed(blocks), MAX_LINES):
            self._size += LINE_OVERHEAD * len(lines)
            self._dealer.partition(lines)
            if self._size >= GATHERED:
                self.flush()

    def flush(self) -> None:
        """Write what is still in memory."""
        for path, part in zip(self._paths, self._dealer.parts):
            if part:
                with open(path, "ab") as file:
                    file.write(join_lines(part))
                part.clear()
        self._size = 0

    def _weighed(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        for block in blocks:
            self._size += len(block)
            yield block


class JoinedFile:
    """A file in which streams follow each other.

    Their bytes stay what they are, but a line that lacks its newline gets it
    before the next stream.
    """

    def __init__(self, path: str) -> None:
        """Make the file, empty."""
        self._path = path
        self._end = b"\n"
        with open(path, "wb"):
            pass

    def add(self, blocks: Iterable[bytes]) -> None:
        """Append a stream, which comes in blocks."""
        with open(self._path, "ab") as file:
            missing = self._end != b"\n"
            for block in blocks:
                if missing:
                    file.write(b"\n")
                    missing = False
                file.write(block)
                self._end = block[-1:]

    def complete(self) -> None:
        """Give the last line a newline, if it lacks it."""
        if self._end != b"\n":
            self._end = b"\n"
            self.add([b"\n"])
