"""The map stage of one task: map, partition, sort, move.

The output of the mapper is a stream of bytes; no text is decoded. It is never
in memory as a whole: blocks are read, their lines dealt out to partitions, and
written whenever enough have gathered.
"""
from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterable, Iterator

from mapreduce.utils import layout, scratch
from mapreduce.utils.extensions import ExtendedMapTaskMessage
from mapreduce.worker.executor import Executor
from mapreduce.worker.input import open_input
from mapreduce.worker.launcher import Launcher
from mapreduce.worker.lines import LINE_OVERHEAD, join_lines, split_lines
from mapreduce.worker.output import OutputDirectory
from mapreduce.worker.partitioning import Partitioner
from mapreduce.worker.process import Process

MAX_LINES = 2048  # lines that are dealt out at a time
GATHERED = 160 * 2**10  # bytes of memory that gathered lines may take
SORT_MEMORY = "64M"  # that one sort may take, …
SMALL = 4 * 2**20  # … if its file has more than so many bytes


def run_map(
    task: ExtendedMapTaskMessage, output: OutputDirectory, executor: Executor
) -> None:
    """Do a map task: all its files are in the output directory at the end.

    Raises TaskError or OSError if it can't be done, TaskInterrupted if it
    was interrupted.
    """
    with scratch.directory(
            layout.local_directory_prefix(task.task_id)) as directory:
        paths = [
            os.path.join(directory, layout.map_output(task.task_id, partition))
            for partition in range(task.num_partitions)
        ]
        partitions = PartitionFiles(paths)
        for split in task.splits:
            with _mapper(task, split.path, executor) as mapper:
                partitions.add(mapper.read())
        partitions.flush()
        for path in paths:
            _sort(path, executor.launcher)
        for path in paths:
            output.commit(path)


class PartitionFiles:
    """Files to which lines are dealt out by the hash of their keys.

    They are opened to append only, and not kept open: there may be more than
    a process can have open.
    """

    def __init__(self, paths: list[str]) -> None:
        """Make the files, empty; the paths are in the order of partitions."""
        self._paths = paths
        self._partitioner = Partitioner(len(paths))
        self._size = 0
        for path in paths:
            with open(path, "wb"):
                pass

    def add(self, blocks: Iterable[bytes]) -> None:
        """Deal out the lines of a stream, which comes in blocks.

        If its last line has no newline, it gets one.
        """
        if len(self._paths) == 1:
            self._append(blocks)
            return
        for lines in split_lines(self._weighed(blocks), MAX_LINES):
            self._size += LINE_OVERHEAD * len(lines)
            self._partitioner.deal_out(lines)
            if self._size >= GATHERED:
                self.flush()

    def flush(self) -> None:
        """Write what is still in memory."""
        for path, part in zip(self._paths, self._partitioner.parts):
            if part:
                with open(path, "ab") as file:
                    file.write(join_lines(part))
                part.clear()
        self._size = 0

    def _weighed(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        for block in blocks:
            self._size += len(block)
            yield block

    def _append(self, blocks: Iterable[bytes]) -> None:
        """Write a stream to the one file that there is."""
        end = b"\n"
        with open(self._paths[0], "ab") as file:
            for block in blocks:
                file.write(block)
                end = block[-1:]
            if end != b"\n":
                file.write(b"\n")


@contextlib.contextmanager
def _mapper(
    task: ExtendedMapTaskMessage, input_path: str, executor: Executor
) -> Iterator[Process]:
    """Run the mapper on one file until the end of the block."""
    title = f"{task.executable} on the input {input_path!r}"
    with open_input(input_path) as file, executor.running(
            task.executable, title, stdin=file,
            stdout=subprocess.PIPE) as mapper:
        yield mapper


def _sort(path: str, launcher: Launcher) -> None:
    """Sort a file in place, by bytes; what spills over goes beside it.

    Left to itself, `sort` would take memory without bound for a large file.
    """
    env = {**os.environ, "LC_ALL": "C", "TMPDIR": os.path.dirname(path)}
    limit = ["-S", SORT_MEMORY] if os.path.getsize(path) > SMALL else []
    launcher.run(["sort", *limit, "-o", path, path], "sort", env)
