"""The map stage of one task: map, partition, sort, move.

The output of the mapper is a stream of bytes; no text is decoded. It is never
in memory as a whole: blocks are read, their lines dealt out to partitions, and
a partition goes to its file whenever it has gathered enough.
"""
from __future__ import annotations

import collections
import hashlib
import os
import subprocess
from collections.abc import Iterable, Iterator

from mapreduce.utils import layout, scratch
from mapreduce.utils.messages import MapTaskMessage
from mapreduce.worker.input import open_input
from mapreduce.worker.launcher import Launcher
from mapreduce.worker.output import OutputDirectory

GATHERED = 256 * 2**10  # bytes that all partitions may gather together …
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
        self._gathered: dict[int, bytearray] = collections.defaultdict(
            bytearray)
        self._enough = max(MIN_GATHERED, GATHERED // len(paths))
        for path in paths:
            with open(path, "wb"):
                pass

    def add(self, block: bytes) -> None:
        """Deal out a block of whole lines."""
        for partition, lines in partition_lines(block, len(self._paths)):
            if len(self._gathered[partition]) + len(lines) > self._enough:
                self._write(partition, lines)
            else:
                self._gathered[partition] += lines

    def flush(self) -> None:
        """Write what is still in memory."""
        for partition in list(self._gathered):
            self._write(partition)

    def _write(self, partition: int, lines: bytes = b"") -> None:
        with open(self._paths[partition], "ab") as file:
            file.write(self._gathered.pop(partition))
            file.write(lines)


def partition_lines(
    block: bytes, num_partitions: int
) -> Iterator[tuple[int, bytes]]:
    """Deal out the lines of a block: pairs of a partition and its lines.

    The partition of a line is the MD5 of its key modulo the number of
    partitions, as the specification says; the key is what stands before the
    first TAB, or all of the line. The block and the parts end with a newline.
    """
    if num_partitions == 1:
        yield 0, block
        return
    parts: dict[int, list[bytes]] = collections.defaultdict(list)
    md5 = hashlib.md5
    lines = block.split(b"\n")
    lines.pop()
    for line in lines:
        tab = line.find(b"\t")
        key = line if tab < 0 else line[:tab]
        digest = md5(key, usedforsecurity=False).digest()
        parts[int.from_bytes(digest, "big") % num_partitions].append(line)
    for partition, part in parts.items():
        part.append(b"")
        yield partition, b"\n".join(part)


def whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Cut a stream of blocks anew, so that each block ends with a line.

    A last line without a newline gets one. The time is linear, also for
    lines that are much longer than a block.
    """
    rest: list[bytes] = []
    for block in blocks:
        end = block.rfind(b"\n") + 1
        if end:
            whole = b"".join([*rest, block[:end]])
            rest = [block[end:]] if end < len(block) else []
            yield whole
        else:
            rest.append(block)
    if rest:
        yield b"".join([*rest, b"\n"])


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
