"""Lines from blocks of bytes to lists, and back."""
import itertools

import pytest

from mapreduce.worker.shuffle.lines import (
    are_sorted,
    join_lines,
    split_lines,
    whole_lines,
)


@pytest.mark.parametrize("stream, lines", [
    (b"", []),
    (b"a\nbb\n\nccc\n", [b"a", b"bb", b"", b"ccc"]),
    (b"a\nlast", [b"a", b"last"]),
    (b"\n\n", [b"", b""]),
    (b"one long line", [b"one long line"]),
    (b"a\r\nb\rc\0d\r", [b"a\r", b"b\rc\0d\r"]),
])
@pytest.mark.parametrize("max_lines", [1, 2, 9])
def test_blocks_cut_anywhere_are_split_at_newlines(stream, lines, max_lines):
    for size in range(1, len(stream) + 2):
        lists = list(split_lines((
            stream[start:start + size]
            for start in range(0, len(stream), size)), max_lines))
        assert list(itertools.chain(*lists)) == lines
        assert all(1 <= len(its) <= max_lines for its in lists)


def test_lines_come_as_soon_as_they_are_there():
    blocks = iter([b"a\nb", b"c\nd"])
    lists = split_lines(blocks, 9)
    assert next(lists) == [b"a"]
    assert next(blocks) == b"c\nd"


@pytest.mark.parametrize("block", [b"", b"\n", b"a\n", b"\na\n\r\n\0\n"])
def test_split_lines_join_to_their_block(block):
    assert b"".join(map(join_lines, split_lines([block], 2))) == block


@pytest.mark.parametrize("stream", [
    b"", b"a", b"a\n", b"\n", b"\n\n\na", b"a\nbb\n\nccc\nlonger line\nlast"])
def test_blocks_cut_anywhere_become_blocks_of_whole_lines(stream):
    for size in range(1, len(stream) + 2):
        blocks = list(whole_lines(
            stream[start:start + size]
            for start in range(0, len(stream), size)))
        assert all(block.endswith(b"\n") for block in blocks)
        assert b"".join(blocks) == stream + b"\n" * (
            stream[-1:] not in (b"", b"\n"))


def test_whole_lines_come_as_soon_as_they_are_there():
    blocks = whole_lines(iter([b"a\nb", b"", b"c\nd", b""]))
    assert [next(blocks), next(blocks), next(blocks)] == [
        b"a\n", b"bc\n", b"d\n"]


@pytest.mark.parametrize("stream, expected", [
    (b"", True),
    (b"b\na\n", False),
    (b"a\na\n", True),
    # As in the C locale, and without the newline.
    (b"B\na\na\t1\n\xff\n", True),
    (b"a\t1\na\n", False),
    (b"\n\na\n\n", False),
    (b"%d\n" * 5000 % tuple(range(10000, 15000)), True),
    # At the border of two lists, and of two blocks.
    (b"a\n" * 2048 + b"b\n" + b"a\n", False),
    (b"b\n" * 2048 + b"a\n" * 2048, False),
])
def test_order_of_lines_is_found(stream, expected):
    calls = []
    for size in (7, 4096, len(stream) + 1):
        assert are_sorted(
            (stream[start:start + size]
             for start in range(0, len(stream), size)),
            lambda: calls.append(1)) is expected
    assert bool(calls) == bool(stream)
