"""The option --dry-run: the plan, the checks and the sample."""
import errno
import gzip
import os
import tempfile
import types

import click.testing
import pytest

from mapreduce import run, streaming, submit
from tests.support.cluster import MAPPER, REDUCER
from tests.support.files import (
    names_in,
    read_files,
    write_executable,
    write_files,
)

COMMANDS = {"run": run.main, "streaming": streaming.main,
            "submit": submit.main}
DEPENDS = "Warning: the result depends on"


@pytest.fixture(name="dry")
def _dry(tmp_path, monkeypatch):
    """Return a function: the exit code and all lines of a dry run."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.chdir(tmp_path)

    def dry(*options, name="run", mapper=MAPPER, reducer=REDUCER):
        program = (["-mapper", mapper, "-reducer", reducer, "-output", "out"]
                   if name == "streaming" else
                   ["-m", mapper, *(["-r", reducer] if reducer else []),
                    "-o", "out"])
        ended = click.testing.CliRunner().invoke(
            COMMANDS[name], ["--dry-run", *program, *map(str, options)])
        assert names_in(tmp_path / "temporary") == []
        return ended.exit_code, ended.output
    return dry


@pytest.fixture(name="source")
def _source(tmp_path):
    write_files(tmp_path / "in", b"a b\nb c\n", b"c d e\n")
    return tmp_path / "in"


def test_plan_and_sample_are_shown(dry, source, tmp_path):
    code, shown = dry("-i", source, "--workers", 2)
    assert code == 0, shown
    for line in (
            "input         2 files, 14 bytes", "splits        2",
            f"map tasks     2 of {MAPPER}", f"reduce tasks  8 of {REDUCER}",
            "output        out, which is new",
            "sample        14 bytes of input make 7 records with 5 keys, such "
            "as 'a', 'b', 'c', …",
            "              and 5 lines of the result",
            "              which depend neither on the number of reduce tasks "
            "nor on the order of the values of a key"):
        assert line in shown.splitlines()
    assert names_in(tmp_path) == ["in", "temporary"]


@pytest.mark.parametrize("reducer, options, number", [
    ("cat", [], 2), (None, ["--nreducers", 0], 3),
    (None, ["--nreducers", 0, "--nmappers", 1], 1)])
def test_submit_has_two_map_tasks_or_one_for_each_split(
        dry, tmp_path, reducer, options, number):
    write_files(tmp_path / "in", b"a\n", b"b\n", b"c\n")
    code, shown = dry("-i", tmp_path / "in", *options, name="submit",
                      mapper="cat", reducer=reducer)
    assert code == 0, shown
    assert f"map tasks     {number} of cat" in shown


def test_old_result_stays(dry, source, tmp_path):
    write_files(tmp_path / "out", b"old")
    (tmp_path / "out" / "0000").rename(tmp_path / "out" / "part-00000")
    code, shown = dry("-i", source)
    assert code == 0
    assert "out, whose 1 file would be replaced" in shown
    assert read_files(tmp_path / "out") == {"part-00000": b"old"}


def test_total_across_keys_is_found(dry, source):
    code, shown = dry("-i", source, reducer="wc -l")
    assert code == 0
    assert f"{DEPENDS} the number of reduce tasks" in shown
    assert f"{DEPENDS} the order" not in shown


def test_total_across_keys_of_one_partition_is_found(dry, tmp_path):
    """With three partitions, both keys are in the same one."""
    write_files(tmp_path / "in", b"d\t1\nk\t2\n")
    total = "awk '{sum += $2} END {if (NR) print sum}'"
    _, shown = dry("-i", tmp_path / "in", mapper="cat", reducer=total)
    assert f"{DEPENDS} the number of reduce tasks: 1 or 4" in shown
    assert f"{DEPENDS} the order" not in shown


def test_last_value_is_found(dry, tmp_path):
    write_files(tmp_path / "in", b"a\t1\na\t2\nb\t1\n")
    code, shown = dry("-i", tmp_path / "in", mapper="cat", reducer=(
        "awk '{last[$1] = $2} END {for (key in last) print key, last[key]}'"))
    assert code == 0
    assert f"{DEPENDS} the order of the values of a key" in shown
    assert f"{DEPENDS} the number" not in shown


def test_sample_is_at_most_1_mb(dry, tmp_path):
    write_files(tmp_path / "in", b"some line\n" * 200_000)
    code, shown = dry("-i", tmp_path / "in", "--nreducers", 1)
    assert code == 0
    assert "sample        1,048,570 bytes of input" in shown


@pytest.mark.parametrize("lines, words", [
    (b"#!/bin/sh\r\ncat\r\n", "ends with CR LF"),
    (b"#!/no/such/program\n", "names no program that exists"),
    (b"#!/usr/bin/env nosuchprogram\n", "names no program that exists"),
])
def test_bad_interpreter_is_found(dry, source, tmp_path, lines, words):
    (tmp_path / "script").write_bytes(lines)
    (tmp_path / "script").chmod(0o755)
    code, shown = dry("-i", source, mapper="./script")
    assert code == 2
    assert words in shown


def test_interpreter_of_a_file_of_the_job_is_checked(dry, source, tmp_path):
    (tmp_path / "script").write_bytes(b"#!/bin/sh\r\ncat\r\n")
    code, shown = dry("-i", source, "--file", "script#map", mapper="map")
    assert code == 2
    assert "/script' ends with CR LF" in shown


@pytest.mark.parametrize("options, words", [
    (["--cache", "in"], "the cache is not kept in 'in': there is the input"),
    (["--cache", "in/new"], "must not lie in each other"),
    (["--cache", "kept"], "is no cache: it holds 'mine'"),
    (["--logs", "in"], "the logs are not kept in 'in'"),
    (["--logs", "in/0000/new"], "in/0000' is no directory"),
    (["--keep-intermediate", "in"], "not kept in 'in'"),
    (["--keep-failed", "in/0000"], "in/0000' is no directory"),
])
def test_directory_that_the_job_would_refuse_is_found(
        dry, source, tmp_path, options, words):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/mine").touch()
    code, shown = dry("-i", source, *options)
    assert code == 2
    assert words in shown


def test_files_of_older_jobs_that_would_be_removed_are_counted(
        dry, source, tmp_path):
    for name in ("logs/map-00000-attempt-1.stderr", "logs/other",
                 "kept/maptask00000-part00000"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    code, shown = dry("-i", source, "--logs", "logs", "--keep-intermediate",
                      "kept", "--cache", "new")
    assert code == 0
    assert "logs          logs, where 1 file would be removed" in shown
    assert "map output    kept, where 1 file would be removed" in shown
    assert len(names_in(tmp_path / "logs")) == 2
    assert names_in(tmp_path) == ["in", "kept", "logs", "temporary"]


@pytest.mark.parametrize("option", ["--logs", "--keep-intermediate"])
def test_directory_that_can_not_be_listed_is_refused(
        dry, source, tmp_path, monkeypatch, option):
    """The job would not see what it has to remove there."""
    (tmp_path / "kept").mkdir()
    listdir = os.listdir

    def refuse(path="."):
        if path == "kept":
            raise PermissionError(errno.EACCES, "Permission denied")
        return listdir(path)
    monkeypatch.setattr(os, "listdir", refuse)
    code, shown = dry("-i", source, option, "kept")
    assert (code, shown.splitlines()[-1]) == (
        2, "Error: cannot use the directory 'kept': Permission denied")


def test_failing_reducer_is_found(dry, source, tmp_path):
    code, shown = dry("-i", source, reducer=write_executable(
        tmp_path / "bad", "echo why >&2; exit 3"))
    assert code == 1
    assert "on the sample of the input" in shown
    assert "exited 3:\nwhy" in shown


def test_submit_and_streaming_need_no_manager(dry, source):
    for options in (["submit", "-i"], ["streaming", "-manager",
                                       "localhost:1", "-input"]):
        name, *rest = options
        code, shown = dry(*rest, source, name=name)
        assert code == 0, shown
        assert "map tasks     2 of" in shown


@pytest.mark.parametrize("mapper, options, words", [
    ("true", [], "the mapper prints nothing for this sample"),
    ("yes", [], "yes has printed more than 16 MiB"),
    ("sleep 100", ["--task-timeout", 0.1], "neither read, wrote nor"),
    ("cat", ["--combiner", "false"], "false as the combiner exited 1"),
    ("cat", ["--partitioner", "false"], "false as the partitioner exited 1"),
    ("sh -c 'cat; exit 3'", ["--any-exit-code"], "of the result"),
    ("cat", ["--lines-per-map", 1], "splits        3"),
    ("false", ["--skip-bad-records", 3], "The job may leave out records"),
    ("sh -c 'cat t; env | grep map_input_file'",
     ["--file", "in/0001#t", "--combiner", "cat"],
     "such as 'c d e', 'map_input_file=in/0000'"),
])
def test_executables_are_tried_as_in_tasks(
        dry, source, mapper, options, words):
    code, shown = dry("-i", source, *options, mapper=mapper, reducer="cat")
    assert words in shown
    assert code == ("Error:" in shown)


def test_input_that_the_job_skips_is_not_in_the_sample(dry, tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/a.gz").write_bytes(b"cut")
    (tmp_path / "bad/b").symlink_to("nothing")
    (tmp_path / "bad/c").write_bytes(b"line\n")
    code, shown = dry("-i", tmp_path / "bad", "--skip-bad-inputs",
                      mapper="cat", reducer="cat")
    assert ("Note: the job skips what can't be read: "
            f"'{tmp_path}/bad/a.gz', '{tmp_path}/bad/b'\n") in shown
    assert "5 bytes of input make 1 record with 1 key" in shown
    assert code == 0


def test_error_on_the_sample_names_the_input(dry, source):
    code, shown = dry("-i", source / "0000", mapper="false")
    assert code == 1
    assert f"false on the input '{source}/0000' exited 1" in shown


def test_combiner_that_changes_the_result_is_found(dry, source):
    code, shown = dry("-i", source, "--combiner", "head -n 1")
    assert code == 0
    assert f"{DEPENDS} whether the combiner runs" in shown
    assert f"{DEPENDS} the" not in shown


def test_reducer_that_prints_something_else_each_time_is_found(dry, source):
    code, shown = dry("-i", source, reducer="sh -c 'echo $$; cat >/dev/null'")
    assert code == 0
    assert "the reducer prints something else each time" in shown
    assert DEPENDS not in shown


def test_partitioner_that_divides_keys_is_found(dry, source):
    partitioner = "sh -c 'awk \"{print NR % 2}\"'"
    code, shown = dry("-i", source, "--partitioner", partitioner,
                      "--nreducers", 2)
    assert code == 0
    assert f"{DEPENDS} the number of reduce tasks: 1 or 2" in shown


FIRST_VALUE = "awk '$1 != last {print; last = $1}'"


@pytest.mark.parametrize("options, depends", [
    (["--sort", "-k1,1 -k2,2n"], False), (["--sort", "-k1,1"], True),
    (["--key-fields", "2"], False), ([], True),
], ids=str)
def test_values_are_turned_only_where_the_job_gives_no_order(
        dry, tmp_path, options, depends):
    write_files(tmp_path / "in", b"a\t1\na\t10\nb\t3\n")
    reducer = "uniq -c" if "--key-fields" in options else FIRST_VALUE
    code, shown = dry("-i", tmp_path / "in", *options, mapper="cat",
                      reducer=reducer)
    assert code == 0
    assert (f"{DEPENDS} the order of the values" in shown) is depends


def test_keys_of_several_fields_are_shown(dry, tmp_path):
    write_files(tmp_path / "in", b"a,b,1\na,c,2\n")
    _, shown = dry("-i", tmp_path / "in", "--separator", ",", "--key-fields",
                   2, mapper="cat", reducer="cat")
    assert "2 keys, such as 'a,b', 'a,c'" in shown


@pytest.mark.parametrize("content, options, words", [
    (b"", [], "Note: the sample is empty"),
    (b"x" * 2**21, [], "Note: so the executables were not tried"),
    (b"x" * 2**21 + b"\n", [], "no whole line ends within 1,048,576 bytes"),
])
def test_sample_without_lines_says_so(dry, tmp_path, content, options, words):
    write_files(tmp_path / "in", content)
    code, shown = dry("-i", tmp_path / "in", *options)
    assert code == 0
    assert words in shown


def test_compressed_file_reaches_a_mapper_that_wants_it_whole(dry, tmp_path):
    (tmp_path / "in.gz").write_bytes(gzip.compress(b"a b\n" * 9))
    code, shown = dry("-i", "in.gz", "--no-decompress", mapper="gzip -dc")
    assert code == 0, shown
    assert "make 9 records with 1 key" in shown


@pytest.mark.parametrize("output, name, words", [
    ("in", "run", "is or holds the input directory"),
    (".", "run", "is or holds the working directory"),
    ("in", "submit", "is or holds the input directory"),
    ("out", "streaming", "exists already; name another one"),
])
def test_output_that_the_manager_would_refuse_is_found(
        dry, source, tmp_path, output, name, words):
    (tmp_path / "out").mkdir()
    code, shown = (dry("-input", source, name=name) if name == "streaming"
                   else dry("-i", source, "-o", output, name=name))
    assert code == 2
    assert words in shown
    assert names_in(source) == ["0000", "0001"]


@pytest.mark.parametrize("free, warned", [(14, False), (13, True)])
def test_full_disk_is_foreseen(dry, source, monkeypatch, free, warned):
    monkeypatch.setattr("shutil.disk_usage", lambda path: (
        types.SimpleNamespace(free=free)))
    code, shown = dry("-i", source)
    assert code == 0
    assert ("Warning: only 13 bytes are free" in shown) is warned


def test_standard_input_is_not_read(dry):
    code, shown = dry("-i", "-")
    assert code == 2
    assert "does not read standard input" in shown
