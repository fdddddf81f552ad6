"""Map tasks that do more than the specification has words for."""
import gzip
import itertools
import os
import pathlib
import subprocess
import sys

import pytest

from mapreduce.protocol.fields import Split
from mapreduce.worker.errors import TaskError
from tests.support.files import random_lines, write_executable, write_files
from tests.support.stages import map_files, partition_of, sort_lines

# The local directories are made in there, and nothing may stay.
pytestmark = pytest.mark.usefixtures("temporary")

SILENT = "neither read, wrote nor reported for 0.3 s (see --task-timeout)"
LINES = random_lines(1_000_000)
CONTENTS = {
    "many lines": LINES,
    "CRLF": b"".join(b"%d\r\n" % n for n in range(9_999)),
    "no final newline": b"\n\nb\n" * 999 + b"last",
    "lines of many ranges": b"x" * 70_000 + b"\n\n" + b"y" * 70_000,
}


@pytest.fixture(name="output")
def make_output(tmp_path):
    """Return the path of the output directory."""
    return tmp_path / "output"


@pytest.fixture(name="write")
def make_write(tmp_path):
    """Return a function: write a file, return its path."""
    def write(content, name="input"):
        (tmp_path / name).write_bytes(content)
        return str(tmp_path / name)
    return write


@pytest.fixture(name="map_splits")
def make_map_splits(output):
    """Return a function: map splits to one partition, return that."""
    def map_splits(splits, executable="cat", **options):
        files = map_files(output, [], executable, splits=splits, **options)
        assert list(files) == ["maptask00000-part00000"]
        return files["maptask00000-part00000"]
    return map_splits


@pytest.fixture(name="fail")
def make_fail(output):
    """Return a function: fail a map task, return why; no file may be left."""
    def fail(input_paths, executable="cat", **options):
        with pytest.raises(TaskError) as caught:
            map_files(output, input_paths, executable, **options)
        assert os.listdir(output) == []
        return str(caught.value)
    return fail


def pipe(content, command):
    """Return what a pipeline of a shell makes of some bytes."""
    return subprocess.run(
        ["sh", "-c", command], input=content, stdout=subprocess.PIPE,
        env={**os.environ, "LC_ALL": "C"}, check=True).stdout


