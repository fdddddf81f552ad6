"""Compressed files are read as what they were, or not at all."""
import bz2
import gzip
import io
import lzma
import shutil
import subprocess
import sys
import tracemalloc

import pytest
import zstandard

from mapreduce.protocol.layout import COMPRESSED, is_compressed
from mapreduce.worker.errors import TaskError
from mapreduce.worker.inputs.decompression import (
    IMPOSSIBLE,
    READERS,
    read_compressed,
)
from tests.support.files import random_lines

COMPRESSORS = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.ZstdCompressor(write_checksum=True).compress,
}
PROGRAMS = {".gz": "zcat", ".bz2": "bzcat", ".xz": "xzcat", ".zst": "zstdcat"}
LINES = random_lines(500_000)
MEMORY = 2**20  # bytes

each_kind = pytest.mark.parametrize("suffix, compress", COMPRESSORS.items())


def read(content, suffix, directory=""):
    """Return what a compressed file of some bytes holds."""
    return b"".join(read_compressed(
        io.BytesIO(content), f"{directory}name{suffix}"))


@each_kind
def test_file_is_what_its_own_program_makes_of_it(tmp_path, suffix, compress):
    """Also one of several streams, some of them empty."""
    if shutil.which(PROGRAMS[suffix]) is None:
        pytest.skip(f"there is no {PROGRAMS[suffix]}")
    content = b"".join(map(compress, (b"first\n", b"", LINES, b"last")))
    path = tmp_path / f"file{suffix}"
    path.write_bytes(content)
    printed = subprocess.run(
        [PROGRAMS[suffix], path], check=True, stdout=subprocess.PIPE).stdout
    assert read(content, suffix) == printed == b"first\n" + LINES + b"last"


@each_kind
def test_nothing_may_be_compressed(suffix, compress):
    assert read(compress(b""), suffix) == b""


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz"])
@pytest.mark.parametrize("zeros", [4, 200_000])
def test_zeros_may_follow_a_stream(suffix, zeros):
    stream = COMPRESSORS[suffix](b"a\n")
    assert read((stream + bytes(zeros)) * 2, suffix) == b"a\na\n"


@each_kind
def test_truncated_file_is_named(suffix, compress):
    """Wherever it ends, be it within the second of two streams."""
    stream = compress(b"line\n" * 3)
    for content in [b"", *(stream[:end] for end in range(1, len(stream))),
                    *(stream + stream[:end] for end in range(1, len(stream)))]:
        with pytest.raises(TaskError) as caught:
            read(content, suffix, "dir/")
        assert str(caught.value) == (
            f"cannot decompress the input 'dir/name{suffix}': "
            "it ends too early")


@each_kind
def test_damaged_file_is_named(suffix, compress):
    """Its second stream is wrong in the middle, or is none."""
    stream = compress(LINES)
    middle = len(stream) // 2
    damaged = stream[:middle] + bytes(9) + stream[middle + 9:]
    for rest in (damaged, b"neither this nor that"):
        with pytest.raises(TaskError, match=f"the input 'name{suffix}'"):
            read(stream + rest, suffix)


@each_kind
def test_file_that_shrinks_a_lot_takes_little_memory(suffix, compress):
    """Beside what the format itself asks for, that of xz much."""
    content = io.BytesIO(compress(b"line\n" * 2_000_000))
    largest = 8 * MEMORY if suffix == ".xz" else 0
    tracemalloc.start()
    try:
        size = sum(map(len, read_compressed(content, suffix)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size == 10_000_000
    assert peak < MEMORY + largest


def test_frame_of_zstd_may_be_for_others():
    """The program pzstd writes such, to find the next frame."""
    skipped = b"\x5f\x2a\x4d\x18\x05\0\0\0other"
    empty = b"\x50\x2a\x4d\x18\0\0\0\0"
    frame = COMPRESSORS[".zst"](b"a\n")
    assert read(skipped + frame + empty + frame, ".zst") == b"a\na\n"
    with pytest.raises(TaskError, match="it ends too early"):
        read(frame + skipped[:-1], ".zst")


def test_frames_of_zstd_may_lack_their_checksum_and_size():
    compressor = zstandard.ZstdCompressor(write_content_size=False)
    stream = compressor.compressobj()
    content = stream.compress(LINES) + stream.flush()
    assert read(content * 2, ".zst") == LINES * 2


def test_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(TaskError) as caught:
        read(COMPRESSORS[".zst"](b"a\n"), ".zst")
    assert str(caught.value) == (
        "cannot decompress the input 'name.zst': install the Python package "
        "zstandard for the Worker")


@pytest.mark.parametrize("path, expected", [
    *((f"dir.d/name{suffix}", True) for suffix in COMPRESSORS),
    ("name", False), ("name.gz/part", False), ("name.txt", False)])
def test_names_tell_what_is_compressed(path, expected):
    assert is_compressed(path) == expected


def test_every_compressed_file_has_its_reader():
    assert (*READERS, *IMPOSSIBLE) == COMPRESSED
