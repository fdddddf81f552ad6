"""Jobs that were written for other tools give their results here, unchanged.

Each folder of tests/testdata/jobs is one, with what must come out of it.
"""
import os
import shutil
import subprocess
import sys

import pytest

from tests.support.commands import command
from tests.support.files import TESTDATA
from tests.support.waiting import TIMEOUT


@pytest.fixture(name="run")
def _run(tmp_path):
    """Return a function: run a script of a job in a copy of its folder."""
    programs = tmp_path / "bin"
    programs.mkdir()
    streaming = command("streaming")
    for name in ("mapreduce-streaming", "madoop"):
        (programs / name).symlink_to(streaming)
    # The interpreter of the tests may have mrjob.
    path = os.pathsep.join([
        str(programs), os.path.dirname(sys.executable), os.environ["PATH"]])

    def run(job, script):
        folder = tmp_path / job
        shutil.copytree(TESTDATA / "jobs" / job, folder)
        done = subprocess.run(
            [folder / script], cwd=folder, env={**os.environ, "PATH": path},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=TIMEOUT, check=False)
        assert done.returncode == 0, done.stderr
        assert "unknown" not in done.stderr
        return folder, counters_in(done.stderr)
    return run


def counters_in(stderr):
    """Return the counters that were shown, but for those of records."""
    rows = [line.rsplit(None, 1) for line in stderr.splitlines()
            if line.split(None, 1)[0] in ("posts", "list", "rides",
                                          "stations")]
    return sorted(" ".join(name.split()) + f" {amount}"
                  for name, amount in rows)


def expected(folder, name):
    """Return the lines of a file of a job, with single spaces."""
    return [" ".join(line.split())
            for line in (folder / name).read_text().splitlines()]


def lines_of(folder, output):
    """Return the lines of all parts, sorted."""
    return sorted(line for part in (folder / output).glob("part-*")
                  for line in part.read_text().splitlines())


def test_list_of_paths(run):
    """Two lines of a list for each mapper."""
    folder, counters = run("hadoop-list-of-paths", "run.sh")
    assert lines_of(folder, "output") == (
        folder / "expected-result.txt").read_text().splitlines()
    assert counters == expected(folder, "expected-counters.txt")


def test_secondary_sort(run):
    """The reducer trusts the order of two fields."""
    folder, counters = run("hadoop-secondary-sort", "run.sh")
    assert lines_of(folder, "output") == (
        folder / "expected-result.txt").read_text().splitlines()
    assert counters == expected(folder, "expected-counters.txt")
    parts = [{line.split("\t")[0] for line in part.read_text().splitlines()}
             for part in (folder / "output").glob("part-*")]
    assert len(parts) == 3
    assert sum(map(len, parts)) == len(set().union(*parts))


def test_inverted_index_in_three_jobs(run):
    """Each reads the output of the one before, with hidden files beside."""
    folder, _ = run("madoop-tf-idf", "pipeline.sh")
    for number in range(3):
        name = f"part-{number:05d}"
        assert (folder / "output2" / name).read_bytes() == (
            folder / f"expected-{name}").read_bytes()


def test_steps_of_mrjob(run):
    pytest.importorskip("mrjob")
    folder, counters = run("mrjob-rides", "run.sh")
    assert lines_of(folder, "output1") == (
        folder / "expected-result.txt").read_text().splitlines()
    assert counters == expected(folder, "expected-counters.txt")
