"""Decompress files block by block, so that memory stays small.

A compressed file consists of one or more complete streams, with optional zeros
after each. A stream that is damaged or ends too early is always an error: a
job must not succeed with a part of its input.
"""
from __future__ import annotations

import bz2
import functools
import importlib.util
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

from mapreduce.worker.errors import BadInput, TaskError
from mapreduce.worker.inputs import hadoop_codecs, zstd
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
    def unused_data(self) -> bytes | None:
        """The input after the end of the stream."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Add input; return at most max_length bytes of output."""


# For zlib: expect the header and the checksum of gzip.
GZIP = 16


class ZlibDecompressor:
    """Decompresses one stream of zlib or gzip, with the interface above."""

    def __init__(self, kind: int = 0) -> None:
        """Start before the header; the kind is 0 or GZIP."""
        self._stream = zlib.decompressobj(kind + zlib.MAX_WBITS)

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
    if the file is damaged or not complete, or nothing here can read it.
    """
    reason = refusal(path)
    if reason:
        raise TaskError(reason)
    [read] = [read for suffix, read in READERS.items()
              if path.endswith(suffix)]
    try:
        yield from read(file)
    except (EOFError, OSError, ValueError, zlib.error,
            lzma.LZMAError) as error:
        raise BadInput(
            f"cannot decompress the input {path!r}: {error}") from error


def refusal(path: str) -> str | None:
    """Return why a file can't be decompressed here, whatever it holds.

    None if it can, or its name is not that of a compressed file.
    """
    reason = f"cannot decompress the input {path!r}: "
    for ending, program in IMPOSSIBLE.items():
        if path.endswith(ending):
            return f"{reason}run {program} on it before"
    for ending, (module, package) in PACKAGES.items():
        if path.endswith(ending) and not _is_installed(module):
            return (f"{reason}install the Python package {package} for the "
                    "Worker")
    return None


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ValueError:  # Something else has this name.
        return False


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
        # None from the package lz4.
        data = _skip_zeros(stream.unused_data or b"", file)
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


# Endings in layout.COMPRESSED, of formats that only programs can read.
IMPOSSIBLE = {".lzo": "lzop -d", ".Z": "uncompress"}
# Those that need a package: its module, and its name where it comes from.
PACKAGES = {".zst": ("zstandard", "zstandard"), ".lz4": ("lz4", "lz4"),
            ".snappy": ("snappy", "python-snappy")}
# One for each of the others.
READERS: dict[str, Callable[[BinaryIO], Iterator[bytes]]] = {
    ".gz": functools.partial(
        _read_streams, functools.partial(ZlibDecompressor, GZIP)),
    ".bz2": functools.partial(_read_streams, bz2.BZ2Decompressor),
    ".xz": functools.partial(_read_streams, lzma.LZMADecompressor),
    ".zst": zstd.read_frames,
    ".deflate": functools.partial(_read_streams, ZlibDecompressor),
    ".lz4": functools.partial(
        hadoop_codecs.read_lz4, read_streams=_read_streams),
    ".snappy": hadoop_codecs.read_snappy,
}