def ranges(path, number):
    """Return splits of a file that have about the same size."""
    size = os.path.getsize(path)
    bounds = [size * n // number for n in range(number + 1)]
    return [Split(path, *pair) for pair in itertools.pairwise(bounds)]


# Splits

@pytest.mark.parametrize("number", [1, 2, 7, 40])
@pytest.mark.parametrize("kind", CONTENTS)
def test_each_line_of_a_file_is_in_one_of_its_ranges(
        write, map_splits, kind, number):
    content = CONTENTS[kind]
    assert map_splits(ranges(write(content), number)) == sort_lines(content)


def test_one_mapper_runs_for_each_range(tmp_path, write, map_splits):
    """Also for one in which no line begins."""
    mapper = write_executable(tmp_path / "map", "echo run; exec cat")
    path = write(b"x" * 100 + b"\ny\n")
    assert map_splits(ranges(path, 9), mapper).count(b"run\n") == 9


def test_mapper_may_leave_its_range_unread(write, map_splits):
    splits = ranges(write(b"%06d\n" * 100_000), 2)
    assert map_splits(splits, "head -n 1") == b"%06d\n" * 2


def test_failing_mapper_is_named_with_its_range(write, fail):
    path = write(b"a\nb\nc\n")
    assert fail([], "grep -v b", splits=[
        Split(path, 0, 2), Split(path, 2, 4), Split(path, 4)]) == (
            f"grep -v b on the input '{path}' from byte 2 to byte 4 exited 1")


# Compressed input

def test_compressed_input_is_what_zcat_prints(write, map_splits):
    path = write(gzip.compress(LINES) + gzip.compress(b"more"), "file.gz")
    plain = write(b"plain\n")
    assert map_splits([Split(path), Split(plain)], decompress=True) == pipe(
        b"", f"(zcat '{path}'; echo; echo plain) | sort")


def test_compressed_input_is_left_alone_unless_told(write, map_splits):
    path = write(gzip.compress(b"a\n"), "file.gz")
    content = pathlib.Path(path).read_bytes()
    assert map_splits([Split(path)]) == sort_lines(content)


def test_truncated_input_is_named(write, fail):
    path = write(gzip.compress(LINES)[:-9], "file.gz")
    assert fail([path], decompress=True) == (
        f"cannot decompress the input '{path}': it ends too early")


# Environment

def test_mapper_knows_its_input(tmp_path, output):
    inputs = write_files(tmp_path / "input", b"", b"")
    mapper = write_executable(
        tmp_path / "map", 'echo "$mapreduce_map_input_file $other"')
    assert map_files(output, inputs, mapper, environment={"other": "x"}) == {
        "maptask00000-part00000": b"".join(
            b"%s x\n" % path.encode() for path in inputs)}


def test_mapper_of_a_plain_task_finds_its_environment_as_it_was(
        tmp_path, output, mocker):
    popen = mocker.patch("subprocess.Popen", wraps=subprocess.Popen)
    map_files(output, write_files(tmp_path / "input", b"a\n"))
    assert popen.call_args_list[0].kwargs["env"] is None


# Combiner

@pytest.mark.parametrize("num_partitions", [1, 3])
@pytest.mark.parametrize("combiner, sorts", [("uniq -c", 1), ("uniq", 0)])
def test_combiner_gets_the_map_output_sorted(
        write, output, mocker, num_partitions, combiner, sorts):
    """Its own lines are then partitioned, and sorted if they need it."""
    words = b"".join(b"%d\n" % (n * n % 97) for n in range(9_999))
    popen = mocker.patch("subprocess.Popen", wraps=subprocess.Popen)
    files = map_files(output, [write(words)] * 2, combiner=combiner,
                      num_partitions=num_partitions)
    assert [call.args[0][0] for call in popen.call_args_list] == [
        "cat", "cat", "sort", "uniq", *["sort"] * num_partitions * sorts]
    counts = pipe(words * 2, f"sort | {combiner}").splitlines(keepends=True)
    assert files == {
        f"maptask00000-part{partition:05d}": sort_lines(b"".join(
            line for line in counts
            if partition_of(line.rstrip(b"\n"), num_partitions) == partition))
        for partition in range(num_partitions)
    }


def test_keys_that_a_combiner_changes_meet_in_one_partition(write, output):
    path = write(b"Word\t1\nword\t2\nWORD\t3\nwORD\t4\n")
    files = map_files(output, [path], combiner="tr A-Z a-z", num_partitions=8)
    assert sorted(files.values()) == [b""] * 7 + [
        b"word\t1\nword\t2\nword\t3\nword\t4\n"]


def test_partitioner_reads_what_the_combiner_prints(write, output):
    files = map_files(output, [write(b"a\nb\na\n")], combiner="uniq",
                      num_partitions=2, partitioner="printf '1\n0\n'")
    assert list(files.values()) == [b"b\n", b"a\n"]


def test_combiner_may_print_in_any_order(write, map_splits):
    path = write(LINES)
    assert map_splits([Split(path)], combiner="sort -r") == sort_lines(LINES)


@pytest.mark.parametrize("content, parts", [
    (b"a\n", [b""] * 8 + [b"once\n"]), (b"", [b""] * 9)], ids=repr)
def test_combiner_has_nothing_to_do_with_no_output(
        write, output, content, parts):
    files = map_files(output, [write(content)], combiner="echo once",
                      num_partitions=9)
    assert sorted(files.values()) == parts


def test_failing_combiner_is_named(tmp_path, write, fail):
    combiner = write_executable(
        tmp_path / "combine", "cat; echo tired >&2; exit 7")
    assert fail([write(b"a\n")], combiner=combiner) == (
        f"{combiner} as the combiner exited 7:\ntired")


# Partitioner

def partitioner_of(directory, *lines):
    """Write a partitioner in Python, which sees its argument as n."""
    path = directory / "partition"
    path.write_text("\n".join(
        [f"#!{sys.executable}", "import sys", "n = int(sys.argv[-1])",
         *lines, ""]))
    path.chmod(0o755)
    return str(path)


LENGTHS = ["for line in sys.stdin.buffer:", "    print(len(line) % n)"]


@pytest.mark.parametrize("num_partitions", [1, 2, 7])
def test_line_goes_where_the_partitioner_says(
        tmp_path, write, output, num_partitions):
    """It is asked for one partition, too."""
    splits = ranges(write(LINES), 3)
    files = map_files(output, [], splits=splits, num_partitions=num_partitions,
                      partitioner=partitioner_of(tmp_path, *LENGTHS))
    assert files == {
        f"maptask00000-part{partition:05d}": sort_lines(b"".join(
            line for line in LINES.split(b"\n")[:-1]
            for line in [line + b"\n"]
            if len(line) % num_partitions == partition))
        for partition in range(num_partitions)
    }


def test_partitioner_gets_the_output_of_all_mappers_in_lines(
        tmp_path, output, write):
    inputs = write_files(tmp_path / "input", b"b\nlast", b"", b"first\r\na")
    partitioner = partitioner_of(
        tmp_path, "lines = sys.stdin.buffer.read().split(b'\\n')",
        "assert lines == [b'b', b'last', b'first\\r', b'a', b''], lines",
        "print('3\\n 02\\n+1\\n0', end='')")
    assert map_files(output, inputs, num_partitions=4,
                     partitioner=f"{partitioner} --of") == {
        "maptask00000-part00000": b"a\n", "maptask00000-part00001":
        b"first\r\n", "maptask00000-part00002": b"last\n",
        "maptask00000-part00003": b"b\n"}


@pytest.mark.parametrize("script", [
    "tr '\\\\0' 7 < /dev/zero", "exec cat /dev/zero",
    "echo wrong; exec cat /dev/zero"])
def test_line_without_end_is_no_number(write, output, script):
    with pytest.raises(TaskError, match="for the line 'a'"):
        map_files(output, [write(b"a\nb\n")], num_partitions=2,
                  partitioner=f'sh -c "{script}"')


@pytest.mark.parametrize("first", ["", "cat >&2;", "exec <&-;"])
def test_partitioner_need_not_read_before_it_prints(write, output, first):
    lines = [b"%05d\n" % n for n in range(20_000)]  # More than a pipe holds.
    files = map_files(
        output, [write(b"".join(lines))], num_partitions=2, partitioner=f'sh '
        f'-c "{first} awk \'BEGIN {{ while (n < 20000) print n++ % 2 }}\'"')
    assert [*files.values()] == [b"".join(lines[n::2]) for n in range(2)]


@pytest.mark.parametrize("command, complaint", [
    ("print(0)", "printed no number for the line 'b\tc'"),
    ("print('0\\n1\\n1')", "printed '1' after the numbers for all lines"),
    ("print('0\\n3')", "printed '3', which is no number from 0 to 2, "
     "for the line 'b\tc'"),
    ("print('-1\\n0')", "printed '-1', which is no number from 0 to 2, "
     "for the line 'a'"),
    ("print('0\\n1.0')", "printed '1.0', which is no number from 0 to 2, "
     "for the line 'b\tc'"),
    ("print('1_0')", "printed '1_0', which is no number from 0 to 2, "
     "for the line 'a'"),
    ("print()", "printed '', which is no number from 0 to 2, "
     "for the line 'a'"),
    ("sys.stdout.buffer.write(b'\\xff' * 300)", "printed '" + "\\xff" * 200
     + "'…, which is no number from 0 to 2, for the line 'a'"),
    ("print('9' * 9999)", "printed '" + "9" * 200
     + "'…, which is no number from 0 to 2, for the line 'a'"),
    ("while True: print(0)", "printed '0' after the numbers for all lines"),
    ("while True: print('x')",
     "printed 'x', which is no number from 0 to 2, for the line 'a'"),
])
def test_wrong_number_is_shown_with_its_line(
        tmp_path, write, fail, command, complaint):
    partitioner = partitioner_of(tmp_path, command)
    assert fail([write(b"a\nb\tc\n")], num_partitions=3,
                partitioner=partitioner) == (
        f"{partitioner} as the partitioner {complaint}")


@pytest.mark.parametrize("printed", ["", "0\\n", "0\\n0\\n"])
def test_partitioner_that_fails_tells_why(tmp_path, write, fail, printed):
    """Whatever it printed before."""
    partitioner = partitioner_of(
        tmp_path, f"print('{printed}', end='', flush=True)",
        "sys.exit('no idea')")
    assert fail([write(b"a\nb\n")], num_partitions=2,
                partitioner=partitioner) == (
        f"{partitioner} as the partitioner exited 1:\nno idea")


# Map only

def test_map_output_alone_is_as_the_mapper_wrote_it(tmp_path, output, mocker):
    inputs = write_files(tmp_path / "input", b"z\n\na", b"", b"\xff\r\nb\n",
                         b"a\0", b"")
    popen = mocker.patch("subprocess.Popen", wraps=subprocess.Popen)
    assert map_files(output, inputs, num_partitions=0, task_id=7) == {
        "part-00007": b"z\n\na\xff\r\nb\na\0"}
    assert [call.args[0] for call in popen.call_args_list] == [["cat"]] * 5


def test_map_output_alone_is_in_the_order_of_the_splits(write, output):
    splits = ranges(write(LINES), 5)
    files = map_files(output, [], "tr a-z A-Z", splits=splits,
                      num_partitions=0)
    assert files == {"part-00000": pipe(LINES, "tr a-z A-Z")}


def test_failing_mapper_leaves_no_result(tmp_path, fail):
    inputs = write_files(tmp_path / "input", b"good\n", b"bad\n")
    assert fail(inputs, "grep good", num_partitions=0) == (
        f"grep good on the input '{inputs[1]}' exited 1")


# Limits

@pytest.mark.parametrize("options", [
    {"combiner": "silent"}, {"partitioner": "silent"},
    {"combiner": "silent", "partitioner": "printf '0\\n'"}])
def test_silent_command_is_killed(write, fail, monkeypatch, idle, options):
    write_executable(idle.parent / "silent", f"touch '{idle}'", "sleep 99")
    monkeypatch.chdir(idle.parent)
    complaint = fail([write(b"a\n")], task_timeout=0.3, **options)
    assert complaint.startswith("silent as the ") and SILENT in complaint


@pytest.mark.parametrize("name, content", [
    ("file.gz", gzip.compress(LINES)), ("file", LINES)])
def test_mapper_that_stops_reading_is_killed(write, fail, name, content):
    """It has read some of what it was fed with."""
    path = write(content, name)
    complaint = fail([], "sh -c 'read line; sleep 99'", task_timeout=0.3,
                     splits=[Split(path, 0, None if "." in name else 10**6)],
                     decompress=True)
    assert SILENT in complaint
