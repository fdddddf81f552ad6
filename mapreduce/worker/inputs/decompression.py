"""Decompress files as they are read, one block after the other.

A compressed file holds one stream or more, each complete in itself, one after
the other; there may be zeros between them, or at the end. A stream that ends
too early, or is damaged, is an error, never just the end.
"""
from __future__ import annotations

import bz2
import functools
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

from mapreduce.worker.errors import TaskError
from mapreduce.worker.inputs import zstd
from mapreduce.worker.inputs.files import BLOCK


class Decompressor(Protocol):
    """Decompresses one stream, as those of bz2 and lzma do."""

    @property
    def eof(self) -> bool:
        """Whether the stream has ended."""

    @property
    def needs_input(self) -> bool:
        """Whether more input is of use."""

    @property
    def unused_data(self) -> bytes:
        """What came after the end of the stream."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Take more input; return a limited number of bytes of output."""


class GzipDecompressor:
    """Decompresses one stream of gzip."""

    def __init__(self) -> None:
        """Expect the header."""
        self._stream = zlib.decompressobj(16 + zlib.MAX_WBITS)

    @property
    def eof(self) -> bool:
        """Whether the stream has ended, and its checksum was right."""
        return self._stream.eof

    @property
    def needs_input(self) -> bool:
        """Whether all input has been used."""
        return not self._stream.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        """What came after the end of the stream."""
        return self._stream.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Take more input; return a limited number of bytes of output."""
        return self._stream.decompress(
            self._stream.unconsumed_tail + data, max_length)


def read_compressed(file: BinaryIO, path: str) -> Iterator[bytes]:
    """Decompress a buffered file, as its name says, in small blocks.

    Raises TaskError, naming it, if it is damaged or not complete.
    """
    [read] = [read for suffix, read in READERS.items()
              if path.endswith(suffix)]
    try:
        yield from read(file)
    except ImportError as error:
        raise TaskError(
            f"cannot decompress the input {path!r}: install the Python "
            "package zstandard for the Worker") from error
    except (EOFError, OSError, ValueError, zlib.error,
            lzma.LZMAError) as error:
        raise TaskError(
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
            if stream.needs_input and not stream.eof:
                data = file.read(BLOCK)
                if not data and not block:
                    raise EOFError("it ends too early")
        data = _skip_zeros(stream.unused_data, file)
        if not data:
            return


def _skip_zeros(data: bytes, file: BinaryIO) -> bytes:
    """Return what is not zero of the data, or of the file after it."""
    data = data.lstrip(b"\0")
    while not data:
        block = file.read(BLOCK)
        if not block:
            break
        data = block.lstrip(b"\0")
    return data


# For each end of a name in COMPRESSED.
READERS: dict[str, Callable[[BinaryIO], Iterator[bytes]]] = {
    ".gz": functools.partial(_read_streams, GzipDecompressor),
    ".bz2": functools.partial(_read_streams, bz2.BZ2Decompressor),
    ".xz": functools.partial(_read_streams, lzma.LZMADecompressor),
    ".zst": zstd.read_frames,
}
