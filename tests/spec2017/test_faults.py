"""Workers of the 2017 dialect that die, stop or fail, and slow clients."""
import contextlib
import os
import signal
import socket

import pytest

from tests.support.cluster import WORD_COUNT, pipeline
from tests.support.files import (
    TESTDATA,
    in_order,
    names_in,
    write_executable,
    write_files,
)
from tests.support.waiting import TIMEOUT

EXPECTED = in_order(pipeline(TESTDATA / "input", *WORD_COUNT))


@pytest.fixture(name="stages")
def _stages(tmp_path, gate):
    """Executables that wait at the gate; one that runs leaves `started`."""
    return {
        f"{name}_executable": write_executable(
            tmp_path / name, f"touch '{tmp_path}/{name}-started'", gate.line,
            f"exec '{command}'")
        for name, command in zip(("mapper", "reducer"), WORD_COUNT)}


@pytest.mark.slow
@pytest.mark.parametrize("stage, number", [
    ("mapper", signal.SIGSTOP), ("reducer", signal.SIGKILL)])
def test_worker_falls_silent_in_a_task(
        old_cluster, tmp_path, gate, stages, stage, number):
    """The other one does it, too; a continued one does no harm."""
    old_cluster.start(1)
    name = f"{stage}_executable"
    old_cluster.submit("output", **{name: stages[name]})
    old_cluster.wait_for((tmp_path / f"{stage}-started").exists)
    old_cluster.start_worker()
    old_cluster.workers[0].send_signal(number)
    old_cluster.wait_for(
        lambda: "Worker died: no heartbeat" in old_cluster.logs())
    old_cluster.workers[0].send_signal(signal.SIGCONT)
    gate.open()
    old_cluster.wait_for_job()
    assert in_order(old_cluster.result("output")) == EXPECTED
    old_cluster.submit("next")
    old_cluster.wait_for_job(1)
    assert in_order(old_cluster.result("next")) == EXPECTED
    old_cluster.wait_for(lambda: old_cluster.leftovers() == [])


@pytest.mark.slow
def test_worker_is_killed_while_it_sorts(old_cluster, tmp_path):
    """All are dead then; a new one goes on."""
    lines = b"".join(b"%09d\n" % (n * 7919 % 10**9) for n in range(100_000))
    write_files(tmp_path / "input", lines, lines)
    old_cluster.start(1)
    old_cluster.submit("output", input_directory=str(tmp_path / "input"),
                       mapper_executable="cat", reducer_executable="cat")
    old_cluster.wait_for(
        lambda: "Received task SortJobMessage" in old_cluster.logs())
    old_cluster.workers[0].kill()
    old_cluster.workers[0].wait()
    old_cluster.start_worker()
    old_cluster.wait_for_job()
    assert in_order(old_cluster.result("output")) == sorted(
        2 * lines.splitlines(keepends=True))
    assert old_cluster.leftovers() == []


@pytest.mark.slow
def test_executable_that_fails_costs_four_workers_and_its_job(
        old_cluster, tmp_path):
    """Those that are restarted on their port are noticed at once."""
    failing = write_executable(tmp_path / "failing", "exit 3")
    old_cluster.start(1)
    old_cluster.submit("output", mapper_executable=failing, num_mappers=1)
    old_cluster.submit("next")
    port = int(old_cluster.workers[0].args[-1])
    for _ in range(3):
        assert old_cluster.workers[-1].wait(TIMEOUT) == 1
        old_cluster.start_worker(port)
    assert old_cluster.workers[-1].wait(TIMEOUT) == 1
    old_cluster.start_worker(port)
    old_cluster.wait_for_job(1)
    assert old_cluster.logs().count("[ERROR] Job 0 failed: 4 Workers died") \
        == 1
    assert in_order(old_cluster.result("next")) == EXPECTED
    assert names_in(old_cluster.directory / "output") == []


def test_slow_clients_keep_nobody_waiting(old_cluster):
    old_cluster.start_master()
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            sock = stack.enter_context(socket.create_connection(
                ("localhost", old_cluster.port)))
            sock.sendall(b"{")
        old_cluster.start_worker()
        assert in_order(old_cluster.run_job("output")) == EXPECTED


@pytest.mark.parametrize("directory, reason", [
    ("gone", "cannot read the input 'gone': No such file or directory"),
    ("pipes", "the input 'pipes/pipe' is no regular file")])
def test_input_that_cannot_be_read_fails_the_job(
        old_cluster, make_pipe_in, directory, reason):
    make_pipe_in("pipes")
    old_cluster.start(1)
    old_cluster.submit("output", input_directory=directory)
    old_cluster.submit("next")
    old_cluster.wait_for_job(1)
    assert f"[ERROR] Job 0 failed: {reason}" in old_cluster.logs()


@pytest.fixture(name="make_pipe_in")
def _make_pipe_in(old_cluster):
    """A function: make a directory with a named pipe in it."""
    def make(name):
        (old_cluster.directory / name).mkdir()
        os.mkfifo(old_cluster.directory / name / "pipe")
    return make


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_master(old_cluster, number):
    old_cluster.start_master()
    old_cluster.master.send_signal(number)
    assert old_cluster.master.wait(TIMEOUT) == 0
