"""The end of Managers and Workers that are real processes, timely or not."""
import itertools
import os
import signal
import socket
import subprocess
import time

import pytest

from tests.support import wire
from tests.support.cluster import WORD_COUNT, Cluster, pipeline
from tests.support.commands import daemon_command
from tests.support.files import (
    EXECUTABLES,
    TESTDATA,
    in_order,
    write_executable,
)
from tests.support.ports import free_port
from tests.support.waiting import TIMEOUT, wait_until

SMALL = str(TESTDATA / "input_small")
SLOW = {
    "map": {"mapper_executable": str(EXECUTABLES / "wc_map_slow.sh")},
    "reduce": {"reducer_executable": str(EXECUTABLES / "wc_reduce_slow.sh")},
}


def check_small_result(cluster, output):
    """Wait for the result of a word count of the small input."""
    cluster.wait_for_parts(output, 2)
    assert in_order(cluster.result(output)) == in_order(
        pipeline(SMALL, *WORD_COUNT))


@pytest.fixture(name="gated_mapper")
def _gated_mapper(tmp_path, gate):
    """Word count behind the gate; who has passed leaves a file `passed`."""
    return write_executable(
        tmp_path / "gated", gate.line, f"touch '{tmp_path}/passed'",
        f"exec '{WORD_COUNT[0]}'")


@pytest.fixture(name="long_task")
def _long_task(tmp_path):
    """A mapper that takes a minute, and a child of it; and a named pipe.

    They hold that pipe open: reading from it ends when both are gone.
    """
    pipe = tmp_path / "alive"
    os.mkfifo(pipe)
    mapper = write_executable(
        tmp_path / "long", f"exec 3> '{pipe}'", "sleep 600 &", "sleep 600")
    return mapper, pipe


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["map", "reduce"])
def test_worker_is_killed_in_a_task(cluster, tmp_path, stage):
    """The other one does its task, too."""
    cluster.start(2)
    cluster.submit(tmp_path / "output", input_directory=SMALL, **SLOW[stage])
    task = f"Received task {stage.capitalize()}TaskMessage("
    cluster.wait_for(lambda: cluster.workers[0].says(task))
    cluster.kill_worker(0)
    check_small_result(cluster, tmp_path / "output")


@pytest.mark.slow
def test_all_workers_are_killed_and_a_new_one_comes(
        cluster, tmp_path, gate, gated_mapper):
    """It does everything, also what the dead ones had begun."""
    cluster.start(2)
    cluster.submit(tmp_path / "output", input_directory=SMALL,
                   mapper_executable=gated_mapper)
    for number, worker in enumerate(cluster.workers):
        cluster.wait_for(lambda worker=worker: worker.says("Received task"))
        cluster.kill_worker(number)
    gate.open()
    cluster.start_worker()
    check_small_result(cluster, tmp_path / "output")


def test_worker_comes_back_on_its_port(
        cluster, tmp_path, gate, gated_mapper):
    """Its task is given out again."""
    cluster.start(1)
    cluster.submit(tmp_path / "output", input_directory=SMALL,
                   mapper_executable=gated_mapper)
    cluster.wait_for(lambda: cluster.workers[0].says("Received task"))
    cluster.kill_worker(0)
    gate.open()
    cluster.start_worker(port=cluster.workers[0].port)
    check_small_result(cluster, tmp_path / "output")


def seconds_to_end(directory):
    """Return how long a new, idle cluster takes to end."""
    with Cluster(directory) as cluster:
        cluster.start(2)
        began = time.monotonic()
        assert cluster.shutdown() == [0, 0, 0]
        assert cluster.leftovers() == []
        return time.monotonic() - began


def test_idle_cluster_ends_within_two_seconds(tmp_path):
    """With exit code 0, and nothing left."""
    # A busy machine may need longer now and then.
    numbers = itertools.count()
    assert wait_until(lambda: seconds_to_end(
        tmp_path / f"cluster{next(numbers)}") < 2)


def test_shutdown_in_the_middle_of_a_task(
        cluster, tmp_path, gate, gated_mapper):
    """The Manager ends at once, the Worker after its task."""
    cluster.start(1)
    cluster.submit(tmp_path / "output", input_directory=SMALL,
                   mapper_executable=gated_mapper)
    worker = cluster.workers[0]
    cluster.wait_for(lambda: worker.says("Received task"))
    cluster.send(wire.SHUTDOWN)
    assert cluster.manager.process.wait(TIMEOUT) == 0
    assert worker.process.poll() is None
    gate.open()
    assert worker.process.wait(TIMEOUT) == 0
    assert (tmp_path / "passed").exists()
    assert cluster.leftovers() == []


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_ends_a_daemon_and_its_task(cluster, tmp_path, long_task,
                                           number):
    """With exit code 0, no directory and no process left."""
    mapper, pipe = long_task
    cluster.start(1)
    cluster.submit(tmp_path / "output", mapper_executable=mapper)
    with open(pipe, "rb") as alive:
        for daemon in (cluster.manager, cluster.workers[0]):
            daemon.process.send_signal(number)
        assert cluster.exit_codes() == [0, 0]
        assert alive.read() == b""
    assert cluster.leftovers() == []


def test_worker_starts_before_its_manager(cluster, tmp_path):
    """It tries again until there is one."""
    worker = cluster.start_worker()
    cluster.start_manager()
    cluster.wait_for(lambda: cluster.knows(worker))
    cluster.submit(tmp_path / "output", input_directory=SMALL)
    check_small_result(cluster, tmp_path / "output")


@pytest.mark.parametrize("name, kind", [
    ("manager", socket.SOCK_STREAM),
    ("manager", socket.SOCK_DGRAM),
    ("worker", socket.SOCK_STREAM),
])
def test_port_is_in_use(tmp_path, name, kind):
    """One line says so, and nothing stays."""
    port = free_port()
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("localhost", port))
        if kind == socket.SOCK_STREAM:
            sock.listen()
        outcome = subprocess.run(
            [*daemon_command(name), "--port", str(port)], capture_output=True,
            env={**os.environ, "TMPDIR": str(tmp_path)}, text=True,
            timeout=TIMEOUT)
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (
        1, "", f"Error: port {port} is in use; choose another one\n")
    assert not list(tmp_path.iterdir())
