"""Choose how a mapper receives a split on its standard input."""
from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence

from mapreduce.protocol.fields import Split
from mapreduce.protocol.layout import is_compressed
from mapreduce.worker.inputs.decompression import read_compressed
from mapreduce.worker.errors import BadInput
from mapreduce.worker.inputs.files import BLOCK, open_input, reading
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


def read_all(
    splits: Iterable[Split], decompress: bool
) -> Iterator[bytes]:
    """Return the blocks of several splits, one split after the other.

    The lines of two splits never run together: a newline is added to a split
    that does not end with one, unless nothing follows.
    """
    ends_line = True
    for split in splits:
        begins = True
        for block in filter(None, _blocks(split, decompress)):
            if begins and not ends_line:
                yield b"\n"
            begins = False
            ends_line = block.endswith(b"\n")
            yield block


def _blocks(split: Split, decompress: bool) -> Iterator[bytes]:
    with open_input(split.path) as file:
        blocks = read_split(split, file, decompress)
        yield from _range(split, file) if blocks is None else blocks


def find_bad(
    splits: Sequence[Split], decompress: bool,
    check: Callable[[], object] = lambda: None,
) -> dict[str, str]:
    """Return why files can't be read, by their paths; those that can't.

    Compressed files are read to their end, if they are to be decompressed. For
    each block `check` is called, which may raise an exception.
    """
    reasons = {}
    for path in dict.fromkeys(split.path for split in splits):
        try:
            with open_input(path):
                pass
            if decompress and is_compressed(path):
                for _ in _blocks(Split(path), decompress):
                    check()
        except BadInput as error:
            reasons[path] = str(error)
    return reasons


def describe(split: Split) -> str:
    """Return, e.g., 'file' from byte 10 to byte 20."""
    start = f" from byte {split.start}" if split.start else ""
    end = "" if split.end is None else f" to byte {split.end}"
    return f"{split.path!r}{start}{end}"
