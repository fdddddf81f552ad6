"""The map stage on files: map, partition, sort, move."""
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from mapreduce.worker.errors import TaskError, TaskInterrupted
from tests.support.files import (
    EXECUTABLES,
    TESTDATA,
    random_lines,
    read_files,
    write_executable,
    write_files,
)
from tests.support.stages import (
    map_files,
    open_files_limited,
    partition_of,
    sort_lines,
)

# The local directories are made in there, and nothing may stay.
pytestmark = pytest.mark.usefixtures("temporary")


@pytest.fixture(name="output")
def make_output(tmp_path):
    """Return the path of the output directory."""
    return tmp_path / "output"


@pytest.fixture(name="map_bytes")
def make_map_bytes(tmp_path, output):
    """Return a function: map inputs to one partition, return that."""
    def map_bytes(*contents, executable="cat"):
        inputs = write_files(tmp_path / "input", *contents)
        files = map_files(output, inputs, executable)
        assert list(files) == ["maptask00000-part00000"]
        return files["maptask00000-part00000"]
    return map_bytes


# Data

@pytest.mark.parametrize("program", ["wc_map.sh", "wc_map.py"])
def test_word_count_makes_the_golden_files(output, program):
    for task_id, name in enumerate(["file01", "file02"]):
        map_files(output, [TESTDATA / "input_small" / name],
                  EXECUTABLES / program, num_partitions=2, task_id=task_id)
    assert read_files(output) == read_files(TESTDATA / "correct/map_small")


def test_inputs_of_a_task_go_into_the_same_files(map_bytes):
    assert map_bytes(b"b\nd\n", b"c\na\n") == b"a\nb\nc\nd\n"


@pytest.mark.parametrize("contents, expected", [
    ([b"b\0\nb\n\0\n"], b"\0\nb\nb\0\n"),
    ([b"b\r\na\r\n"], b"a\r\nb\r\n"),
    ([b"b\ra\r\n"], b"b\ra\r\n"),
    ([b"\xff\n\xe9\n\xc3\xa9\nz\n"], b"z\n\xc3\xa9\n\xe9\n\xff\n"),
    ([b"a\tb\tc\n\t\n"], b"\t\na\tb\tc\n"),
    ([b"\n\na\n\n"], b"\n\n\na\n"),
    ([b" b\nb \n"], b" b\nb \n"),
], ids=repr)
def test_bytes_stay_as_they_are(map_bytes, contents, expected):
    assert map_bytes(*contents) == expected


def test_missing_newline_between_two_inputs_is_added(map_bytes):
    assert map_bytes(b"b\nlast", b"first\na") == b"a\nb\nfirst\nlast\n"


@pytest.mark.parametrize("contents", [[], [b""], [b"", b""]], ids=repr)
def test_empty_input_makes_empty_files(tmp_path, output, contents):
    inputs = write_files(tmp_path / "input", *contents)
    assert map_files(output, inputs, num_partitions=3, task_id=12) == {
        f"maptask00012-part0000{n}": b"" for n in range(3)}


@pytest.mark.parametrize("num_partitions", [1, 2, 7, 64])
def test_partition_is_the_md5_of_the_key(tmp_path, output, num_partitions):
    keys = [b"", b"a", b"a b", b"\xc3\xa9", b"\xff\0\r", *(
        b"key%d" % n for n in range(200))]
    lines = [line for key in keys for line in (key, key + b"\t1\t2")]
    inputs = write_files(tmp_path / "input", b"\n".join(lines))
    files = map_files(output, inputs, num_partitions=num_partitions)
    assert files == {
        f"maptask00000-part{partition:05d}": b"".join(
            line + b"\n" for line in sorted(lines)
            if partition_of(line, num_partitions) == partition)
        for partition in range(num_partitions)
    }


def test_there_may_be_more_partitions_than_open_files(tmp_path, output):
    lines = [b"%d" % n for n in range(2_000)]
    inputs = write_files(tmp_path / "input", b"\n".join(lines))
    # Half of them may be partitions. The others are those of this process,
    # which may have run other tests, and pipes.
    with open_files_limited(2 * (16 + len(os.listdir("/dev/fd")))):
        files = map_files(output, inputs, num_partitions=300)
    assert len(files) == 300
    assert sorted(b"".join(files.values()).split()) == sorted(lines)


def test_line_may_be_much_longer_than_a_block(map_bytes):
    line = b"x" * 300_000 + b"\n"
    assert map_bytes(line + b"a\n" + line) == b"a\n" + line + line


# Order

@pytest.mark.parametrize("locale", ["en_US.UTF-8", "C.UTF-8", "C"])
def test_sort_alone_runs_in_the_c_locale(
        tmp_path, map_bytes, monkeypatch, locale):
    mapper = write_executable(
        tmp_path / "map", 'echo "the mapper has $LC_ALL"; exec cat')
    sort = shutil.which("sort")
    write_executable(
        tmp_path / "sort", f'echo "the sort has $LC_ALL" >> "{tmp_path}/log"',
        f'exec {sort} "$@"')
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("LC_ALL", locale)
    assert map_bytes(b"b\nB\na\n\xc3\xa9\n_\n", executable=mapper) == (
        b"B\n_\na\nb\nthe mapper has %s\n\xc3\xa9\n" % locale.encode())
    assert (tmp_path / "log").read_text() == "the sort has C\n"


def test_lines_are_in_the_order_of_sort(map_bytes):
    lines = random_lines(20_000)
    assert map_bytes(lines) == sort_lines(lines)


def test_key_comes_before_the_key_with_a_value(map_bytes):
    assert map_bytes(b"a\t1\na\na \na\x01\n") == b"a\na\x01\na\t1\na \n"


# Files and processes

