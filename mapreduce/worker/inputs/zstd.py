"""Decompress the files of zstd by the Python package zstandard.

The readers of the package do not tell a file that ends too early from one
that is complete; what it has beside them takes any input, but gives out all
of its output at once. So frames are cut here, as RFC 8878 describes them,
into their blocks, each of which becomes 128 KiB at the most.
"""
from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any, BinaryIO

SKIPPABLE = range(0x184D2A50, 0x184D2A60)  # magic numbers, little-endian
START = 5  # bytes of a frame, from which the package can tell its header
REPEATED_BYTE = 1  # the type of a block that is stored as one byte


def read_frames(file: BinaryIO) -> Iterator[bytes]:
    """Decompress all frames of a buffered file, block by block.

    Raises ValueError if it is damaged, EOFError if it ends too early,
    ImportError if the package is missing.
    """
    zstandard = importlib.import_module("zstandard")
    magic = _read_exactly(file, 4)
    while magic:
        try:
            if int.from_bytes(magic, "little") in SKIPPABLE:
                _skip(file)
            else:
                yield from _read_frame(file, magic, zstandard)
        except zstandard.ZstdError as error:
            raise ValueError(str(error)) from error
        magic = file.read(4)


def _read_exactly(file: BinaryIO, size: int) -> bytes:
    """Read so many bytes; raise EOFError if the file ends before."""
    data = file.read(size)
    if len(data) < size:
        raise EOFError("it ends too early")
    return data


def _skip(file: BinaryIO) -> None:
    """Skip a frame that is for others than a decompressor."""
    size = int.from_bytes(_read_exactly(file, 4), "little")
    if size:
        file.seek(size - 1, 1)
        _read_exactly(file, 1)


def _read_frame(
    file: BinaryIO, magic: bytes, zstandard: Any
) -> Iterator[bytes]:
    """Decompress a frame whose magic number has been read."""
    header = magic + _read_exactly(file, START - len(magic))
    header += _read_exactly(
        file, zstandard.frame_header_size(header) - len(header))
    frame = zstandard.ZstdDecompressor().decompressobj()
    frame.decompress(header)
    last = False
    while not last:
        start = _read_exactly(file, 3)
        number = int.from_bytes(start, "little")
        last, kind, size = bool(number & 1), number >> 1 & 3, number >> 3
        if kind == REPEATED_BYTE:
            size = 1
        yield frame.decompress(start + _read_exactly(file, size))
    if not frame.eof:
        frame.decompress(_read_exactly(file, 4))  # its checksum
