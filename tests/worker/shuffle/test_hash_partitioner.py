"""The partitioner in Python finds partitions by the MD5 of keys."""
import hashlib
import importlib
import random
import sys

import pytest

from mapreduce.worker.shuffle import hash_partitioner
from mapreduce.worker.shuffle.hash_partitioner import (
    HashPartitioner,
    partition_of,
)
from tests.support import stages

LINES = [line for key in (
    b"", b"a", b"a b", b"\xc3\xa9", b"\xff\0\r",
    *(b"key%d" % n for n in range(200)))
    for line in (key, key + b"\t", key + b"\t1\t2")]


def partition_all(lists, num_partitions):
    """Partition lists by one HashPartitioner; return each part's lines."""
    partitioner = HashPartitioner(num_partitions)
    blocks = [partitioner.partition(b"".join(line + b"\n" for line in lines))
              for lines in lists]
    return [b"".join(its).split(b"\n")[:-1] for its in zip(*blocks)]


@pytest.mark.parametrize("num_partitions", [3, 256, 1000])
def test_partition_of_a_line_is_the_md5_of_its_key(num_partitions):
    assert [partition_of(line, num_partitions) for line in LINES] == [
        stages.partition_of(line, num_partitions) for line in LINES]


def test_openssl_takes_the_place_of_a_missing_module(monkeypatch):
    monkeypatch.setitem(sys.modules, "_md5", None)
    importlib.reload(hash_partitioner)
    try:
        assert hash_partitioner.md5.func is hashlib.md5
        assert hash_partitioner.partition_of(b"a\t1", 1000) == (
            stages.partition_of(b"a", 1000))
    finally:
        monkeypatch.undo()
        importlib.reload(hash_partitioner)


@pytest.mark.parametrize("num_partitions", [3, 8])
@pytest.mark.parametrize("vocabulary", [1, 50, 20_000, 10**9])
def test_known_lines_go_where_unknown_ones_do(vocabulary, num_partitions):
    """Few words or many, looked up or not: each line goes out once."""
    rng = random.Random(vocabulary)
    lists = [[b"%d\t1" % int(vocabulary ** rng.random()) for _ in range(999)]
             for _ in range(40)]
    parts = partition_all(lists, num_partitions)
    for partition, part in enumerate(parts):
        assert sorted(part) == sorted(
            line for lines in lists for line in lines
            if stages.partition_of(line, num_partitions) == partition)


def test_lines_are_known_after_they_were_assigned(mocker):
    mocker.patch.object(hash_partitioner, "SKIPPED", 0)
    hashed = mocker.spy(HashPartitioner, "_assign_unknown")
    partition_all([LINES[:9], LINES[:9]], 8)
    assert [call.args[1] for call in hashed.call_args_list] == [LINES[:9], []]


def test_few_lines_are_kept(mocker):
    mocker.patch.multiple(hash_partitioner, MAX_KNOWN=10, SKIPPED=0)
    hashed = mocker.spy(HashPartitioner, "_assign_unknown")
    old, new = LINES[:20], LINES[20:40]
    partition_all([old, new, old, new], 8)
    assert [call.args[1] for call in hashed.call_args_list[2:]] == [
        old[10:], new]


def test_long_lines_are_not_kept(mocker):
    mocker.patch.object(hash_partitioner, "SKIPPED", 0)
    hashed = mocker.spy(HashPartitioner, "_assign_unknown")
    short, long = b"x" * 32, b"x" * 33
    partition_all([[short, long], [long, short]], 8)
    assert hashed.call_args.args[1] == [long]


def test_lines_that_are_new_each_time_are_seldom_looked_up(mocker):
    looked_up = mocker.spy(HashPartitioner, "_assign_known")
    partition_all([[b"%d" % n] for n in range(1_000)], 8)
    assert looked_up.call_count < 100


def test_lines_of_a_block_that_failed_are_in_no_other(mocker):
    partitioner = HashPartitioner(2)
    mocker.patch.object(hash_partitioner, "SKIPPED", 0)
    learn = mocker.patch.object(
        HashPartitioner, "_learn", side_effect=MemoryError)
    with pytest.raises(MemoryError):
        partitioner.partition(b"old\n" * 9)
    learn.side_effect = None
    assert sorted(partitioner.partition(b"new\n")) == [b"", b"new\n"]