@pytest.mark.parametrize("name", [
    b"two words", b"new\nline", b"-rf", b"caf\xe9", b"\xe6\xbc\xa2"])
def test_input_and_executable_may_have_any_name(
        tmp_path, output, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    path = pathlib.Path(os.fsdecode(name))
    path.write_bytes(b"content\n")
    (tmp_path / "programs").mkdir()
    mapper = tmp_path / "programs" / path
    write_executable(mapper, "exec cat")
    assert map_files(output, [path], mapper) == {
        "maptask00000-part00000": b"content\n"}


def test_mapper_may_leave_its_input_unread(tmp_path, map_bytes):
    mapper = write_executable(tmp_path / "map", "echo out")
    assert map_bytes(bytes(1_000_000), b"", executable=mapper) == (
        b"out\nout\n")


def test_one_process_runs_for_each_input_and_each_partition(
        tmp_path, output, mocker):
    inputs = write_files(tmp_path / "input", b"a\n", b"", b"c\n")
    popen = mocker.patch("subprocess.Popen", wraps=subprocess.Popen)
    map_files(output, inputs, num_partitions=4)
    commands = [call.args[0] for call in popen.call_args_list]
    paths = [command[-1] for command in commands[3:]]
    assert commands[:3] == [["cat"]] * 3
    assert commands[3:] == [["sort", "-o", path, path] for path in paths]
    assert list(map(os.path.basename, paths)) == [
        f"maptask00000-part0000{n}" for n in range(4)]


def test_files_appear_complete_by_rename(tmp_path, output, mocker):
    inputs = write_files(tmp_path / "input", b"b\na\nc\nd\n")
    renamed = {}
    replace = os.replace

    def spy(source, target, **directory):
        assert set(os.listdir(output)) == set(renamed)
        renamed[target] = pathlib.Path(source).read_bytes()
        replace(source, target, **directory)

    mocker.patch("os.replace", spy)
    assert map_files(output, inputs, num_partitions=3) == renamed
    assert len(renamed) == 3


def test_second_run_replaces_what_is_there(tmp_path, output):
    inputs = write_files(tmp_path / "input", b"old\n", b"new\n")
    map_files(output, inputs[:1])
    assert map_files(output, inputs[1:]) == {
        "maptask00000-part00000": b"new\n"}


def test_local_directory_is_made_once_and_goes(
        tmp_path, output, mocker):
    make = mocker.patch(
        "tempfile.TemporaryDirectory", wraps=tempfile.TemporaryDirectory)
    map_files(output, write_files(tmp_path / "input", b"a\n"), task_id=7)
    make.assert_called_once_with(prefix="mapreduce-local-task00007-")


def test_what_sort_spills_goes_into_the_local_directory(
        tmp_path, map_bytes, temporary, monkeypatch):
    write_executable(
        tmp_path / "sort", f'echo "$TMPDIR" > "{tmp_path}/log"')
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    map_bytes(b"a\n")
    assert (tmp_path / "log").read_text().startswith(
        f"{temporary}/mapreduce-local-task00000-")


@pytest.mark.parametrize("size, limit", [
    (4 * 2**20, ""), (4 * 2**20 + 1, "-S 64M ")])
def test_sort_of_a_large_file_takes_limited_memory(
        tmp_path, map_bytes, monkeypatch, size, limit):
    write_executable(tmp_path / "sort", f'echo "$@" > "{tmp_path}/log"')
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    map_bytes(bytes(size - 1))
    assert (tmp_path / "log").read_text().startswith(f"{limit}-o /")


# Failures

@pytest.mark.parametrize("mapper, complaint", [
    ('read word; echo "$word"; test "$word" = good',
     "{mapper} on the input '{input}' exited 1"),
    ('read word; echo "$word" >&2; test "$word" = good || kill -SEGV $$',
     "{mapper} on the input '{input}' was killed by SIGSEGV:\nbad"),
])
def test_failing_mapper_is_named_and_leaves_no_file(
        tmp_path, output, mapper, complaint):
    executable = write_executable(tmp_path / "map", mapper)
    inputs = write_files(tmp_path / "input", b"good\n", b"bad\n", b"good\n")
    with pytest.raises(TaskError) as caught:
        map_files(output, inputs, executable)
    assert str(caught.value) == complaint.format(
        mapper=executable, input=inputs[1])
    assert os.listdir(output) == []


@pytest.mark.parametrize("name, complaint", [
    ("missing", "No such file or directory"),
    (".", "no regular file"),
    ("pipe", "no regular file"),
])
def test_input_that_cannot_be_read_is_named(
        tmp_path, output, monkeypatch, name, complaint):
    """Also a pipe that nobody writes to: to open it would take for ever."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    with pytest.raises(TaskError) as caught:
        map_files(output, [name])
    assert str(caught.value) == f"cannot read the input '{name}': {complaint}"
    assert os.listdir(output) == []


def test_failing_sort_leaves_no_file(
        tmp_path, map_bytes, output, monkeypatch):
    write_executable(tmp_path / "sort", "echo no space left >&2; exit 2")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(TaskError, match="^sort exited 2:\nno space left$"):
        map_bytes(b"a\n")
    assert os.listdir(output) == []


def test_output_directory_that_goes_meanwhile_is_an_error(
        tmp_path, output):
    inputs = write_files(tmp_path / "input", b"a\n")
    mapper = write_executable(tmp_path / "map", f"rmdir '{output}'")
    with pytest.raises(TaskError, match="cannot write to the output"):
        map_files(output, inputs, mapper)


def test_interrupted_task_leaves_nothing(tmp_path, output):
    inputs = write_files(tmp_path / "input", b"a\n")
    with pytest.raises(TaskInterrupted):
        map_files(output, inputs, interrupted=True)
    assert os.listdir(output) == []
