"""Decompress .lz4 and .snappy files, with optional Python packages.

Each ending has two formats: that of the program of this name, which begins
with a magic number, and that of Hadoop. The latter is a sequence of blocks:
the size of the content of a block, then compressed pieces of it, each after
its own size. These sizes are four bytes, the highest first.
"""
from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Callable, Iterator
from typing import BinaryIO

from mapreduce.worker.inputs.zstd import read_exactly

MAX_BLOCK = 2**28  # bytes; a larger size is that of no block
LZ4_MAGIC = b"\x04\x22\x4d\x18"
SNAPPY_START = b"\xff\x06\x00\x00sNaPpY"


def read_lz4(
    file: BinaryIO, read_streams: Callable[..., Iterator[bytes]]
) -> Iterator[bytes]:
    """Iterate over the decompressed blocks of a buffered file.

    `read_streams` reads streams with decompressors like those of bz2. Raises
    ValueError if the file is damaged, EOFError if it ends too early, and
    ImportError if the package is missing.
    """
    if _begins_with(file, LZ4_MAGIC):
        frame = importlib.import_module("lz4.frame")
        with _damage_as_value_error():
            yield from read_streams(frame.LZ4FrameDecompressor, file)
        return
    block = importlib.import_module("lz4.block")
    yield from _read_hadoop(file, lambda piece, size: block.decompress(
        piece, uncompressed_size=size))


def read_snappy(file: BinaryIO) -> Iterator[bytes]:
    """Do the same for .snappy."""
    snappy = importlib.import_module("snappy")
    if not _begins_with(file, SNAPPY_START):
        yield from _read_hadoop(
            file, lambda piece, _: snappy.uncompress(piece))
        return
    # Chunk by chunk: so a small input never has a very large output, and an
    # incomplete one is noticed.
    stream = snappy.StreamDecompressor()
    while start := file.read(1):
        start += read_exactly(file, 3)
        chunk = read_exactly(file, int.from_bytes(start[1:], "little"))
        with _damage_as_value_error():
            yield stream.decompress(start + chunk)


def _read_hadoop(
    file: BinaryIO, decompress: Callable[[bytes, int], bytes]
) -> Iterator[bytes]:
    while start := file.read(1):
        left = _size(start + read_exactly(file, 3))
        while left:
            piece = read_exactly(file, _size(read_exactly(file, 4)))
            with _damage_as_value_error():
                content = decompress(piece, left)
            if not 0 < len(content) <= left:
                raise ValueError("it is damaged")
            yield content
            left -= len(content)


def _size(number: bytes) -> int:
    size = int.from_bytes(number, "big")
    if size > MAX_BLOCK:
        raise ValueError("it is in another format, or damaged")
    return size


def _begins_with(file: BinaryIO, magic: bytes) -> bool:
    assert isinstance(file, io.BufferedReader)
    return file.peek(len(magic))[:len(magic)] == magic


@contextlib.contextmanager
def _damage_as_value_error() -> Iterator[None]:
    """Convert the errors of the packages, of which some have no base class."""
    try:
        yield
    except (EOFError, OSError, ValueError):
        raise
    except Exception as error:
        raise ValueError(str(error) or "it is damaged") from error
