"""Files that Hadoop compresses: .deflate, .lz4 and .snappy."""
import io
import random
import sys
import zlib

import pytest

from mapreduce.worker.errors import BadInput, TaskError
from mapreduce.worker.inputs.decompression import read_compressed, refusal
from tests.support.files import random_lines

LINES = random_lines(500_000)


def read(content, suffix):
    """Return what a compressed file of some bytes holds."""
    return b"".join(read_compressed(
        io.BufferedReader(io.BytesIO(content)), f"name{suffix}"))


def in_blocks(compress, content=LINES):
    """Return the format of Hadoop: blocks of two pieces, after their sizes."""
    def number(value):
        return len(value).to_bytes(4, "big")

    result = b""
    for start in range(0, len(content), 200_000):
        block = content[start:start + 200_000]
        result += number(block)
        for piece in (block[:150_000], block[150_000:]):
            if piece:
                result += number(compress(piece)) + compress(piece)
    return result


def lz4():
    """Return both formats of .lz4."""
    package = pytest.importorskip("lz4")
    block = pytest.importorskip("lz4.block")
    frame = pytest.importorskip("lz4.frame")
    assert package
    return [frame.compress(LINES), in_blocks(
        lambda piece: block.compress(piece, store_size=False))]


def snappy():
    """Return both formats of .snappy."""
    package = pytest.importorskip("snappy")
    stream = package.StreamCompressor()
    return [stream.compress(LINES), in_blocks(package.compress)]


def deflate():
    """Return the one format of .deflate."""
    return [zlib.compress(LINES)]


each_kind = pytest.mark.parametrize("suffix, make", [
    (".lz4", lz4), (".snappy", snappy), (".deflate", deflate)])


@each_kind
def test_each_format_is_decompressed(suffix, make):
    for content in make():
        assert read(content, suffix) == LINES


@each_kind
def test_file_that_is_cut_or_damaged_is_an_error(suffix, make):
    for content in make():
        with pytest.raises(BadInput, match=f"the input 'name{suffix}'"):
            read(content[:-9], suffix)
        damaged = bytearray(content)
        damaged[:40] = random.Random(1).randbytes(40)
        with pytest.raises(BadInput, match=f"the input 'name{suffix}'"):
            read(bytes(damaged), suffix)


@pytest.mark.parametrize("suffix, module, advice", [
    (".lz4", "lz4", "install the Python package lz4 for the Worker"),
    (".snappy", "snappy",
     "install the Python package python-snappy for the Worker"),
    (".lzo", "any", "run lzop -d on it before"),
    (".Z", "any", "run uncompress on it before"),
])
def test_what_can_not_be_read_is_refused(monkeypatch, suffix, module, advice):
    monkeypatch.setitem(sys.modules, module, None)
    reason = f"cannot decompress the input 'name{suffix}': {advice}"
    assert refusal(f"name{suffix}") == reason
    with pytest.raises(TaskError) as caught:
        read(b"anything", suffix)
    assert str(caught.value) == reason


@pytest.mark.parametrize("name", ["name", "name.gz", "a.lzo/b", "a.z"])
def test_other_names_are_not_refused(name):
    assert refusal(name) is None
