"""The loops over all lines: compiled and in Python, they do the same."""
import hashlib
import heapq
import importlib
import itertools
import os
import random
import subprocess
import sys
import time

import pytest
from hypothesis import example, given, strategies

from mapreduce.worker.shuffle import loops, python_loops
from tests.support.files import ROOT

try:
    NATIVE = importlib.import_module(loops.NATIVE)
except ImportError:
    NATIVE = None

needs_native = pytest.mark.skipif(
    NATIVE is None, reason="the compiled loops were not built here")
both = pytest.mark.parametrize("its", [
    pytest.param(NATIVE, id="compiled", marks=needs_native),
    pytest.param(python_loops, id="Python"),
])

# Around the sizes at which MD5 needs one more block of 64 bytes.
SIZES = [0, 1, 3, 4, 54, 55, 56, 57, 63, 64, 65, 119, 120, 121, 183, 1000]

keys = strategies.one_of(
    strategies.binary(max_size=9),
    strategies.builds(lambda byte, size: byte * size, strategies.binary(
        min_size=1, max_size=1), strategies.sampled_from(SIZES))
).map(lambda key: key.replace(b"\n", b"\0"))
lines = strategies.builds(
    bytes.__add__, keys,
    strategies.sampled_from([b"", b"\t", b"\t1", b"\t\xff\t"]))
blocks = strategies.builds(
    lambda its, end: b"\n".join(its) + end,
    strategies.lists(lines, max_size=60), strategies.sampled_from(
        [b"", b"\n"]))
numbers = strategies.one_of(
    strategies.integers(1, 20),
    strategies.sampled_from([64, 255, 256, 257, 1000]))
sorted_lists = strategies.lists(
    strategies.lists(lines, max_size=30).map(sorted), max_size=9)


def join(its):
    """Return the block of lines."""
    return b"".join(line + b"\n" for line in its)


def sorted_partitions(block, n):
    """Return the partitions of a block in the words of the specification."""
    parts = [[] for _ in range(n)]
    for line in block.removesuffix(b"\n").split(b"\n") if block else []:
        key = line.split(b"\t")[0]
        parts[int(hashlib.md5(key).hexdigest(), 16) % n].append(line)
    return [join(sorted(part)) for part in parts]


def sorted_lines(part):
    """Return a block in order: lines of a partition come out in any order."""
    return join(sorted(part.split(b"\n")[:-1])) + part.rpartition(b"\n")[2]


def check_partitions(its, block, n):
    """Compare the partitions of a block with those of the specification."""
    assert [sorted_lines(part) for part in its.partition(block, n)] == (
        sorted_partitions(block, n))


def cut(its, sizes):
    """Cut a list of lines into blocks of numbers of lines, again and again."""
    its = iter(its)
    for size in itertools.cycle(sizes):
        taken = list(itertools.islice(its, size))
        if size and not taken:
            return
        yield join(taken)


# Partition

@both
@given(blocks, numbers)
@example(b"", 3)
@example(b"\n", 3)
@example(b"\n\n\t\n", 3)
def test_partition_is_the_md5_of_the_key(its, block, n):
    check_partitions(its, block, n)


@both
@pytest.mark.parametrize("size", SIZES)
def test_keys_of_each_size_are_hashed_beside_others(its, size):
    rng = random.Random(size)
    block = join(b"%s\tvalue" % rng.randbytes(
        rng.choice([size, 2, 70])).translate(None, b"\t\n")
        for _ in range(200))
    check_partitions(its, block, 1000)


@both
@pytest.mark.parametrize("n", [2**16 + 1, 10**5])
def test_there_may_be_very_many_partitions(its, n):
    block = join(b"%d\t1" % number for number in range(50))
    check_partitions(its, block, n)


@needs_native
def test_largest_number_of_partitions_fits_into_64_bits():
    keys_by_number = {
        int(hashlib.md5(b"%d" % key).hexdigest(), 16) % 2**20: key
        for key in range(50)}
    parts = NATIVE.partition(
        join(b"%d\t1" % key for key in range(50)), 2**20)
    assert len(parts) == 2**20
    assert {number: part for number, part in enumerate(parts) if part} == {
        number: b"%d\t1\n" % key for number, key in keys_by_number.items()}


@both
def test_block_of_many_lines_is_partitioned_in_order(its):
    block = join(b"%d" % n for n in range(20_000))
    check_partitions(its, block, 7)


@both
@pytest.mark.parametrize("n", [-1, 0, 2**20 + 1])
def test_number_of_partitions_is_limited(its, n):
    with pytest.raises(ValueError, match=r"^n must be from 1 to 2\*\*20$"):
        its.partition(b"a\n", n)


@both
def test_line_of_100_mb_takes_linear_time(its):
    line = b"x" * 100_000_000 + b"\n"
    begin = time.process_time()
    parts = its.partition(b"a\n" + line, 2)
    merged = b"".join(its.Merge([iter([line]), iter([b"a\n"])], 48 * 2**10))
    assert time.process_time() - begin < 10
    assert sum(map(len, parts)) == len(line) + 2
    assert merged == b"a\n" + line


@needs_native
@pytest.mark.parametrize("arguments", [
    (), (b"a\n",), ("a\n", 2), (bytearray(b"a\n"), 2), (b"a\n", "2")])
def test_compiled_partition_takes_bytes_and_a_number(arguments):
    with pytest.raises(TypeError):
        NATIVE.partition(*arguments)


# Merge

@both
@given(sorted_lists, strategies.lists(
    strategies.integers(0, 9), min_size=1, max_size=3).filter(any),
    strategies.sampled_from([1, 9, 100, 10_000]))
