"""The shell line that runs a failed task again."""
import gzip
import subprocess

import pytest

from tests.support.cluster import MAPPER, REDUCER
from tests.support.commands import command
from tests.support.files import write_executable, write_files
from tests.support.waiting import TIMEOUT


def shell(line, program="sh"):
    """Run a line in a shell, elsewhere."""
    return subprocess.run([program, "-c", line], cwd="/", capture_output=True,
                          timeout=TIMEOUT, check=False)


@pytest.fixture(name="noting")
def _noting(tmp_path):
    """An executable that keeps what it is given, and fails if it has an x."""
    return write_executable(
        tmp_path / "noting it", f"cat > '{tmp_path}/seen'",
        'echo "$# $1 $NAME $mapreduce_task_is_map $PWD" \\',
        '"$mapreduce_map_input_file $mapreduce_map_input_start" \\',
        '"$mapreduce_map_input_length $map_input_file" \\',
        f'"$mapreduce_task_attempt_id $mapred_tip_id" >> "{tmp_path}/seen"',
        f"if grep -q x '{tmp_path}/seen'; then exit 3; fi")


def fail(client, *options):
    """Run a job that fails; return its line."""
    code, stderr = client(
        "run", "-o", "output", "--workers", 1, "--max-attempts", 1, *options)
    assert code == 1
    assert stderr.splitlines()[-2] == "Run it again:"
    return stderr.splitlines()[-1]


@pytest.mark.parametrize("compress, options", [
    (None, ["--split-size", 8]), ("gzip", []),
    ("bzip2", ["--concatenate"]), (None, ["--concatenate"]),
], ids=str)
def test_failed_mapper_is_given_the_same_bytes_again(
        client, noting, tmp_path, compress, options):
    [path] = write_files(
        tmp_path / "an input", b"one\ntwo three\nx\nfour\nlast without end")
    if compress:
        subprocess.run([compress, path], check=True)
    line = fail(client, "-i", tmp_path / "an input", "-m",
                f"'{noting}' argument", "-r", REDUCER, "--cmdenv",
                "NAME=a 'value'", *options)
    seen = (tmp_path / "seen").read_bytes()
    (tmp_path / "seen").unlink()
    assert shell(line).returncode == 3
    assert (tmp_path / "seen").read_bytes() == seen
    assert b"1 argument a 'value' true" in seen


@pytest.mark.parametrize("program", ["sh", "bash"])
def test_damaged_input_fails_again(client, tmp_path, program):
    path = tmp_path / "input.gz"
    path.write_bytes(gzip.compress(b"one\n" * 1000)[:-9])
    line = fail(client, "-i", path, "-m", "cat", "-r", REDUCER)
    again = shell(line, program)
    assert (again.returncode, again.stdout) == (1, b"")
    assert b"gzip: stdin: unexpected end of file" in again.stderr


@pytest.mark.parametrize("program", ["sh", "bash"])
def test_program_that_the_system_can_not_start_fails_again(
        client, tmp_path, program):
    """A shell and `env` would run it as a script of sh."""
    (tmp_path / "mapper").write_bytes(b"cat\n")
    (tmp_path / "mapper").chmod(0o755)
    [path] = write_files(tmp_path / "in", b"a\n")
    again = shell(fail(client, "-i", path, "-m", tmp_path / "mapper", "-r",
                       REDUCER), program)
    assert (again.returncode, again.stdout) == (1, b"")
    assert b"Exec format error" in again.stderr


@pytest.mark.parametrize("role", ["combiner", "partitioner"])
def test_failed_combiner_or_partitioner_runs_again(
        client, noting, tmp_path, role):
    write_files(tmp_path / "in", b"b x a\n", b"no newline")
    line = fail(client, "-i", tmp_path / "in", "-m", MAPPER, "-r", REDUCER,
                f"--{role}", f"'{noting}' 'an argument'", "--nmappers", 1,
                "--nreducers", 2)
    seen = (tmp_path / "seen").read_bytes()
    (tmp_path / "seen").unlink()
    assert shell(line).returncode == 3
    assert (tmp_path / "seen").read_bytes() == seen
    assert b"a\t1\n" in seen


def test_failed_reducer_is_given_its_kept_input_again(
        client, noting, tmp_path):
    write_files(tmp_path / "in", b"b x a\n", b"a\n")
    line = fail(client, "-i", tmp_path / "in", "-m", MAPPER, "-r",
                f"'{noting}'", "--nreducers", 1, "--keep-failed", "kept",
                "--cmdenv", "NAME=b")
    kept = client.directory / "kept" / "reducetask00000-input"
    assert kept.read_bytes() == b"a\t1\na\t1\nb\t1\nx\t1\n"
    assert line.endswith(f"< {kept}")
    seen = (tmp_path / "seen").read_bytes()
    (tmp_path / "seen").unlink()
    assert shell(line).returncode == 3
    assert (tmp_path / "seen").read_bytes() == seen


def test_reducer_without_kept_input_has_no_line(client, noting, tmp_path):
    write_files(tmp_path / "in", b"x\n")
    code, stderr = client(
        "run", "-o", "output", "--workers", 1, "--max-attempts", 1, "-i",
        tmp_path / "in", "-m", MAPPER, "-r", f"'{noting}'")
    assert code == 1
    assert "Run it again" not in stderr


def test_line_of_any_task_of_a_cluster(cluster, tmp_path):
    cluster.start(1)
    write_files(tmp_path / "in", b"a b\n", b"c\n")
    job = [command("submit"), "-p", str(cluster.port), "-i",
           str(tmp_path / "in"), "-o", str(tmp_path / "output"), "-m", MAPPER,
           "-r", REDUCER, "--wait", "--quiet"]
    for _ in range(2):  # The first one is not the last that ended.
        subprocess.run(job, check=True, timeout=TIMEOUT)
    status = [command("status"), "-p", str(cluster.port), "0", "--repro"]
    line = subprocess.run([*status, "map", "1"], check=True, timeout=TIMEOUT,
                          capture_output=True, text=True).stdout
    assert shell(line).stdout == b"c\t1\n"
    missing = subprocess.run([*status, "map", "2"], timeout=TIMEOUT,
                             capture_output=True, text=True, check=False)
    assert missing.returncode == 2
    assert "job 0 has no map task 2: it has 2, numbered" in missing.stderr
    gone = subprocess.run([*status, "reduce", "0"], timeout=TIMEOUT,
                          capture_output=True, text=True, check=False)
    assert gone.returncode == 1
    assert "of this task is not there" in gone.stderr


def test_failed_job_of_a_cluster_shows_the_line(cluster, tmp_path):
    cluster.start(1)
    write_files(tmp_path / "in", b"a b\n")
    job = subprocess.run(
        [command("submit"), "-p", str(cluster.port), "-i",
         str(tmp_path / "in"), "-o", str(tmp_path / "output"), "-m",
         write_executable(tmp_path / "bad", "exit 5"), "-r", REDUCER,
         "--wait", "--quiet"], check=False, timeout=TIMEOUT,
        capture_output=True, text=True)
    assert job.returncode == 1
    line = job.stderr.splitlines()[-1]
    assert shell(line).returncode == 5
    status = subprocess.run(
        [command("status"), "-p", str(cluster.port), "0"], check=True,
        timeout=TIMEOUT, capture_output=True, text=True)
    assert status.stderr.splitlines() == ["Run it again:", line]
