"""The result on standard output: -o -."""
import subprocess

import pytest

from tests.support.cluster import MAPPER, REDUCER
from tests.support.commands import command
from tests.support.files import in_order, names_in
from tests.support.local_run import INPUT, expected
from tests.support.waiting import TIMEOUT

RUN = [command("run"), "-i", INPUT, "-o", "-", "-m", MAPPER, "-r", REDUCER,
       "--workers", "1"]
STREAMING = [command("streaming"), "-input", INPUT, "-output", "-",
             "-mapper", MAPPER, "-reducer", REDUCER, "--workers", "1"]


def run_to_end(run, *words):
    """Return the exit code, standard output and the lines of errors."""
    ended = subprocess.run(
        words, cwd=run.directory, env=run.env, timeout=TIMEOUT, check=False,
        stdin=subprocess.DEVNULL, capture_output=True)
    assert names_in(run.directory) == names_in(run.temporary) == []
    return (ended.returncode, ended.stdout,
            ended.stderr.decode().splitlines())


@pytest.mark.parametrize("words", [RUN, STREAMING], ids=["run", "streaming"])
def test_result_is_printed(run, words):
    """And nothing else there; nothing is left on the disk."""
    code, stdout, lines = run_to_end(run, *words)
    assert (code, in_order(stdout)) == (0, expected())
    assert lines[-1].startswith("Done in ") and lines[-1].endswith(
        "in standard output")


def test_parts_are_printed_in_order(run):
    """As `cat output/part-*` does."""
    stdout = run_to_end(run, *RUN, "--nreducers", "3")[1]
    subprocess.run([*RUN, "--nreducers", "3", "-o", "output"], check=True,
                   cwd=run.directory, env=run.env, capture_output=True)
    assert stdout == run.result()


def test_failed_job_prints_nothing(run):
    code, stdout, lines = run_to_end(
        run, *RUN, "-m", "false", "--nmappers", "1", "--quiet")
    assert (code, stdout, lines[:-1]) == (1, b"", [
        "Error: job 0 failed: map task 0 failed 4 times, the last time "
        f"because false on the input '{INPUT}/file01' exited 1",
        "Run it again:"])
    assert lines[-1].startswith(f"cd {run.directory} && env ")


def test_reader_that_ends_early(run):
    """No traceback, and nothing is left."""
    with subprocess.Popen(
            [*RUN, "--quiet", "-m", "seq 1000000", "-r", "cat"],
            cwd=run.directory, env=run.env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(TIMEOUT) == 1
    assert names_in(run.directory) == names_in(run.temporary) == []


def test_full_disk(run):
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            [*RUN, "--quiet"], cwd=run.directory, env=run.env, check=False,
            stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE)
    assert (ended.returncode, ended.stderr) == (
        1, b"Error: cannot write the output: No space left on device\n")
    assert names_in(run.temporary) == []
