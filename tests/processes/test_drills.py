"""Faults that a user asks for, to see what happens then."""
import signal
import subprocess

import pytest

from tests.support.cluster import WORD_COUNT, pipeline
from tests.support.faults import SMALL, restart_worker
from tests.support.files import ROOT, in_order
from tests.support.ports import answers
from tests.support.waiting import TIMEOUT

# Drills


def test_worker_fails_after_so_many_tasks(cluster, tmp_path, output):
    """At once and without a word; another one does the rest."""
    cluster.start_manager()
    worker = cluster.start_worker("--fail-after", "1")
    cluster.submit(output, input_directory=SMALL)
    assert worker.process.wait(TIMEOUT) == 1
    assert worker.says("Finished task 0")
    assert not worker.says("Ended")
    restart_worker(cluster, 0)
    cluster.wait_for_parts(output, 2)
    assert in_order(cluster.result(output)) == in_order(
        pipeline(SMALL, *WORD_COUNT))


def kill_worker(*arguments):
    """Run bin/mapreduce kill-worker; return its output and exit code."""
    outcome = subprocess.run(
        [ROOT / "bin/mapreduce", "kill-worker", *arguments],
        capture_output=True, text=True, timeout=TIMEOUT)
    assert outcome.stderr == ""
    return outcome.stdout, outcome.returncode


def test_worker_on_a_port_is_killed(cluster):
    """No other one, and not a Manager."""
    cluster.start(2)
    port = cluster.workers[0].port
    assert kill_worker(str(port)) == (
        f"killed mapreduce worker on port {port}\n", 0)
    code = cluster.workers[0].process.wait(TIMEOUT)
    assert code == -signal.SIGKILL
    for nobody in (port, cluster.port):
        assert kill_worker(str(nobody)) == (
            f"Error: no mapreduce-worker was started on port {nobody}\n", 1)
    assert answers(cluster.port)
    assert answers(cluster.workers[1].port)


@pytest.mark.parametrize("arguments", [[], ["6001", "6002"]])
def test_kill_worker_wants_one_port(arguments):
    """It tells its usage."""
    output, code = kill_worker(*arguments)
    assert output.startswith("Usage: ") and "kill-worker PORT" in output
    assert code == 1
