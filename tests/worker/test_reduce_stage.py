"""The reduce stage on files: merge, reduce, move."""
import os
import pathlib
import random
import subprocess
import tempfile

import pytest

from mapreduce.worker.errors import TaskError, TaskInterrupted
from mapreduce.worker.shuffle.merging import merge
from tests.support.files import (
    EXECUTABLES,
    TESTDATA,
    random_lines,
    read_files,
    write_executable,
    write_files,
)
from tests.support.stages import open_files_limited, reduce_files, sort_lines

# The local directories are made in there, and nothing may stay.
pytestmark = pytest.mark.usefixtures("temporary")


@pytest.fixture(name="output")
def make_output(tmp_path):
    """Return the path of the output directory."""
    return tmp_path / "output"


@pytest.fixture(name="reduce_bytes")
def make_reduce_bytes(tmp_path, output):
    """Return a function: reduce inputs, return the output."""
    def reduce_bytes(*contents, executable="cat"):
        inputs = write_files(tmp_path / "input", *contents)
        files = reduce_files(output, inputs, executable)
        assert list(files) == ["part-00000"]
        return files["part-00000"]
    return reduce_bytes


# Data

@pytest.mark.parametrize("program", ["wc_reduce.sh", "wc_reduce.py"])
def test_word_count_makes_the_golden_files(output, program):
    for task_id in range(2):
        inputs = sorted(
            (TESTDATA / "correct/map_small").glob(f"*-part{task_id:05d}"))
        assert len(inputs) == 2
        reduce_files(output, inputs, EXECUTABLES / program, task_id)
    assert read_files(output) == read_files(TESTDATA / "correct/reduce_small")


@pytest.mark.parametrize("contents, expected", [
    ([], b""),
    ([b"", b""], b""),
    ([b"a\nc\n", b"", b"b\nd\n"], b"a\nb\nc\nd\n"),
    ([b"a\nb\n", b"a\nb\n"], b"a\na\nb\nb\n"),
    ([b"\n\n", b"\na\n"], b"\n\n\na\n"),
    ([b"a\nb", b"a\nc"], b"a\na\nb\nc\n"),
    ([b"a\r\n\xff\n", b"a\r\r\n\xe9\0\n"], b"a\r\na\r\r\n\xe9\0\n\xff\n"),
    ([b"a\nab\n", b"a\x01\na\t1\n"], b"a\na\x01\na\t1\nab\n"),
], ids=repr)
def test_inputs_are_merged_byte_by_byte(reduce_bytes, contents, expected):
    assert reduce_bytes(*contents) == expected


@pytest.mark.parametrize("num_inputs", [1, 2, 9])
def test_merge_is_in_the_order_of_sort(reduce_bytes, num_inputs):
    contents = [random_lines(9_000 + n) for n in range(num_inputs)]
    assert reduce_bytes(*map(sort_lines, contents)) == sort_lines(
        b"".join(contents))


def test_there_may_be_more_inputs_than_open_files(tmp_path, output):
    lines = [b"%05d\n" % n for n in range(6_000)]
    inputs = write_files(tmp_path / "input", *(
        b"".join(lines[n::2_000]) for n in range(2_000)))
    with open_files_limited(256):
        files = reduce_files(output, inputs)
    assert files == {"part-00000": b"".join(lines)}


def test_one_input_is_the_standard_input_of_the_reducer(tmp_path, output):
    [path] = write_files(tmp_path / "input", b"a\nb\n")
    reducer = write_executable(
        tmp_path / "reduce", "readlink /proc/self/fd/0 || echo none")
    [found] = reduce_files(output, [path], reducer).values()
    assert found in (f"{path}\n".encode(), b"none\n")


def test_line_may_be_much_longer_than_a_block(reduce_bytes):
    line = b"x" * 300_000 + b"\n"
    assert reduce_bytes(b"a\n" + line, line + b"y\n") == (
        b"a\n" + line + line + b"y\n")


# Files and processes

@pytest.mark.parametrize("reducer", [
    "echo out",
    "head -c 1 > /dev/null; echo out",
    "exec <&-; echo out",
])
def test_reducer_may_leave_its_input_unread(tmp_path, reduce_bytes, reducer):
    executable = write_executable(tmp_path / "reduce", reducer)
    assert reduce_bytes(b"line\n" * 100_000, executable=executable) == (
        b"out\n")


