"""A Manager that is killed, and the next one on its state directory."""
import subprocess

import pytest

from tests.support.cluster import MAPPER, REDUCER, Cluster, pipeline
from tests.support.commands import command, daemon_command
from tests.support.files import ROOT, in_order, write_executable
from tests.support.job_client import INPUT
from tests.support.waiting import TIMEOUT


@pytest.fixture(name="cluster")
def _cluster(tmp_path):
    with Cluster(tmp_path / "cluster") as cluster:
        start(cluster)
        for _ in range(2):
            cluster.start_worker()
        yield cluster


def start(cluster):
    """Start the next Manager on the state directory."""
    return cluster.start_manager(
        "--state-dir", str(cluster.directory / "state"))


def kill(cluster):
    """Kill the Manager."""
    cluster.manager.process.kill()
    cluster.manager.process.wait()


def test_wait_lives_through_a_restart(cluster, output, gate):
    """Same number, and the exit code of the real end."""
    mapper = write_executable(
        output.parent / "map",
        f"[ \"$mapreduce_task_partition\" = 0 ] || {gate.line}",
        f"exec '{MAPPER}'")
    with subprocess.Popen(
            [command("submit"), "-p", str(cluster.port), "--wait",
             "-i", str(INPUT), "-o", str(output), "-m", mapper, "-r",
             REDUCER, "--nmappers", "3", "--cmdenv", "A=b"],
            cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True) as client:
        # Its first answer: from then on, the client knows that the Manager
        # has the job.
        assert client.stderr.readline().startswith("job 0: ")
        # The third one goes to the Worker that has done the first one.
        cluster.wait_for(lambda: cluster.manager.says("Assigned task", 3))
        kill(cluster)
        assert any("Waiting for it, for up to 60 s" in line
                   for line in client.stderr)
        start(cluster)
        gate.open()
        _, stderr = client.communicate(timeout=TIMEOUT)
    assert client.returncode == 0, stderr
    assert cluster.manager.says("job 0 goes on: ")
    assert in_order(cluster.result(output)) == in_order(
        pipeline(INPUT, MAPPER, REDUCER))
    # A Worker that is not back would not be told to end.
    cluster.wait_for(lambda: all(
        cluster.manager.says(
            f"Registered Worker RemoteWorker('localhost', {worker.port})", 2)
        for worker in cluster.workers))
    assert cluster.shutdown() == [0, 0, 0]
    assert cluster.leftovers() == []


def test_second_manager_is_refused(cluster):
    """In one line."""
    outcome = subprocess.run(
        [*daemon_command("manager"), "--port", "0", "--state-dir",
         str(cluster.directory / "state")],
        cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT)
    assert outcome.returncode == 1
    assert outcome.stderr.startswith("Error: the state directory '")
    assert f"process {cluster.manager.process.pid} on " in outcome.stderr
    assert outcome.stderr.count("\n") == 1
