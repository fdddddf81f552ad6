"""What a mapper gets on its standard input for one split of the input."""
from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

from mapreduce.protocol.fields import Split
from mapreduce.protocol.layout import is_compressed
from mapreduce.worker.inputs.decompression import read_compressed
from mapreduce.worker.inputs.files import BLOCK, reading
from mapreduce.worker.inputs.ranges import read_range


def read_split(
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


def describe(split: Split) -> str:
    """Return, e.g., 'file' from byte 10 to byte 20."""
    start = f" from byte {split.start}" if split.start else ""
    end = "" if split.end is None else f" to byte {split.end}"
    return f"{split.path!r}{start}{end}"
