"""Read parts of what a process of a task reads, by the numbers of its lines.

The lines are never in memory. Those of an ordinary file stay there. Those of
other inputs, which come only once, are written to a file: compressed files,
several files for one mapper, merged map output.
"""
from __future__ import annotations

import array
import bisect
import codecs
import os
from collections.abc import (
    Callable,
    Generator,
    Iterable,
    Iterator,
    Sequence,
)
from typing import NamedTuple

from mapreduce.protocol.fields import Split
from mapreduce.protocol.layout import is_compressed
from mapreduce.worker.errors import BadInput
from mapreduce.worker.inputs.files import BLOCK, open_input, reading
from mapreduce.worker.inputs.ranges import bounds
from mapreduce.worker.inputs.splits import read_all
from mapreduce.worker.shuffle.loops import count_newlines

Check = Callable[[], object]  # called for each block; may raise an exception

# Of the name of a record, which must not be longer than MAX_NAME:
SHOWN = 60  # bytes of the record, …
SHOWN_TEXT = 80  # … and characters, where bytes need several
SHOWN_PATH = 100  # characters of its file


class Origin(NamedTuple):
    """Where the bytes from a position on come from."""

    position: int
    name: str  # e.g., 'input/a'
    offset: int  # of these bytes there


class Records:
    """The lines of a part of a file, with numbers from 0."""

    def __init__(
        self, path: str, part: tuple[int, int | None],
        origins: Sequence[Origin], check: Check,
    ) -> None:
        """Count the lines between two positions; None is the end."""
        self._path = path
        self._origins = origins
        self._start, end = part
        # For each block, the number of newlines before it.
        self._newlines = array.array("Q", [0])
        self._end = self._start
        last = b"\n"
        for block in self._blocks(self._start, end):
            check()
            self._newlines.append(self._newlines[-1] + count_newlines(block))
            self._end += len(block)
            last = block[-1:]
        self.number = self._newlines[-1] + (last != b"\n")

    def read(
        self, ranges: Iterable[range]
    ) -> Generator[bytes, None, None]:
        """Iterate over the blocks of records, given by their numbers."""
        for part in ranges:
            yield from self._blocks(
                self._position(part.start), self._position(part.stop))

    def name(self, record: int) -> str:
        """Return, e.g., 'input/a' at byte 120: 'the record'.

        A long path or record is cut off.
        """
        position = self._position(record)
        end = min(self._position(record + 1), position + SHOWN + 1)
        origin = self._origins[bisect.bisect(
            [origin.position for origin in self._origins], position) - 1]
        offset = position - origin.position + origin.offset
        shown = _shown(b"".join(self._blocks(position, end)))
        return f"{origin.name} at byte {offset}: {shown}"

    def _position(self, record: int) -> int:
        """Return where a record begins; behind the last one, the end."""
        if record >= self.number:
            return self._end
        # The block that holds the newline before the record.
        block = bisect.bisect_left(self._newlines, record) - 1
        if block < 0:
            return self._start
        start = self._start + block * BLOCK
        data = b"".join(self._blocks(start, start + BLOCK))
        found = -1
        for _ in range(record - self._newlines[block]):
            found = data.find(b"\n", found + 1)
            if found < 0:
                raise BadInput(f"{self._path!r} has changed meanwhile")
        return start + found + 1

    def _blocks(self, start: int, end: int | None) -> Iterator[bytes]:
        """Iterate over blocks of BLOCK bytes; the last one may be shorter."""
        with open_input(self._path) as file, reading(self._path):
            while end is None or start < end:
                size = BLOCK if end is None else min(BLOCK, end - start)
                block = os.pread(file.fileno(), size, start)
                if not block:
                    return
                start += len(block)
                yield block


def of_splits(
    splits: Sequence[Split], decompress: bool, spool: str, check: Check
) -> Records:
    """Return the records of splits that one mapper reads.

    If need be, they are written to the file `spool`.
    """
    def is_raw(split: Split) -> bool:
        return not (decompress and is_compressed(split.path))

    names = [repr(split.path[-SHOWN_PATH:]) for split in splits]
    parts = [_part(split) if is_raw(split) else (0, None) for split in splits]
    if len(splits) == 1 and is_raw(splits[0]):
        return Records(
            splits[0].path, parts[0], [Origin(0, names[0], 0)], check)
    starts: list[int] = []
    last = b"\n"
    with open(spool, "wb") as file:
        def noted() -> Iterator[Split]:
            for split in splits:
                # read_all adds a newline if one is missing.
                starts.append(file.tell() + (last != b"\n"))
                yield split

        for block in read_all(noted(), decompress):
            check()
            file.write(block)
            last = block[-1:]
    return Records(spool, (0, None), [
        Origin(start, name, offset) for start, name, (offset, _)
        in zip(starts, names, parts)], check)


def _part(split: Split) -> tuple[int, int | None]:
    with open_input(split.path) as file, reading(split.path):
        return bounds(file, split.start, split.end)


def of_blocks(
    blocks: Iterable[bytes], name: str, spool: str, check: Check
) -> Records:
    """Return the records of blocks, which are written to the file `spool`."""
    with open(spool, "wb") as file:
        for block in blocks:
            check()
            file.write(block)
    return Records(spool, (0, None), [Origin(0, name, 0)], check)


def _shown(record: bytes) -> str:
    """Return a record, or its beginning, as text in quotes."""
    start = record.removesuffix(b"\n")[:SHOWN]
    try:
        # A character may be cut off at the end.
        text = repr(codecs.getincrementaldecoder("utf-8")().decode(start))
    except UnicodeDecodeError:
        text = repr(start)[1:]
    is_cut = len(record) > SHOWN or len(text) > SHOWN_TEXT
    return text[:SHOWN_TEXT] + "…" * is_cut
