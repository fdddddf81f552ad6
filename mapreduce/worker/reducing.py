"""The reduce stage of one task: merge, reduce, move.

The inputs are sorted; their merge streams into the reducer and is never in
memory, nor in a file, as a whole.
"""
from __future__ import annotations

import heapq
import io
import operator
import os
import subprocess
from collections.abc import Iterable, Iterator

from mapreduce.utils import layout, scratch
from mapreduce.utils.messages import ReduceTaskMessage
from mapreduce.worker.input import open_input
from mapreduce.worker.launcher import Launcher
from mapreduce.worker.output import OutputDirectory
from mapreduce.worker.process import TaskError

INPUT_MEMORY = 256 * 2**10  # bytes of input in memory, of all files together …
MIN_BLOCK, MAX_BLOCK = 3 * 2**10, 64 * 2**10  # … within these of each one
OUTPUT_BLOCK = 8 * 2**10  # bytes written to the reducer at a time

_strip_newline = operator.methodcaller("rstrip", b"\n")


def run_reduce(
    task: ReduceTaskMessage, output: OutputDirectory, launcher: Launcher
) -> None:
    """Do a reduce task: its file is in the output directory at the end.

    Raises TaskError or OSError if it can't be done, TaskInterrupted if it
    was interrupted.
    """
    with scratch.directory(
            layout.local_directory_prefix(task.task_id)) as directory:
        path = os.path.join(directory, layout.reduce_output(task.task_id))
        with open(path, "wb") as part, launcher.running(
                [task.executable], task.executable,
                stdin=subprocess.PIPE, stdout=part) as reducer:
            reducer.write(join_lines(merge(task.input_paths)))
        output.commit(path)


def merge(paths: list[str]) -> Iterator[bytes]:
    """Merge sorted files into one stream of lines without their newlines.

    Without: `sort` compares lines like that, so `a` comes before `a<TAB>1`,
    whose TAB is less than a newline.
    """
    share = INPUT_MEMORY // max(1, len(paths))
    block_size = min(max(share, MIN_BLOCK), MAX_BLOCK)
    return heapq.merge(*(read_lines(path, block_size) for path in paths))


def read_lines(path: str, block_size: int) -> Iterator[bytes]:
    """Read the lines of a file, without their newlines, block by block.

    The file is open only while a block is read: a merge may have more inputs
    than a process may have open files. Raises TaskError if it can't be read,
    or if another file gets its name meanwhile, as from a Worker that was
    thought dead: two halves do not make a whole.
    """
    offset = 0
    identity = None
    while True:
        with open_input(path) as file:
            status = os.fstat(file.fileno())
            if identity not in (None, (status.st_dev, status.st_ino)):
                raise TaskError(f"{path!r} was replaced while it was read")
            identity = status.st_dev, status.st_ino
            file.seek(offset)
            block = file.read(block_size)
            end = block.rfind(b"\n") + 1
            last_line = block[end:] + file.readline()
        if not block:
            return
        offset += end + len(last_line)
        # Nothing here may hold a line longer than the merge does.
        block = block[:end]
        yield from map(_strip_newline, io.BytesIO(block))
        del block
        if last_line:
            last_line = _strip_newline(last_line)
            yield last_line


def join_lines(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Put lines together to blocks of some OUTPUT_BLOCK bytes."""
    block: list[bytes] = []
    size = 0
    for line in lines:
        block.append(line)
        size += len(line) + 1
        if size >= OUTPUT_BLOCK:
            block.append(b"")
            whole = b"\n".join(block)
            block, size = [], 0
            yield whole
    if block:
        block.append(b"")
        yield b"\n".join(block)
