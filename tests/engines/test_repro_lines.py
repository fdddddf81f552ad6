"""The shell line of a task: what a POSIX shell does with it."""
import bz2
import gzip
import lzma
import os
import pathlib
import subprocess
import zlib

import pytest

from mapreduce.client.errors import JobFailed
from mapreduce.engines import repro, shell
from mapreduce.protocol.fields import Split
from mapreduce.protocol.status import Stage, TaskCommand
from tests.support.files import write_executable
from tests.support.waiting import TIMEOUT

COMPRESS = ((".gz", gzip.compress), (".bz2", bz2.compress),
            (".xz", lzma.compress), (".deflate", zlib.compress))


def run(line, program="sh", **fields):
    """Run a line in a shell, elsewhere."""
    return subprocess.run([program, "-c", line], cwd="/", capture_output=True,
                          timeout=TIMEOUT, check=False, **fields)


def put(directory, contents):
    """Write files into a directory: contents by name."""
    directory.mkdir(exist_ok=True)
    for name, content in contents.items():
        (directory / name).write_bytes(content)


@pytest.fixture(name="line")
def _line(tmp_path):
    """Return a function: the line of a task."""
    def line(executable, paths, reason="", environment=None, **fields):
        return repro.line(TaskCommand(**{
            "executable": str(executable), "variables": {}, "names": (),
            "stage": Stage.MAP, "decompress": True, "concatenate": False,
            "splits": [path if isinstance(path, Split) else Split(str(path))
                       for path in paths],
            "directory": str(tmp_path), **fields}), environment, reason)
    return line


@pytest.mark.parametrize("program", ["sh", "bash"])
@pytest.mark.parametrize("word", [
    "plain", "", "a b", "it's", "\"", "$HOME `x` \\", "-dash", "new\nline",
    "-n\n\\n%s'", "\ttab", "ä", "\N{RIGHT-TO-LEFT MARK}",
    os.fsdecode(b"\xff %d")], ids=ascii)
def test_word_is_the_same_in_a_shell(program, word):
    quoted = shell.quote(word)
    assert "\n" not in quoted
    # Not as an argument, which must be text in the encoding of the locale.
    assert run(f"printf %s {quoted}", program).stdout == os.fsencode(word)


@pytest.mark.parametrize("word, quoted", [
    ("=ls", "'=ls'"), ("day=1/map", "'day=1/map'"), ("a!b", "'a!b'"),
    ("\t!x", "\"$(printf '\\011\\041x')\"")], ids=ascii)
def test_word_has_no_meaning_for_zsh_and_for_the_history(word, quoted):
    assert shell.quote(word) == quoted


def test_word_that_ends_with_a_newline_needs_bash():
    quoted = shell.quote("it's\n")
    assert "\n" not in quoted
    assert run(f"printf %s {quoted}", "bash").stdout == b"it's\n"


@pytest.mark.parametrize("ending, compress", COMPRESS)
def test_damaged_input_fails_before_the_mapper(
        line, tmp_path, ending, compress):
    path = tmp_path / f"in put{ending}"
    mapper = write_executable(tmp_path / "mapper", f"touch '{tmp_path}/ran'",
                              "exec cat")
    path.write_bytes(compress(b"one\n" * 1000))
    good = line(mapper, [path])
    assert run(good).stdout == b"one\n" * 1000
    (tmp_path / "ran").unlink()
    path.write_bytes(path.read_bytes()[:-6])
    assert run(good).returncode != 0
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("ending, compress", COMPRESS)
def test_zeros_after_streams_are_skipped_as_by_the_worker(
        line, tmp_path, ending, compress):
    padded = compress(b"one\n") + bytes(3)
    put(tmp_path, {f"1{ending}": padded, f"2{ending}": padded * 2})
    again = run(line("cat", [f"1{ending}", f"2{ending}"]))
    assert (again.stdout, again.stderr) == (b"one\n" * 3, b"")


@pytest.mark.parametrize("ending", [".snappy", ".lz4"])
def test_input_that_no_program_decompresses_has_no_line(
        line, tmp_path, ending):
    (tmp_path / f"in{ending}").touch()
    with pytest.raises(JobFailed, match="no program is known here"):
        line("cat", [f"in{ending}"])


