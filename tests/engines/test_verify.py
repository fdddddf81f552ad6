"""The option --verify: the result against the plain pipeline."""
import gzip

import pytest

from tests.support.cluster import MAPPER, REDUCER
from tests.support.commands import run as run_command
from tests.support.files import write_executable, write_files
from tests.support.job_client import INPUT

SAME = "Verified: map | sort | reduce gives the same lines"


@pytest.fixture(name="verify")
def _verify(client):
    """Return a function: run a job with --verify."""
    def verify(*options, source=INPUT, mapper=MAPPER, reducer=REDUCER):
        return client("run", "--verify", "-i", source, "-o", "output", "-m",
                      mapper, "-r", reducer, "--workers", 1, *options)
    return verify


@pytest.mark.parametrize("options", [
    ["--combiner", REDUCER, "--nmappers", 3], ["--nreducers", 0],
    ["--concatenate", "--nreducers", 1],
], ids=str)
def test_right_result_is_verified(client, options):
    stage = [] if 0 in options else ["-r", REDUCER]
    code, stderr = client(
        "run", "--verify", "-i", INPUT, "-o", "output", "-m", MAPPER, *stage,
        "--workers", 1, *options)
    assert code == 0, stderr
    assert SAME in stderr


@pytest.mark.parametrize("number", [1, 2, 3])
def test_map_output_without_newlines_is_verified(client, tmp_path, number):
    source = tmp_path / "in"
    write_files(source, b"one", b"two", b"a\nb", b"last")
    code, stderr = client(
        "run", "--verify", "-i", source, "-o", "output", "-m", "cat",
        "--workers", 1, "--nreducers", 0, "--nmappers", number)
    assert code == 0, stderr
    assert SAME in stderr


def test_reducer_across_keys_is_found(verify, client):
    code, stderr = verify("--nreducers", 2, "--quiet", reducer="wc -l")
    assert code == 1
    assert "not that of map | sort | reduce" in stderr
    assert "only in part-0000" in stderr
    assert "only in map | sort | reduce: '" in stderr
    assert len(list(client.output.iterdir())) == 2


def test_lines_are_named_with_the_part_they_come_from(verify, tmp_path):
    [source] = write_files(tmp_path / "in", b"a\nb\n")
    code, stderr = verify("--nreducers", 1, "--quiet", source=source,
                          mapper="cat", reducer=write_executable(
                              tmp_path / "named", 'sed "s/$/$mapred_odd/"'))
    assert (code, stderr) == (0, "")
    counter = tmp_path / "counter"
    code, stderr = verify(
        "--nreducers", 1, "--quiet", source=source, mapper="cat",
        reducer=write_executable(
            tmp_path / "first", f"if [ -e '{counter}' ]; then exec cat; fi",
            f"touch '{counter}'", "sed s/b/wrong/"))
    assert code == 1
    assert stderr.splitlines()[1:] == [
        "  only in part-00000: 'wrong'",
        "  only in map | sort | reduce: 'b'"]


def test_wrong_combiner_is_found(verify):
    code, stderr = verify("--combiner", "head -n 1", "--quiet")
    assert code == 1
    assert "only in map | sort | reduce" in stderr


def test_compressed_and_bad_inputs_are_the_same_in_both(verify, tmp_path):
    directory = tmp_path / "in"
    directory.mkdir()
    (directory / "a.gz").write_bytes(gzip.compress(b"one two\nlast"))
    (directory / "b.gz").write_bytes(b"no gzip")
    (directory / "c").write_bytes(b"three\n")
    code, stderr = verify("--skip-bad-inputs", source=directory)
    assert code == 0, stderr
    assert SAME in stderr


def test_compressed_result_is_verified(verify):
    code, stderr = verify("--compress", "xz", "--nreducers", 2)
    assert code == 0, stderr
    assert SAME in stderr
    code, stderr = verify("--compress", "xz", "--nreducers", 2,
                          reducer="wc -l")
    assert code == 1
    assert "only in part-0000" in stderr


def test_wrong_partitioner_is_found(verify):
    code, stderr = verify("--nreducers", 2, "--quiet", "--partitioner",
                          "sh -c 'awk \"{print NR % 2}\"'")
    assert code == 1
    assert "only in part-00000, part-00001: " in stderr


def test_executables_find_what_they_find_in_a_task(
        verify, client, tmp_path):
    (client.directory / "table").write_text("a line\n")
    mapper = write_executable(
        tmp_path / "map", "set -eu", "cat table",
        'printf "%s\\t" "$mapreduce_map_input_file" "$mapred_task_is_map"',
        "echo x > \"$mapreduce_task_output_dir/side-$mapreduce_task_id\"",
        "cat", "exit 3")
    code, stderr = verify("--any-exit-code", "--file", "table",
                          mapper=mapper, reducer="cat")
    assert code == 0, stderr
    assert SAME in stderr


def test_result_on_standard_output_is_verified(tmp_path):
    source = tmp_path / "in"
    source.write_text("b a\n")
    ended = run_command(
        "run", "--verify", "--quiet", "-i", str(source), "-o", "-",
        "-m", MAPPER, "-r", REDUCER, "--nreducers", "1")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert sorted(ended.stdout.split()) == ["1", "1", "a", "b"]


def test_streaming_verifies(client):
    code, stderr = client(
        "streaming", "--verify", "-input", INPUT, "-output", "output",
        "-mapper", MAPPER, "-reducer", REDUCER, "-numReduceTasks", 2)
    assert code == 0, stderr
    assert SAME in stderr


def test_manager_can_not_verify(client):
    code, stderr = client(
        "streaming", "--verify", "-input", INPUT, "-output", "output",
        "-mapper", MAPPER, "-reducer", REDUCER, "-manager", "localhost:1")
    assert code == 2
    assert "--verify is for a job without -manager" in stderr
