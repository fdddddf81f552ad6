"""Inputs are read in blocks, and must stay what they are meanwhile."""
import os

import pytest

from mapreduce.worker.errors import TaskError
from mapreduce.worker.inputs.files import max_kept_open, read_blocks
from tests.support.files import open_files, write_files
from tests.support.stages import open_files_limited


@pytest.mark.parametrize("content", [b"", b"a", b"a\nbb\n\nccc"])
def test_file_is_read_in_blocks_of_any_size(tmp_path, content):
    [path] = write_files(tmp_path / "input", content)
    for size in range(1, len(content) + 2):
        blocks = list(read_blocks(path, size))
        assert b"".join(blocks) == content
        assert all(len(block) == size for block in blocks[:-1])


def test_input_that_stays_open_is_the_same_until_its_end(tmp_path):
    old, new = write_files(tmp_path / "input", b"a\n" * 9, b"bb\n" * 9)
    blocks = read_blocks(old, 2, keep_open=True)
    assert next(blocks) == b"a\n"
    os.replace(new, old)
    assert b"".join(blocks) == b"a\n" * 8


@pytest.mark.parametrize("end", [list, lambda blocks: blocks.close()])
def test_input_that_stays_open_is_closed_in_the_end(tmp_path, end):
    [path] = write_files(tmp_path / "input", b"a\n" * 9)
    before = open_files()
    blocks = read_blocks(path, 2, keep_open=True)
    assert next(blocks) == b"a\n"
    assert len(open_files()) == len(before) + 1
    end(blocks)
    assert len(open_files()) == len(before)


@pytest.mark.parametrize("limit, number, expected", [
    (256, 90, 90), (256, 1_000, 96), (64, 5, 0), (40, 5, 0)])
def test_less_than_half_of_the_open_files_may_stay_open(
        limit, number, expected):
    """Slow clients may take the other half, and the Worker needs some."""
    with open_files_limited(limit):
        assert max_kept_open(number) == expected


def test_input_that_is_replaced_meanwhile_is_an_error(tmp_path):
    """Its first lines and the last ones of another file are no result."""
    old, new = write_files(tmp_path / "input", b"a\n" * 9, b"bb\n" * 9)
    blocks = read_blocks(old, 2)
    assert next(blocks) == b"a\n"
    os.replace(new, old)
    with pytest.raises(TaskError, match="was replaced while it was read"):
        next(blocks)


def test_file_is_open_only_while_it_is_read(tmp_path):
    [path] = write_files(tmp_path / "input", b"a\n" * 9)
    before = open_files()
    blocks = read_blocks(path, 2)
    assert next(blocks) == b"a\n"
    assert len(open_files()) == len(before)
