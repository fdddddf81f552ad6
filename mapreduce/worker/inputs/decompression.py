"""Decompress files block by block, so that memory stays small.

A compressed file consists of one or more complete streams, with optional zeros
after each. A stream that is damaged or ends too early is always an error: a
job must not succeed with a part of its input.
"""
from __future__ import annotations

import bz2
import functools
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

from mapreduce.worker.errors import BadInput, TaskError
from mapreduce.worker.inputs import zstd
from mapreduce.worker.inputs.files import BLOCK


class Decompressor(Protocol):
    """Decompresses one stream; the interface of bz2 and lzma."""

    @property
    def eof(self) -> bool:
        """Whether the stream has ended."""

    @property
    def needs_input(self) -> bool:
        """Whether more output needs more input."""

    @property
    def unused_data(self) -> bytes:
        """The input after the end of the stream."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Add input; return at most max_length bytes of output."""


class GzipDecompressor:
    """Decompresses one stream of gzip, with the interface above."""

    def __init__(self) -> None:
        """Start before the header."""
        # 16: zlib expects the header and the checksum of gzip.
        self._stream = zlib.decompressobj(16 + zlib.MAX_WBITS)

    @property
    def eof(self) -> bool:
        """Whether the stream has ended, with a correct checksum."""
        return self._stream.eof

    @property
    def needs_input(self) -> bool:
        """Whether all input has been used."""
        return not self._stream.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        """The input after the end of the stream."""
        return self._stream.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Add input; return at most max_length bytes of output."""
        return self._stream.decompress(
            self._stream.unconsumed_tail + data, max_length)


def read_compressed(file: BinaryIO, path: str) -> Iterator[bytes]:
    """Iterate over the decompressed blocks of a buffered file.

    The ending of `path` chooses the format. Raises TaskError, with the path,
    if the file is damaged or not complete.
    """
    [read] = [read for suffix, read in READERS.items()
              if path.endswith(suffix)]
    try:
        yield from read(file)
    # Of the package zstandard, which only .zst files need.
    except ImportError as error:
        raise TaskError(
            f"cannot decompress the input {path!r}: install the Python "
            "package zstandard for the Worker") from error
    except (EOFError, OSError, ValueError, zlib.error,
            lzma.LZMAError) as error:
        raise BadInput(
            f"cannot decompress the input {path!r}: {error}") from error


def _read_streams(
    make: Callable[[], Decompressor], file: BinaryIO
) -> Iterator[bytes]:
    """Decompress all streams of a file, each with a new decompressor."""
    data = file.read(BLOCK)
    while True:
        stream = make()
        while not stream.eof:
            block = stream.decompress(data, BLOCK)
            if block:
                yield block
            data = b""
            # No input needed: a small input can have a very large output,
            # which the stream gives out block by block.
            if stream.needs_input and not stream.eof:
                data = file.read(BLOCK)
                if not data and not block:
                    raise EOFError("it ends too early")
        data = _skip_zeros(stream.unused_data, file)
        if not data:
            return


def _skip_zeros(data: bytes, file: BinaryIO) -> bytes:
    """Return the data, or the next of the file, without leading zeros."""
    # gzip itself accepts zeros after a stream: tapes pad files with them.
    data = data.lstrip(b"\0")
    while not data:
        block = file.read(BLOCK)
        if not block:
            break
        data = block.lstrip(b"\0")
    return data


# One for each ending in layout.COMPRESSED.
READERS: dict[str, Callable[[BinaryIO], Iterator[bytes]]] = {
    ".gz": functools.partial(_read_streams, GzipDecompressor),
    ".bz2": functools.partial(_read_streams, bz2.BZ2Decompressor),
    ".xz": functools.partial(_read_streams, lzma.LZMADecompressor),
    ".zst": zstd.read_frames,
}
