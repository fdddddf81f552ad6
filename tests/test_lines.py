"""Lines in blocks of bytes and in lists."""
import pytest

from mapreduce.worker.lines import join_lines, split_lines, whole_lines


@pytest.mark.parametrize("stream, lines", [
    (b"", b""),
    (b"a\nbb\n\nccc\n", b"a\nbb\n\nccc\n"),
    (b"a\nlast", b"a\nlast\n"),
    (b"\n\n", b"\n\n"),
    (b"one long line", b"one long line\n"),
    (b"a\r\nb\rc\0d\r", b"a\r\nb\rc\0d\r\n"),
])
def test_blocks_cut_anywhere_become_whole_lines(stream, lines):
    for size in range(1, len(stream) + 2):
        blocks = list(whole_lines(
            stream[start:start + size]
            for start in range(0, len(stream), size)))
        assert b"".join(blocks) == lines
        assert all(block.endswith(b"\n") for block in blocks)


def test_whole_lines_come_as_soon_as_they_are_there():
    blocks = iter([b"a\nb", b"c\nd"])
    lines = whole_lines(blocks)
    assert next(lines) == b"a\n"
    assert next(blocks) == b"c\nd"


@pytest.mark.parametrize("max_lines, lists", [
    (1, [[b"a"], [b""], [b"bb"]]),
    (2, [[b"a", b""], [b"bb"]]),
    (3, [[b"a", b"", b"bb"]]),
    (4, [[b"a", b"", b"bb"]]),
])
def test_block_is_split_into_lists_of_few_lines(max_lines, lists):
    assert list(split_lines(b"a\n\nbb\n", max_lines)) == lists


def test_last_line_without_a_newline_is_a_list_of_its_own():
    assert list(split_lines(b"a\nbb", 9)) == [[b"a"], [b"bb"]]


@pytest.mark.parametrize("block", [b"", b"\n", b"a\n", b"\na\n\r\n\0\n"])
def test_split_lines_join_to_their_block(block):
    assert b"".join(map(join_lines, split_lines(block, 2))) == block
