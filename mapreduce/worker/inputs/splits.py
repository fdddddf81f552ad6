"""Choose how a mapper receives a split on its standard input."""
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
    """Return the blocks to write to a mapper.

    None if the file itself can be its standard input.
    """
    if decompress and is_compressed(split.path):
        return read_compressed(io.BufferedReader(file, BLOCK), split.path)
    # A whole file: the mapper reads it without this process in between, which
    # is faster, and lets it seek.
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
