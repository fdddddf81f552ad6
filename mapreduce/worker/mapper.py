"""Run the mapper of a task, one process for each of its splits."""
from __future__ import annotations

import io
import subprocess
from collections.abc import Callable, Iterable, Iterator

from mapreduce.utils.extensions import ExtendedMapTaskMessage
from mapreduce.utils.fields import Split
from mapreduce.utils.inputs import is_compressed
from mapreduce.worker.decompression import read_compressed
from mapreduce.worker.executor import Executor
from mapreduce.worker.input import open_input, reading
from mapreduce.worker.process import BLOCK
from mapreduce.worker.splitting import read_range


def run_mapper(
    task: ExtendedMapTaskMessage, executor: Executor,
    take: Callable[[Iterable[bytes]], None],
) -> None:
    """Have the output of each process taken: a stream that comes in blocks.

    Raises TaskError if a process fails, or its input can't be read.
    """
    for split in task.splits:
        title = f"{task.executable} on the input {_describe(split)}"
        names = {"mapreduce_map_input_file": split.path}
        with open_input(split.path) as file:
            feed = _feed(split, file, bool(task.decompress))
            with executor.running(
                    task.executable, title, names=names,
                    stdin=file if feed is None else subprocess.PIPE,
                    stdout=subprocess.PIPE) as process:
                take(process.read(feed))


def _feed(
    split: Split, file: io.FileIO, decompress: bool
) -> Iterable[bytes] | None:
    """Return what is to be written to a mapper.

    None if the file, as it is, can be its standard input.
    """
    if decompress and is_compressed(split.path):
        return read_compressed(io.BufferedReader(file, BLOCK), split.path)
    if split == Split(split.path):
        return None
    return _range(split, file)


def _range(split: Split, file: io.FileIO) -> Iterator[bytes]:
    with reading(split.path):
        yield from read_range(file, split.start, split.end)


def _describe(split: Split) -> str:
    """Return, e.g., 'file' from byte 10 to byte 20."""
    start = f" from byte {split.start}" if split.start else ""
    end = "" if split.end is None else f" to byte {split.end}"
    return f"{split.path!r}{start}{end}"
