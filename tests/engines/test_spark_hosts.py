"""Spark on hosts with addresses and files of their own.

They share the directories of input and output and nothing else. A copy of
Spark and of Python is on each.
"""
import os
import shutil
import subprocess

import pytest

from tests.support.commands import command
from tests.support.files import TESTDATA, names_in, read_files
from tests.support.namespaces import Network, needs_namespaces
from tests.support.spark import SMALL, SparkCluster, needs_spark, options

pytestmark = [pytest.mark.timeout(600), pytest.mark.by_hand, needs_spark,
              needs_namespaces]

TIMEOUT = 180.0  # seconds for a job
JOB = "-m", "tr -s ' ' '\\n'", "-r", "uniq -c", "--nreducers", "3", "--quiet"


@pytest.fixture(name="network")
def _network():
    """Join three hosts."""
    with Network(3) as network:
        yield network


@pytest.fixture(name="shared")
def _shared(tmp_path):
    """The directories that hosts share: of the input, and of the output."""
    shutil.copytree(TESTDATA / "input", tmp_path / "in")
    (tmp_path / "out").mkdir()
    return tmp_path / "in", tmp_path / "out"


def run_job(network, cluster, shared):
    """Run a job from host 1; return exit code and standard error."""
    host = network.host(1)
    conf = {**SMALL, "spark.driver.host": host, "spark.driver.bindAddress":
            host}
    ended = subprocess.run(
        [*network.host_command(1, *shared), command("run"), "-i",
         str(shared[0]), "-o", str(shared[1] / "result"), *JOB, "--engine",
         "spark", "--master", cluster.url, *options(conf)], cwd="/",
        env={**os.environ, "TMPDIR": "/tmp"}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=TIMEOUT, check=False)
    return ended.returncode, ended.stderr


def test_hosts_share_only_input_and_output(network, shared, tmp_path):
    """The map output goes through the shuffle of Spark."""
    with SparkCluster(
            tmp_path / "cluster",
            [network.host_command(number, *shared) for number in (1, 2, 3)],
            [network.host(number) for number in (1, 2, 3)]) as cluster:
        assert run_job(network, cluster, shared) == (0, "")
    subprocess.run(
        [command("run"), "-i", str(shared[0]), "-o", str(tmp_path / "same"),
         *JOB], check=True)
    assert read_files(shared[1] / "result") == read_files(tmp_path / "same")
    assert names_in(shared[1]) == ["result"]


def test_host_that_does_not_see_the_output_directory(
        network, shared, tmp_path):
    """The error names it."""
    source, output = shared
    with SparkCluster(
            tmp_path / "cluster",
            [network.host_command(1, *shared),
             network.host_command(2, source)],
            [network.host(1), network.host(2)]) as cluster:
        code, stderr = run_job(network, cluster, shared)
    assert code == 1
    assert stderr.startswith("Error: job 0 failed: map task ")
    assert (f"because the host {os.uname().nodename} does not see the output "
            f"directory '{output}/.result-new-") in stderr
    assert len(stderr.splitlines()) == 1
    assert names_in(output) == []