def test_one_process_runs(reduce_bytes, mocker):
    popen = mocker.patch("subprocess.Popen", wraps=subprocess.Popen)
    assert reduce_bytes(b"a\n", b"b\n") == b"a\nb\n"
    assert [call.args[0] for call in popen.call_args_list] == [["cat"]]


def test_file_appears_complete_by_rename(reduce_bytes, output, mocker):
    renamed = {}
    replace = os.replace

    def spy(source, target, **directory):
        assert os.listdir(output) == []
        renamed[target] = pathlib.Path(source).read_bytes()
        replace(source, target, **directory)

    mocker.patch("os.replace", spy)
    assert reduce_bytes(b"a\n") == b"a\n"
    assert renamed == {"part-00000": b"a\n"}


def test_second_run_replaces_what_is_there(tmp_path, output):
    inputs = write_files(tmp_path / "input", b"old\n", b"new\n")
    reduce_files(output, inputs[:1])
    assert reduce_files(output, inputs[1:]) == {"part-00000": b"new\n"}


def test_local_directory_is_made_once_and_goes(
        tmp_path, output, mocker):
    make = mocker.patch(
        "tempfile.TemporaryDirectory", wraps=tempfile.TemporaryDirectory)
    inputs = write_files(tmp_path / "input", b"a\n")
    assert reduce_files(output, inputs, task_id=12) == {"part-00012": b"a\n"}
    make.assert_called_once_with(prefix="mapreduce-local-task00012-")


# Failures

@pytest.mark.parametrize("reducer, complaint", [
    ("cat; echo 'no such key' >&2; exit 3", "exited 3:\nno such key"),
    ("exit 1", "exited 1"),
    ("kill -SEGV $$", "was killed by SIGSEGV"),
])
def test_failing_reducer_is_named_and_leaves_no_file(
        tmp_path, reduce_bytes, output, reducer, complaint):
    executable = write_executable(tmp_path / "reduce", reducer)
    with pytest.raises(TaskError) as caught:
        reduce_bytes(b"line\n" * 100_000, executable=executable)
    assert str(caught.value) == f"{executable} {complaint}"
    assert os.listdir(output) == []


@pytest.mark.parametrize("name, complaint", [
    ("missing", "No such file or directory"),
    (".", "no regular file"),
])
def test_input_that_cannot_be_read_is_named(
        tmp_path, output, monkeypatch, name, complaint):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TaskError) as caught:
        reduce_files(output, [name])
    assert str(caught.value) == (
        f"cannot read the input '{name}': {complaint}")
    assert os.listdir(output) == []


def test_interrupted_task_leaves_nothing(tmp_path, output):
    inputs = write_files(tmp_path / "input", b"a\n")
    with pytest.raises(TaskInterrupted):
        reduce_files(output, inputs, interrupted=True)
    assert os.listdir(output) == []


# Parts

def test_merge_reads_no_further_than_it_must(tmp_path):
    paths = write_files(tmp_path / "input", b"a\n" * 1_000_000, b"b\n")
    blocks = merge(paths)
    assert next(blocks).startswith(b"a\na\n")
    os.truncate(paths[0], 0)
    assert len(b"".join(blocks)) < 500_000


@pytest.mark.parametrize("num_inputs", [2, 3, 20, 100])
@pytest.mark.parametrize("vocabulary", [2, 1_000, 10**9])
def test_blocks_of_a_merge_are_whole_lines_in_order(
        tmp_path, num_inputs, vocabulary):
    rng = random.Random(num_inputs)
    contents = [b"".join(sorted(
        b"%d\t%s\n" % (rng.randrange(vocabulary), b"x" * rng.randrange(90))
        for _ in range(20_000 // num_inputs))) for _ in range(num_inputs)]
    blocks = list(merge(write_files(tmp_path / "input", *contents)))
    assert len(blocks) > 3
    assert all(block.endswith(b"\n") for block in blocks)
    assert b"".join(blocks) == b"".join(
        sorted(b"".join(contents).splitlines(keepends=True)))


def test_unsorted_inputs_are_merged_all_the_same(tmp_path):
    """A foreign Worker may sort in another order: nothing gets lost."""
    content = b"".join(b"%d\n" % n for n in range(100_000, 0, -1))
    blocks = list(merge(write_files(tmp_path / "input", content, content)))
    assert max(map(len, blocks)) < 2**18
    assert sorted(b"".join(blocks).split()) == sorted(2 * content.split())
