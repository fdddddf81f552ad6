"""The option --dry-run: the plan, the checks and the sample."""
import os
import subprocess

import pytest

from tests.support.cluster import MAPPER, REDUCER
from tests.support.commands import command
from tests.support.files import (
    names_in,
    read_files,
    write_executable,
    write_files,
)
from tests.support.waiting import TIMEOUT

DEPENDS = "Warning: the result depends on"


@pytest.fixture(name="dry")
def _dry(tmp_path):
    """Return a function: the exit code and all lines of a dry run."""
    (tmp_path / "temporary").mkdir()

    def dry(*options, name="run", mapper=MAPPER, reducer=REDUCER):
        program = (["-mapper", mapper, "-reducer", reducer, "-output", "out"]
                   if name == "streaming" else
                   ["-m", mapper, "-r", reducer, "-o", "out"])
        ended = subprocess.run(
            [command(name), "--dry-run", *program, *map(str, options)],
            cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT,
            env={**os.environ, "TMPDIR": str(tmp_path / "temporary")})
        assert names_in(tmp_path / "temporary") == []
        return ended.returncode, ended.stdout + ended.stderr
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
            "as 'a', 'b', 'c'",
            "              and 5 lines of the result",
            "              which depend neither on the number of reduce tasks "
            "nor on the order of the values of a key"):
        assert line in shown.splitlines()
    assert names_in(tmp_path) == ["in", "temporary"]


def test_old_result_stays(dry, source, tmp_path):
    write_files(tmp_path / "out", b"old")
    (tmp_path / "out" / "0000").rename(tmp_path / "out" / "part-00000")
    code, shown = dry("-i", source)
    assert code == 0
    assert "out, of which 1 files would be replaced" in shown
    assert read_files(tmp_path / "out") == {"part-00000": b"old"}


def test_total_across_keys_is_found(dry, source):
    code, shown = dry("-i", source, reducer="wc -l")
    assert code == 0
    assert f"{DEPENDS} the number of reduce tasks" in shown
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
])
def test_bad_interpreter_is_found(dry, source, tmp_path, lines, words):
    (tmp_path / "script").write_bytes(lines)
    (tmp_path / "script").chmod(0o755)
    code, shown = dry("-i", source, mapper="./script")
    assert code == 2
    assert words in shown


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


def test_standard_input_is_not_read(dry):
    code, shown = dry("-i", "-")
    assert code == 2
    assert "does not read standard input" in shown
