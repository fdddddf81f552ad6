"""Count the records of a task: the lines that go in and out.

They are counters of the job, beside those of its executables. They are
counted on blocks, because counting line by line would be slow.
"""
from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from mapreduce.protocol import layout
from mapreduce.worker.inputs.files import BLOCK
from mapreduce.worker.processes.executor import Executor
from mapreduce.worker.shuffle.loops import count_newlines


def counted(
    blocks: Iterable[bytes], executor: Executor, *names: str
) -> Iterator[bytes]:
    """Iterate over blocks; count their lines and, for two names, their bytes.

    The names are those of counters. A last line without a newline counts. If
    the iteration ends early, what was read until then is counted.
    """
    if not executor.counts:
        yield from blocks
        return
    records = size = 0
    ends_line = True
    try:
        for block in blocks:
            records += count_newlines(block)
            size += len(block)
            ends_line = block.endswith(b"\n")
            yield block
            # Two long blocks would take twice the memory.
            del block
    finally:
        amounts = records + (not ends_line), size
        for name, amount in zip(names, amounts):
            executor.count(layout.RECORDS, name, amount)


def count_none(executor: Executor, *names: str) -> None:
    """Begin counters with 0: a task may have no file, and run nothing."""
    for name in names:
        executor.count(layout.RECORDS, name, 0)


def count_file(path: str, executor: Executor, *names: str) -> None:
    """Count the lines, and the bytes, of a file that a process has read."""
    if not executor.counts:
        return
    # It was read already, so it is most likely still in memory. If it is gone
    # by now, the task is done all the same.
    with contextlib.suppress(OSError, ValueError), open(path, "rb") as file:
        blocks = iter(lambda: file.read(BLOCK), b"")
        for _ in counted(blocks, executor, *names):
            pass