@pytest.mark.parametrize("split, place", [
    (Split("in/b"), "'in/b'"),
    (Split("in/b", 0, 2), "'in/b' to byte 2"),
    (Split("in/b", 2), "'in/b' from byte 2"),
    (Split("in/b", 2, 3), "'in/b' from byte 2 to byte 3"),
])
def test_line_holds_only_the_input_that_failed(line, tmp_path, split, place):
    put(tmp_path / "in", {"a": b"one\n", "b": b"1\n2\n3\n"})
    others = [Split("in/a"), Split("in/b"), Split("in/b", 0, 2),
              Split("in/b", 2), Split("in/b", 2, 3), Split("in/b", 22)]
    reason = f"wc on the input {place} exited 3: the input 'in/a'"
    assert line("cat", others, reason) == line("cat", [split])


def test_input_that_cannot_be_read_is_the_only_one(line, tmp_path):
    put(tmp_path, {"a": b"one\n", "b": b"two\n"})
    reason = "cannot read the input 'b': Permission denied"
    assert line("cat", ["a", Split("b", 1)], reason) == line(
        "cat", [Split("b", 1)])


def test_line_of_many_whole_files_is_one_cat(line, tmp_path):
    names = [f"f{number}" for number in range(4)]
    put(tmp_path, dict(zip(names, [b"0\n", b"1", b"", b"3\n"])))
    made = line("cat", names, concatenate=True)
    assert made.count("cat --") == 2
    assert run(made).stdout == b"0\n1\n3\n"


@pytest.mark.parametrize("names, seen", [
    (["a", "z.gz"], b"one\ntwo"), (["a", "no"], b"one"), (["no"] * 2, b""),
    (["z.gz", "no.gz"], b"two"), (["no", "a", "no", "z.gz"], b"one\ntwo")])
def test_mapper_of_all_inputs_is_given_all_of_them_again(
        line, tmp_path, names, seen):
    put(tmp_path, {"a": b"one", "no": b"", "no.gz": gzip.compress(b""),
                   "z.gz": gzip.compress(b"two")})
    reason = f"cat on the input {names[0]!r} and 1 more exited 3"
    assert run(line("cat", names, reason, concatenate=True)).stdout == seen


def test_mapper_of_each_file_runs(line, tmp_path):
    put(tmp_path, {"a": b"one\n", "b": b"two"})
    assert run(line("cat", ["a", "b"])).stdout == b"one\ntwo"
    assert run(line("grep two", ["a", "b"])).stdout == b""
    assert run(line("grep two", ["a", "b"], any_exit_code=True)
               ).stdout == b"two\n"


def test_bad_inputs_are_skipped_as_the_task_did(line, tmp_path):
    (tmp_path / "a.gz").write_bytes(b"no gzip")
    put(tmp_path, {"b": b"two\n"})
    assert run(line("cat", ["a.gz", "b"], skip_bad_inputs=True)
               ).stdout == b"two\n"


def test_combiner_reads_sorted_map_output(line, tmp_path):
    put(tmp_path, {"x": b"b\nB", "y": b"a\n"})
    assert run(line("cat", ["x", "y"], "tee -- as the combiner exited 3",
                    combiner="tee --", partitioner="cat")
               ).stdout == b"B\na\nb\n"


def test_line_of_a_combiner_sets_variables_once(line, tmp_path):
    put(tmp_path, {"x": b"a\n"})
    made = line("cat", ["x"], "./show as the combiner exited 3",
                combiner="./show", variables={"mapreduce_task_id": "a task"})
    write_executable(tmp_path / "show", 'cat; echo "$mapreduce_task_id"')
    assert made.count(" mapreduce_task_id=") == 1
    assert run(made).stdout == b"a\na task\n"


def test_combiner_gets_the_order_of_the_job(line, tmp_path):
    put(tmp_path, {"x": b"a,2\na,10\n"})
    again = run(line(
        "cat", ["x"], "tee as the combiner exited 3", combiner="tee",
        separator=",", sort_options="-k2,2nr"))
    assert again.stdout == b"a,10\na,2\n"


