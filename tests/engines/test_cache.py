"""Whole jobs with --cache: which mappers run, and that the result is right."""
import shutil
import subprocess

import pytest

from tests.support.cluster import MAPPER, REDUCER, pipeline
from tests.support.commands import command, run as run_command
from tests.support.files import (
    TESTDATA,
    in_order,
    names_in,
    write_executable,
)
from tests.support.waiting import TIMEOUT

INPUT = TESTDATA / "input_small"


@pytest.fixture(name="log")
def _log(tmp_path):
    """Return a function: how often mappers have run."""
    path = tmp_path / "log"
    path.touch()
    return lambda: len(path.read_text().splitlines())


@pytest.fixture(name="mapper")
def _mapper(tmp_path, log):
    """Return the path of a mapper that counts its runs."""
    assert log() == 0
    return write_executable(
        tmp_path / "mapper", f"echo run >> {tmp_path}/log",
        f"exec {MAPPER}")


@pytest.fixture(name="cached")
def _cached(client, mapper):
    """Return a function: run a job; return the lines on its cache."""
    def cached(*options, reducer=REDUCER, source=INPUT, name="run"):
        code, stderr = client(
            name, "-i", source, "-o", "output", "-m", mapper, "-r", reducer,
            "--nreducers", 2, "--cache", "cache", *options)
        assert code == 0, stderr
        # Not the row in the table of counters.
        return [line for line in stderr.splitlines()
                if "the cache" in line and line[0].isdigit()]
    return cached


def test_second_run_with_another_reducer_runs_no_mapper(
        cached, client, log):
    """A combiner makes other map output."""
    assert cached() == ["0 of 2 map tasks from the cache"]
    assert log() == 2
    counted = in_order(client.result())
    assert cached(reducer="cat") == ["2 of 2 map tasks from the cache"]
    assert log() == 2
    assert in_order(client.result()) == in_order(pipeline(
        INPUT, MAPPER, "cat"))
    assert cached("--combiner", REDUCER) == ["0 of 2 map tasks from the cache"]
    assert in_order(client.result()) == counted


def test_only_mappers_of_changed_and_new_inputs_run(
        cached, client, log, tmp_path):
    """The result is that of the plain pipeline."""
    source = tmp_path / "input"
    shutil.copytree(INPUT, source)
    options = "--cache-by-content", "--verify"
    cached(*options, source=source)
    verified = log() - 2
    (source / "file02").write_text("another text\n")
    (source / "file00").write_text("a new file\n")
    assert cached(*options, source=source) == [
        "1 of 3 map tasks from the cache"]
    assert log() == 2 + 2 + verified + 3
    assert in_order(client.result()) == in_order(pipeline(
        source, MAPPER, REDUCER))


def test_two_jobs_at_the_same_time_share_a_cache(client, mapper, tmp_path):
    """Both results are right, with an empty and with a full one."""
    arguments = [command("run"), "-i", INPUT, "-m", mapper, "-r", REDUCER,
                 "--nreducers", "2", "--workers", "1", "--quiet", "--cache",
                 tmp_path / "cache"]
    for _ in range(2):
        with (
            subprocess.Popen([*arguments, "-o", "output0"],
                             cwd=client.directory) as one,
            subprocess.Popen([*arguments, "-o", "output1"],
                             cwd=client.directory) as other,
        ):
            assert (one.wait(TIMEOUT), other.wait(TIMEOUT)) == (0, 0)
        for number in range(2):
            output = client.directory / f"output{number}"
            assert in_order(b"".join(
                (output / name).read_bytes() for name in names_in(output))
            ) == in_order(pipeline(INPUT, MAPPER, REDUCER))
    assert len(names_in(tmp_path / "cache")) == 1 + 2


def test_streaming_uses_its_cache_again(
        client, mapper, log):
    """With the option of the same name."""
    for _ in range(2):
        code, stderr = client(
            "streaming", "-input", INPUT, "-output", "output", "-mapper",
            mapper, "-reducer", REDUCER, "--cache", "cache", "--workers", 1)
        assert code == 0, stderr
        shutil.rmtree(client.output)
    assert log() == 2


def test_workers_of_a_cluster_share_a_cache(cluster, mapper, log, tmp_path):
    """A job of a Manager uses it as well."""
    cluster.start(2)
    for number, runs in enumerate((2, 2)):
        output = tmp_path / f"output{number}"
        done = run_command(
            "submit", "--wait", "--port", str(cluster.port), "-i", INPUT,
            "-o", str(output), "-m", mapper, "-r", REDUCER, "--cache",
            str(tmp_path / "cache"))
        assert done.returncode == 0, done.stderr
        # A counter says why something is not there.
        assert f"{number * runs} of {runs} map tasks from the cache" in (
            done.stderr), done.stderr
        assert in_order(b"".join(
            (output / name).read_bytes() for name in names_in(output))
        ) == in_order(pipeline(INPUT, MAPPER, REDUCER))
    assert log() == 2


@pytest.mark.parametrize("options, error", [
    (["--cache-by-content", "-r", "cat"], "--cache-by-content is for --cache"),
    (["--cache", "c", "--nreducers", 0],
     "a job with 0 reduce tasks has no use for --cache"),
    (["--cache", "c", "--engine", "spark", "-r", "cat"],
     "--cache is not for --engine spark"),
    (["--cache", "c", "-i", "-", "-r", "cat"],
     "--cache has no use for standard input"),
])
def test_use_that_is_not_possible_is_refused(client, options, error):
    """Before anything is made."""
    code, stderr = client("run", "-i", INPUT, "-o", "output", "-m", "cat",
                          *options)
    assert (code, error in stderr) == (2, True), stderr
    assert not client.output.exists()
    assert not (client.directory / "c").exists()


def test_directory_that_is_no_cache_is_refused(client):
    """The job fails before its first task."""
    for name in ("full", "input"):
        (client.directory / name).mkdir()
        (client.directory / name / "file").write_text("a\n")
    code, stderr = client(
        "run", "-i", "input", "-o", "output", "-m", "cat", "-r", "cat",
        "--cache", "full")
    assert code == 1
    assert "is no cache: it holds 'file'; name one that is new or" in stderr
    assert "from the cache" not in stderr
    assert not client.output.exists()
