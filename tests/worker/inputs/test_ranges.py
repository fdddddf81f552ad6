"""Each line of a file is read with one of its ranges, whatever they are."""
import itertools
import os
import tempfile

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mapreduce.manager.scheduling.plan import divide
from mapreduce.worker.inputs.ranges import read_range

CONTENTS = st.lists(st.sampled_from(
    [b"\n", b"\r\n", b"\r", b"\0", b"\xff", b"a", b"bc", b"x" * 9])
).map(b"".join)


def lines_of(content):
    """Return the lines of some bytes, each with its newline if it has one."""
    lines = content.split(b"\n")
    last = lines.pop()
    return [line + b"\n" for line in lines] + ([last] if last else [])


def read_ranges(content, bounds, size):
    """Return what is read of each range between two bounds of a file."""
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        return [b"".join(read_range(file, start, end, size))
                for start, end in itertools.pairwise(bounds)]


@given(st.one_of(CONTENTS, st.binary()),
       st.lists(st.integers(0, 60)), st.integers(1, 20))
@example(b"a\r\nb\r\n", [1, 2, 3, 4], 1)
@example(b"a\nlast", [2, 3], 64)
@example(b"x" * 50 + b"\ny", [10, 20, 30, 40, 51], 7)
@example(b"", [0], 1)
def test_line_is_in_the_range_in_which_it_begins(content, cuts, size):
    """In no other; also where nothing begins, or no byte is."""
    bounds = [0, *sorted(cuts), None]
    expected = [b""] * (len(bounds) - 1)
    position = 0
    for line in lines_of(content):
        owner = sum(cut <= position for cut in cuts)
        expected[owner] += line
        position += len(line)
    assert read_ranges(content, bounds, size) == expected


@given(st.one_of(CONTENTS, st.binary()), st.integers(1, 40))
def test_splits_that_are_planned_give_each_line_once(content, size):
    splits = divide({"file": len(content)}, ["file"], size)
    bounds = [split.start for split in splits] + [splits[-1].end]
    lines = [line for part in read_ranges(content, bounds, 8)
             for line in lines_of(part)]
    assert lines == lines_of(content)


@given(CONTENTS, st.integers(1, 30), st.integers(1, 20))
def test_ranges_of_one_size_make_the_whole(content, length, size):
    bounds = [*range(0, len(content), length), len(content)]
    assert b"".join(read_ranges(content, bounds, size)) == content


def test_line_that_ends_far_behind_its_range_comes_in_blocks(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"a\n" + b"b" * 99 + b"\nc\n")
    with open(path, "rb") as file:
        blocks = list(read_range(file, 1, 9, 30))
    assert b"".join(blocks) == b"b" * 99 + b"\n"
    assert list(map(len, blocks)) == [7, 30, 30, 30, 3]


@pytest.mark.parametrize("start", [10, 999])
def test_line_of_many_ranges_is_not_read_to_its_end_by_all(
        tmp_path, mocker, start):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1_000 + b"\n")
    pread = mocker.patch("os.pread", wraps=os.pread)
    with open(path, "rb") as file:
        assert not list(read_range(file, start, start + 1, 1))
    assert pread.call_count == 2