def test_partitioner_gets_the_output_of_the_combiner(line, tmp_path):
    put(tmp_path, {"x": b"b\na\nb\n"})
    partitioner = write_executable(tmp_path / "part", 'echo "$@"', "cat")
    again = run(line(
        "cat", ["x"], f"{partitioner} 1 as the partitioner printed nothing",
        combiner="uniq", partitioner=f"{partitioner} 1", num_partitions=7))
    assert again.stdout == b"1 7\na\nb\n"


@pytest.mark.parametrize("combiner", [None, "printf last"])
def test_partitioner_reads_whole_lines(line, tmp_path, combiner):
    put(tmp_path, {"x": b"last"})
    again = run(line("cat", ["x"], "sh -c 'od -c' as the partitioner exited",
                     combiner=combiner, partitioner="sh -c 'od -c'"))
    assert b"t  \\n" in again.stdout
    empty = line("cat", [], "true as the partitioner", partitioner="true")
    assert run(empty).stderr == b""


def test_line_without_a_shell_equivalent_says_so(line, tmp_path):
    put(tmp_path, {"x": b"a\n"})
    with pytest.raises(JobFailed, match="--keep-failed"):
        line("cat", ["x"], "cat as the combiner exited 1", combiner="cat",
             separator=",", reducer_separator=";")


def reduce_line(line, tmp_path, number, **fields):
    """Return the line of a reducer for so many sorted files."""
    directory = tmp_path / "a job"
    put(directory, {f"maptask{task:05d}-part00003": b"k\t%d\n" % task
                    for task in range(number)})
    put(directory, {"maptask00000-part00001": b"other\n"})
    paths = [directory / f"maptask{task:05d}-part00003"
             for task in range(number)]
    return line("cat", paths, stage=Stage.REDUCE, **fields)


@pytest.mark.parametrize("number", [1, 2, 50])
def test_reducer_reads_the_merged_partition(line, tmp_path, number):
    made = reduce_line(line, tmp_path, number)
    assert len(made) < 400
    assert run(made).stdout == b"".join(sorted(
        b"k\t%d\n" % task for task in range(number)))


def test_reducer_reads_in_the_order_of_the_job(line, tmp_path):
    made = reduce_line(line, tmp_path, 12, sort_options="-k2,2nr")
    assert run(made).stdout == b"".join(
        b"k\t%d\n" % task for task in reversed(range(12)))


def test_only_kept_input_has_the_separator_of_the_reducer(line, tmp_path):
    put(tmp_path, {"maptask00000-part00000": b"k,1\n",
                   "reducetask00000-input": b"k;1\n"})
    fields = {"stage": Stage.REDUCE, "separator": ",",
              "reducer_separator": ";"}
    assert run(line("cat", ["reducetask00000-input"], **fields)
               ).stdout == b"k;1\n"
    with pytest.raises(JobFailed, match="--keep-failed"):
        line("cat", ["maptask00000-part00000"], **fields)


def test_reduce_input_is_gone_with_its_job(line):
    with pytest.raises(JobFailed, match="it is removed with its job"):
        line("cat", ["gone"], stage=Stage.REDUCE)


def test_variables_reach_the_mapper(line, tmp_path):
    put(tmp_path, {"x": b""})
    made = line("env", ["x"], variables={"mapreduce_task_id": "task_1"},
                names=("A", "B", "C-D"), environment={"A": "a\nb $x"})
    seen = run(made, env={"PATH": os.environ["PATH"], "B": "from the shell"}
               ).stdout
    for wanted in (b"A=a\nb $x", b"B=from the shell", b"mapred_tip_id=task_1",
                   b"mapreduce_map_input_length=0", b"map_input_file=x"):
        assert wanted in seen
    assert b"C-D" not in seen


def test_variables_of_many_inputs_are_set_once(line, tmp_path):
    put(tmp_path, {f"f{number}": b"" for number in range(20)})
    made = line("env", [f"f{number}" for number in range(20)], names=("A",),
                variables={"mapreduce_task_id": "x" * 99, "a-b": "odd"},
                environment={"A": "a\nb"})
    assert len(made) < 5000
    code = run(f"{made}; echo ${{A-unset}}", "sh",
               env={"PATH": os.environ["PATH"]}).stdout
    assert code.count(b"mapred_tip_id=" + b"x" * 99) == 20
    assert code.count(b"A=a\nb\n") == code.count(b"a-b=odd\n") == 20
    assert b"map_input_file=f19\n" in code
    assert code.endswith(b"\nunset\n")


