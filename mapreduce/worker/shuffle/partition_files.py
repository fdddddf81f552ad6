"""Files in which the output of several processes gathers, block by block."""
from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterable
from types import TracebackType

from mapreduce.worker.inputs.files import max_kept_open
from mapreduce.worker.shuffle.lines import whole_lines

GATHERED = 160 * 2**10  # bytes of memory that gathered blocks may take …
MANY = 64  # partitions …
OF_EACH = 4 * 2**10  # … above this number, each adds so much to the limit
BLOCK_OVERHEAD = 48  # bytes of a block, beside its own


class PartitionFiles:
    """The files of all partitions, and the blocks that gather for them.

    As many as the limit of open files allows stay open; the others are opened
    each time to append to them. It is a context manager: at the end of the
    block, all has been written, unless there was an error.
    """

    def __init__(
        self, paths: list[str], partition: Callable[[bytes], list[bytes]]
    ) -> None:
        """Make the files, empty; the paths are in the order of partitions.

        `partition` returns the lines of a block as a block for each of them.
        """
        self._paths = paths
        self._partition = partition
        self._gathered: list[list[bytes]] = [[] for _ in paths]
        self._size = 0
        self._max_size = GATHERED + OF_EACH * max(0, len(paths) - MANY)
        self._open: list[io.FileIO] = []
        self._stack = contextlib.ExitStack()
        with contextlib.ExitStack() as stack:
            max_open = max_kept_open(len(paths))
            for number, path in enumerate(paths):
                file = stack.enter_context(open(path, "wb", buffering=0))
                if number < max_open:
                    self._open.append(file)
                else:
                    file.close()
            self._stack = stack.pop_all()

    def __enter__(self) -> PartitionFiles:
        """Return this."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Write what is still in memory, unless there was an error; close."""
        with self._stack:
            if error is None:
                self._flush()

    def add(self, blocks: Iterable[bytes]) -> None:
        """Distribute the lines of a stream, which comes in blocks.

        If its last line has no newline, it gets one.
        """
        for block in whole_lines(blocks):
            self._size += len(block) + BLOCK_OVERHEAD * len(self._paths)
            for gathered, part in zip(self._gathered, self._partition(block)):
                if part:
                    gathered.append(part)
            if self._size >= self._max_size:
                self._flush()

    def _flush(self) -> None:
        for number, gathered in enumerate(self._gathered):
            if not gathered:
                continue
            block = b"".join(gathered)
            gathered.clear()
            if number < len(self._open):
                _write(self._open[number], block)
            else:
                with open(self._paths[number], "ab", buffering=0) as file:
                    _write(file, block)
        self._size = 0


def _write(file: io.FileIO, block: bytes) -> None:
    """Write all of a block; one call may write a part, on a full disk."""
    rest = memoryview(block)
    while rest:
        rest = rest[file.write(rest):]


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
