"""A partitioner of the user: a command that prints where each line goes.

As in madoop: it gets the number of partitions as its last argument, reads the
lines, and prints the number of a partition for each.
"""
from __future__ import annotations

import contextlib
import itertools
import subprocess
from collections.abc import Iterable, Iterator

from mapreduce.worker.errors import TaskError
from mapreduce.worker.inputs.files import open_input, read_blocks
from mapreduce.worker.processes.executor import Executor
from mapreduce.worker.processes.process import BLOCK
from mapreduce.worker.shuffle.lines import (
    MAX_LINES,
    PartitionedLines,
    split_lines,
)
from mapreduce.worker.shuffle.partition_files import PartitionFiles

MAX_SHOWN = 200  # bytes of a line in an error message
MAX_DIGITS = 20  # of a number
MAX_NUMBER = 4 * 2**10  # bytes of what stands for a number


def run_partitioner(
    partitioner: str, path: str, paths: list[str], executor: Executor
) -> None:
    """Distribute the lines of a file to the files of the partitions.

    The command reads the file itself, at its own pace.
    """
    title = f"{partitioner} as the partitioner"
    with open_input(path) as file, executor.running(
            partitioner, title, arguments=[str(len(paths))], stdin=file,
            stdout=subprocess.PIPE) as process:
        printed = CommandPartitioner(len(paths), process.read(), title)
        try:
            with (
                PartitionFiles(paths, printed.partition) as partitions,
                contextlib.closing(read_blocks(
                    path, BLOCK, keep_open=True)) as blocks,
            ):
                partitions.add(blocks)
            printed.expect_end()
        except MissingPartition:
            process.finish()  # The command's own failure explains more.
            raise


class MissingPartition(TaskError):
    """A partitioner has ended before it printed all that it must."""


class CommandPartitioner:
    """Distributes lines to the partitions whose numbers a process prints."""

    def __init__(
        self, num_partitions: int, blocks: Iterable[bytes], title: str
    ) -> None:
        """Expect a number for each line in a stream that comes in blocks.

        The title names the process in error messages.
        """
        self._parts = PartitionedLines(num_partitions)
        self._title = title
        self._blocks = blocks
        self._numbers = itertools.chain.from_iterable(
            split_lines(self._short_lines(), MAX_LINES))
        # Numbers in their usual form are looked up; others are parsed.
        self._known = {b"%d" % number: part
                       for number, part in enumerate(self._parts.lists)}

    def partition(self, block: bytes) -> list[bytes]:
        """Return the lines of a block as one block for each partition.

        Raises TaskError at the first line that has no partition.
        """
        return self._parts.partition(block, self._assign)

    def _assign(self, lines: list[bytes]) -> None:
        """Add each line to the list of its partition."""
        numbers = itertools.islice(self._numbers, len(lines))
        assigned = 0
        for number, line in zip(numbers, lines):
            part = self._known.get(number)
            if part is None:
                part = self._part(number, line)
            part.append(line)
            assigned += 1
        if assigned < len(lines):
            raise MissingPartition(
                f"{self._title} printed no number for the line "
                f"{_show(lines[assigned])}")

    def expect_end(self) -> None:
        """Raise TaskError if there are more numbers than lines."""
        for number in self._numbers:
            raise TaskError(
                f"{self._title} printed {_show(number)} after the numbers for "
                "all lines")

    def _short_lines(self) -> Iterator[bytes]:
        """Iterate over the blocks, until a line is too long for a number.

        That line is ended there.
        """
        size = 0
        for block in self._blocks:
            yield block
            size = len(block) - block.rfind(b"\n") - 1 + (
                0 if b"\n" in block else size)
            if size > MAX_NUMBER:
                yield b"\n"
                return

    def _part(self, text: bytes, line: bytes) -> list[bytes]:
        """Return the list for what was printed for a line."""
        digits = text.strip().removeprefix(b"+")
        number = int(digits) if (
            digits.isdigit() and len(digits) <= MAX_DIGITS) else -1
        lists = self._parts.lists
        if not 0 <= number < len(lists):
            raise TaskError(
                f"{self._title} printed {_show(text)}, which is no number "
                f"from 0 to {len(lists) - 1}, for the line {_show(line)}")
        return lists[number]


def _show(line: bytes) -> str:
    """Return a line for an error message: its beginning, if it is long."""
    text = line[:MAX_SHOWN].decode("utf-8", "backslashreplace")
    return f"'{text}'" + ("…" if len(line) > MAX_SHOWN else "")