def test_variables_with_a_meaning_in_a_shell_reach_the_combiner(
        line, tmp_path):
    put(tmp_path, {"x": b"a\n"})
    odd = {"UID": "7", "PATH": f"{tmp_path}", "IFS": "a", "status": "=ls"}
    write_executable(tmp_path / "show", "/usr/bin/env")
    seen = run(line(
        "/bin/cat", ["x"], "./show as the combiner exited 3", odd,
        combiner="./show", variables={"mapreduce_task_id": "t"},
        names=tuple(odd)), "bash").stdout
    for name, value in {**odd, "mapreduce_task_id": "t"}.items():
        if name != "IFS":  # No shell passes that on.
            assert f"{name}={value}\n".encode() in seen


def test_program_with_an_equals_sign_in_its_path_runs(line, tmp_path):
    put(tmp_path, {"x": b"one\n"})
    (tmp_path / "day=1").mkdir()
    write_executable(tmp_path / "day=1/map", 'echo "$1$A$mapred_tip_id"; cat')
    for fields in ({}, {"variables": {"mapreduce_task_id": "t"}}):
        seen = run(line("day=1/map a=b", ["x"], **fields)).stdout
        assert seen == f"a=b{'t' * bool(fields)}\none\n".encode()


def test_odd_names_and_arguments_work(line, tmp_path):
    name = os.fsdecode(b"a 'file'\n$HOME \xff")
    (tmp_path / name).write_bytes(b"one\n")
    mapper = write_executable(tmp_path / "a 'mapper'", 'echo "$#"; cat')
    assert run(line(mapper, [name, Split(name, 0, 2)])).stdout == (
        b"0\none\n" * 2)


def test_mapper_that_is_missing_or_killed_is_so_again(line, tmp_path):
    put(tmp_path, {"x": b""})
    assert run(line("./missing", ["x"])).returncode == 127
    write_executable(tmp_path / "dies", "kill -9 $$")
    assert run(line("./dies", ["x"])).returncode in (137, -9)


def test_files_of_the_job_are_placed_again(line, tmp_path):
    put(tmp_path, {"mapper.sh": b"#!/bin/sh\nls; words/list; ./help; cat\n",
                   "helper": b"#!/bin/sh\necho help\n", "x": b"seen\n"})
    put(tmp_path / "words", {"list": b"#!/bin/sh\necho one\n"})
    subprocess.run(["tar", "-czf", "words.tgz", "-C", "words", "list"],
                   cwd=tmp_path, check=True)
    made = line("a map.sh", ["x"], files=(
        ("mapper.sh", "a map.sh"), ("helper", "help")),
                archives=(("words.tgz", "words"),))
    (tmp_path / "temporary").mkdir()
    again = run(made, env={**os.environ,
                           "TMPDIR": str(tmp_path / "temporary")})
    assert again.stdout == b"a map.sh\nhelp\nwords\none\nhelp\nseen\n"
    [directory] = (tmp_path / "temporary").iterdir()
    assert pathlib.Path(directory / "a map.sh").stat().st_mode & 0o111


def test_program_of_the_working_directory_is_found_beside_placed_files(
        line, tmp_path):
    put(tmp_path, {"x": b"one\n", "table": b"x"})
    write_executable(tmp_path / "mapper", "ls; cat")
    made = line("./mapper", ["x"], files=(("table", "t"),))
    assert run(made).stdout == b"t\none\n"


@pytest.mark.parametrize("fields, words", [
    ({"directory": "/no/such/directory"}, "only where its files are"),
    ({"directory": ""}, "only where its files are"),
    ({"executable": "an 'open quote"}, "is no command"),
    ({"executable": "cat", "paths": ["missing"]}, "is not there"),
])
def test_task_without_a_line_says_why(line, tmp_path, fields, words):
    put(tmp_path, {"x": b""})
    with pytest.raises(JobFailed, match=words):
        line(**{"executable": "cat", "paths": ["x"], **fields})
