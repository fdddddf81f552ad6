"""Lines are sorted, merged and cut, by bytes with their newlines."""
import itertools
import random
import tracemalloc

import pytest

from mapreduce.worker.errors import TaskError, TaskInterrupted
from mapreduce.worker.shuffle import grouping
from tests.support.files import random_lines, read_files, write_files

KEYS = [f"w{n:05d}".encode() for n in range(50_000)]


def do_nothing():
    """Let the work go on."""


def stop():
    """End the work."""
    raise TaskInterrupted


def sort(tmp_path, *contents):
    """Return the content of the file into which files were sorted."""
    paths = write_files(tmp_path / "input", *contents)
    target = tmp_path / "output" / "sorted"
    target.parent.mkdir()
    grouping.sort_files(paths, str(target), do_nothing)
    assert list(target.parent.iterdir()) == [target]
    return target.read_bytes()


def cut(tmp_path, number, *contents):
    """Return the contents of so many files into which files were cut."""
    paths = write_files(tmp_path / "input", *contents)
    (tmp_path / "output").mkdir()
    grouping.cut_files(
        paths, [str(tmp_path / "output" / f"{n:05d}") for n in range(number)],
        do_nothing)
    return list(read_files(tmp_path / "output").values())


def merged(*contents):
    """Return the lines of files in order, as Python sees them."""
    return b"".join(sorted(itertools.chain.from_iterable(
        line.splitlines(keepends=True) for line in contents)))


def test_line_with_a_tab_comes_before_the_line_without(tmp_path):
    assert sort(tmp_path, b"a\na\t1\n\na\x0b\nb\n") == b"\na\t1\na\na\x0b\nb\n"


def test_nothing_becomes_an_empty_file(tmp_path):
    assert sort(tmp_path) == b""


def test_last_line_gets_its_newline(tmp_path):
    assert sort(tmp_path, b"b\na", b"", b"c") == b"a\nb\nc\n"


@pytest.mark.parametrize("memory", [1, 5_000, 2**21])
def test_files_are_sorted_in_parts_as_memory_allows(
        tmp_path, monkeypatch, memory):
    monkeypatch.setattr(grouping, "MEMORY", memory)
    contents = [random_lines(3_000) for _ in range(3)]
    lines = b"\n".join(sorted(
        b"".join(contents).split(b"\n")[:-1],
        key=lambda line: line + b"\n")) + b"\n"
    assert sort(tmp_path, *contents) == lines


def test_distinct_keys_take_turns(tmp_path):
    assert cut(
        tmp_path, 2, b"a\t1\na\nb\t1\nd\n", b"a\t0\nc\t1\td\ne\n") == [
            b"a\t0\na\t1\na\nc\t1\td\ne\n", b"b\t1\nd\n"]


def test_all_parts_are_made_also_empty_ones(tmp_path):
    assert cut(tmp_path, 3) == [b"", b"", b""]


def test_line_that_lacks_its_newline_does_not_run_into_the_next(tmp_path):
    assert cut(tmp_path, 1, b"a\nb", b"b") == [b"a\nb\nb\n"]


def test_many_files_are_merged(tmp_path):
    contents = [b"%04d\n%04d\n" % (n, 9999 - n) for n in range(1_100)]
    assert cut(tmp_path, 1, *contents) == [merged(*contents)]


def test_line_of_many_megabytes(tmp_path):
    line = b"b" * 10_000_000
    assert sort(tmp_path, line, b"a\n") == b"a\n" + line + b"\n"


def test_missing_file_is_named(tmp_path):
    with pytest.raises(TaskError, match="cannot read the input '.*/gone'"):
        grouping.sort_files(
            [str(tmp_path / "gone")], str(tmp_path / "sorted"), do_nothing)


def test_work_can_be_stopped(tmp_path):
    paths = write_files(tmp_path / "input", b"a\n", b"b\n")
    with pytest.raises(TaskInterrupted):
        grouping.sort_files(paths, str(tmp_path / "sorted"), stop)
    with pytest.raises(TaskInterrupted):
        grouping.cut_files(paths, [str(tmp_path / "cut")], stop)


@pytest.mark.parametrize("line", [b"%s\t1\n", b"%s" * 9 + b"\n"])
def test_grouping_takes_little_memory(tmp_path, monkeypatch, line):
    """A part of what the files hold; each line costs 48 bytes more."""
    memory = 2**16
    monkeypatch.setattr(grouping, "MEMORY", memory)
    lines = b"".join(
        line.replace(b"%s", key)
        for key in random.Random(1).choices(KEYS, k=1_000))
    content = lines * (12 * memory // len(lines))
    [path] = write_files(tmp_path / "input", content)
    target = str(tmp_path / "sorted")
    parts = [str(tmp_path / f"part-{n}") for n in range(4)]
    tracemalloc.start()
    try:
        grouping.sort_files([path], target, do_nothing)
        grouping.cut_files([target, target], parts, do_nothing)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < len(content)


def test_one_load_is_in_memory_at_a_time(tmp_path, monkeypatch):
    memory = 2**20
    monkeypatch.setattr(grouping, "MEMORY", memory)
    [path] = write_files(tmp_path / "input", b"".join(
        b"%07d\n" % (n * 7919 % 10**7) for n in range(60_000)))
    tracemalloc.start()
    try:
        grouping.sort_files([path], str(tmp_path / "sorted"), do_nothing)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.7 * memory
