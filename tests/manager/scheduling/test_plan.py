"""Files are divided into ranges, and no byte is forgotten."""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapreduce.manager.scheduling.plan import TooManySplits, divide
from mapreduce.protocol.fields import Split


@pytest.mark.parametrize("length, size, expected", [
    (0, 1, [(0, None)]),
    (4, 5, [(0, None)]),
    (5, 5, [(0, None)]),
    (6, 5, [(0, 3), (3, None)]),
    (7, 3, [(0, 2), (2, 4), (4, None)]),
])
def test_large_files_are_divided(length, size, expected):
    assert divide({"a": length}, ["a"], size) == [
        Split("a", *bounds) for bounds in expected]


@pytest.mark.parametrize("name", ["a.gz", "a.bz2", "a.xz", "a.zst"])
def test_compressed_files_are_not_divided(name):
    assert divide({name: 100}, [name], 1) == [Split(name)]


def test_files_stay_in_order_and_may_come_twice():
    assert divide({"b": 2, "a": 1}, ["b", "a", "b"], 1) == [
        Split("b", 0, 1), Split("b", 1), Split("a"),
        Split("b", 0, 1), Split("b", 1)]


@given(st.integers(0, 2_000), st.integers(1, 2_500))
def test_ranges_follow_each_other_and_are_nearly_equal(length, size):
    splits = divide({"a": length}, ["a"], size)
    assert [split.start for split in splits] == [
        0, *(split.end for split in splits[:-1])]
    assert splits[-1].end is None
    lengths = [(length if split.end is None else split.end) - split.start
               for split in splits]
    assert max(lengths) <= size
    assert max(lengths) - min(lengths) <= 1
    assert len(splits) == max(1, -(-length // size))


def test_more_ranges_than_tasks_are_not_made():
    with pytest.raises(TooManySplits):
        divide({"a": 2**60}, ["a"], 1)


def test_files_may_be_more_than_tasks():
    """As long as none is divided: that is not the fault of the size."""
    paths = 100_001 * ["a"]
    assert divide({"a": 1}, paths, 1) == [Split("a")] * 100_001
