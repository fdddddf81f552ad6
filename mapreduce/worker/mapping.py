"""The map stage of one task: map, partition, sort, move.

The output of the mapper is a stream of bytes; no text is decoded. It is never
in memory as a whole: blocks are read, their lines dealt out to partitions, and
a partition goes to its file whenever it has gathered enough.
"""
from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable

from mapreduce.utils import layout, scratch
from mapreduce.utils.messages import MapTaskMessage
from mapreduce.worker.input import open_input
from mapreduce.worker.launcher import Launcher
from mapreduce.worker.lines import split_lines, whole_lines
from mapreduce.worker.output import OutputDirectory
from mapreduce.worker.partitioning import Partitioner

MAX_LINES = 2048  # lines that are dealt out at a time
GATHERED = 128 * 2**10  # bytes that all partitions may gather together …
MIN_GATHERED = 2 * 2**10  # … but each at least this much, to spare writes


def run_map(
    task: MapTaskMessage, output: OutputDirectory, launcher: Launcher
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
        for input_path in task.input_paths:
            for block in _run_mapper(task, input_path, launcher):
                partitions.add(block)
        partitions.flush()
        for path in paths:
            _sort(path, launcher)
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
        self._gathered = [bytearray() for _ in paths]
        self._enough = max(MIN_GATHERED, GATHERED // len(paths))
        self._partitioner = Partitioner(len(paths))
        for path in paths:
            with open(path, "wb"):
                pass

    def add(self, block: bytes) -> None:
        """Deal out a block of whole lines."""
        if len(self._paths) == 1:
            self._gather(0, block)
            return
        for lines in split_lines(block, MAX_LINES):
            for partition, part in self._partitioner.deal_out(lines):
                self._gather(partition, part)

    def flush(self) -> None:
        """Write what is still in memory."""
        for partition in range(len(self._paths)):
            self._write(partition)

    def _gather(self, partition: int, block: bytes) -> None:
        gathered = self._gathered[partition]
        if len(gathered) + len(block) > self._enough:
            self._write(partition, block)
        else:
            gathered += block

    def _write(self, partition: int, block: bytes = b"") -> None:
        with open(self._paths[partition], "ab") as file:
            file.write(self._gathered[partition])
            file.write(block)
        self._gathered[partition].clear()


def _run_mapper(
    task: MapTaskMessage, input_path: str, launcher: Launcher
) -> Iterable[bytes]:
    """Run the mapper on one file; return its output in blocks of lines."""
    title = f"{task.executable} on the input {input_path!r}"
    with open_input(input_path) as file, launcher.running(
            [task.executable], title, stdin=file,
            stdout=subprocess.PIPE) as mapper:
        yield from whole_lines(mapper.read())


def _sort(path: str, launcher: Launcher) -> None:
    """Sort a file in place, by bytes; what spills over goes beside it."""
    env = {**os.environ, "LC_ALL": "C", "TMPDIR": os.path.dirname(path)}
    launcher.run(["sort", "-o", path, path], "sort", env)