def test_merge_is_that_of_heapq(its, lists, sizes, size):
    merged = list(its.Merge([cut(one, sizes) for one in lists], size))
    assert b"".join(merged) == join(heapq.merge(*lists))
    assert all(block.endswith(b"\n") for block in merged)


@needs_native
@given(sorted_lists, strategies.sampled_from([1, 9, 100]))
def test_compiled_blocks_are_no_larger_than_asked_for(lists, size):
    for block in NATIVE.Merge([cut(one, [2]) for one in lists], size):
        assert len(block) <= size or block.count(b"\n") == 1


@both
@pytest.mark.parametrize("num_streams", [1, 2, 3, 8, 100])
def test_lines_that_are_repeated_stay_as_many(its, num_streams):
    lists = [sorted(b"%d\t1" % (n * n % 13) for n in range(k, 999 + k))
             for k in range(num_streams)]
    merged = its.Merge([cut(one, [1, 40]) for one in lists], 1000)
    assert b"".join(merged) == join(heapq.merge(*lists))


@both
def test_streams_that_are_not_sorted_lose_no_line(its):
    """A foreign Worker may sort in another order."""
    lists = [[b"%d" % n for n in range(20_000, 0, -1)]] * 2
    merged = list(its.Merge([cut(one, [500]) for one in lists], 2**15))
    assert max(map(len, merged)) < 2**18
    assert sorted(b"".join(merged).split()) == sorted(2 * lists[0])


@both
def test_merge_goes_no_further_than_it_must(its):
    taken = []

    def stream(name):
        for n in range(100):
            taken.append(name)
            yield b"%s%03d\n" % (name, n) * 1000
    merged = its.Merge([stream(b"a"), stream(b"b")], 1000)
    next(merged)
    assert taken.count(b"b") == 1
    assert taken.count(b"a") < 50


@both
def test_error_of_a_stream_ends_the_merge(its):
    def stream():
        yield b"a\n"
        raise OSError("gone")
    merged = its.Merge([stream(), iter([b"b\n"])], 1)
    with pytest.raises(OSError, match="^gone$"):
        list(merged)
    assert not list(merged)


@both
def test_merge_that_is_dropped_drops_its_streams(its):
    closed = []

    def stream():
        try:
            yield b"a\n"
            yield b"b\n"
        finally:
            closed.append(True)
    merged = its.Merge([stream(), stream()], 1)
    next(merged)
    del merged
    assert closed == [True, True]


@both
def test_merge_that_runs_gives_no_other_block(its):
    def stream():
        next(merged)
        yield b"a\n"
    merged = its.Merge([stream()], 1)
    with pytest.raises(ValueError, match="already (running|executing)"):
        next(merged)


@both
@pytest.mark.parametrize("size", [0, -1])
def test_merge_needs_a_size(its, size):
    with pytest.raises(ValueError, match="^size must be at least 1$"):
        its.Merge([], size)


@needs_native
@pytest.mark.parametrize("streams, error", [
    ([iter([b"a"])], ValueError), ([iter(["a\n"])], TypeError)])
def test_compiled_merge_takes_blocks_of_whole_lines(streams, error):
    with pytest.raises(error):
        next(NATIVE.Merge(streams, 9))


@needs_native
@pytest.mark.parametrize("streams", [None, (), [None]])
def test_compiled_merge_takes_a_list_of_streams(streams):
    with pytest.raises(TypeError):
        NATIVE.Merge(streams, 9)


def test_merge_of_many_streams_in_python_sorts_seldom():
    """Else it would sort what stays of each stream again and again."""
    content = join(b"%05d" % n for n in range(100))
    streams = [iter([content]) for _ in range(1_000)]
    assert len(list(python_loops.Merge(streams, 48 * 2**10))) < 10


# The choice

@pytest.mark.parametrize("value, expected", [
    pytest.param("", "compiled loops", marks=needs_native),
    pytest.param("1", "compiled loops", marks=needs_native),
    ("0", "Python loops"),
])
def test_environment_forces_the_loops_in_python(value, expected):
    assert subprocess.run(
        [sys.executable, "-c", "from mapreduce.worker.shuffle import loops;"
         "print(loops.DESCRIPTION, loops.partition(b'a', 2))"],
        env={**os.environ, "MAPREDUCE_NATIVE": value}, cwd=ROOT, text=True,
        capture_output=True, check=True).stdout == (
            f"{expected} {sorted_partitions(b'a', 2)}\n")


def test_loops_in_python_serve_where_none_were_built(monkeypatch):
    monkeypatch.delenv("MAPREDUCE_NATIVE", raising=False)
    monkeypatch.setitem(sys.modules, loops.NATIVE, None)
    try:
        importlib.reload(loops)
        assert not loops.COMPILED
        assert loops.Merge is python_loops.Merge
    finally:
        monkeypatch.undo()
        importlib.reload(loops)


def test_compiled_loops_serve_where_a_compiler_is():
    """Else the whole test run would try one kind only, in silence."""
    if NATIVE is None:
        pytest.skip("the compiled loops were not built here")
    assert NATIVE.__file__.endswith(".abi3.so")


@both
@given(block=strategies.one_of(blocks, strategies.builds(
    bytes.__mul__, strategies.text("\n\x0b\x8a\x00", max_size=30).map(
        lambda text: text.encode("latin-1")), strategies.integers(0, 99))))
def test_newlines_are_counted(its, block):
    assert its.count_newlines(block) == block.count(b"\n")
