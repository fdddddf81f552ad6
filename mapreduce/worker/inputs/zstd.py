"""Decompress zstd files with the Python package zstandard.

The package has two interfaces. Its readers do not report a file that ends too
early. Its decompression objects do, but return all output of their input at
once, which may be huge. So this module splits each frame into its blocks, as
RFC 8878 describes them: the output of one block is at most 128 KiB.
"""
from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any, BinaryIO

SKIPPABLE = range(0x184D2A50, 0x184D2A60)  # magic numbers, little-endian
START = 5  # bytes of a frame that show the size of its header
REPEATED_BYTE = 1  # the type of a block that is stored as one byte


def read_frames(file: BinaryIO) -> Iterator[bytes]:
    """Iterate over the decompressed blocks of a buffered file.

    Raises ValueError if it is damaged, EOFError if it ends too early, and
    ImportError if the package is missing.
    """
    # Here, not at the top: the package is optional.
    zstandard = importlib.import_module("zstandard")
    magic = read_exactly(file, 4)
    while magic:
        try:
            if int.from_bytes(magic, "little") in SKIPPABLE:
                _skip(file)
            else:
                yield from _read_frame(file, magic, zstandard)
        except zstandard.ZstdError as error:
            raise ValueError(str(error)) from error
        magic = file.read(4)


def read_exactly(file: BinaryIO, size: int) -> bytes:
    """Read `size` bytes; raise EOFError if the file ends before."""
    data = file.read(size)
    if len(data) < size:
        raise EOFError("it ends too early")
    return data


def _skip(file: BinaryIO) -> None:
    """Skip a frame that has no data for the decompressor (RFC 8878, 3.1.2)."""
    size = int.from_bytes(read_exactly(file, 4), "little")
    # Seeking beyond the end is no error, so the last byte is read.
    if size:
        file.seek(size - 1, 1)
        read_exactly(file, 1)


def _read_frame(
    file: BinaryIO, magic: bytes, zstandard: Any
) -> Iterator[bytes]:
    """Decompress a frame, whose magic number was read before."""
    header = magic + read_exactly(file, START - len(magic))
    header += read_exactly(
        file, zstandard.frame_header_size(header) - len(header))
    frame = zstandard.ZstdDecompressor().decompressobj()
    frame.decompress(header)
    last = False
    while not last:
        start = read_exactly(file, 3)
        number = int.from_bytes(start, "little")
        last, kind, size = bool(number & 1), number >> 1 & 3, number >> 3
        if kind == REPEATED_BYTE:
            size = 1
        yield frame.decompress(start + read_exactly(file, size))
    if not frame.eof:
        frame.decompress(read_exactly(file, 4))  # its checksum
