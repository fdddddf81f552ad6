"""Daemons that are killed, stopped and started again."""
import os
import select

import pytest

from tests.support.cluster import Daemon
from tests.support.faults import (
    EXECUTABLE_OF,
    ONE_TASK,
    SMALL,
    check_next_job,
    has_registered,
    stopped,
)
from tests.support.files import names_in, write_executable
from tests.support.waiting import TIMEOUT

# Processes


@pytest.fixture(name="alive")
def _alive(tmp_path):
    """A named pipe, which ends with the last of those who hold it open."""
    path = tmp_path / "alive"
    os.mkfifo(path)
    return path


def check_end(pipe):
    """Check that no process holds a pipe open for long."""
    assert select.select([pipe], [], [], TIMEOUT)[0]
    assert pipe.read() == b""


@pytest.mark.parametrize("executable", EXECUTABLE_OF.values())
def test_killed_worker_leaves_no_process(
        cluster, tmp_path, output, alive, executable):
    """Its reaper kills them all, also the children."""
    # When it goes on, the Worker has read its output or written its input.
    long_task = write_executable(
        tmp_path / "long", "read -r line", "head -c 1000000 /dev/zero",
        f"exec 3> '{alive}'", "sleep 600 &", "trap '' HUP INT TERM",
        "sleep 600")
    cluster.start(1)
    cluster.submit(output, input_directory=SMALL, **ONE_TASK,
                   **{executable: long_task})
    with open(alive, "rb") as pipe:
        cluster.kill_worker(0)
        check_end(pipe)


def test_worker_that_is_killed_at_once_leaves_no_process(
        cluster, tmp_path, output, alive):
    """By the process itself, the moment that it runs."""
    deadly = write_executable(
        tmp_path / "deadly", f"exec 3> '{alive}'", "kill -9 $PPID",
        "sleep 600")
    cluster.start(1)
    cluster.submit(output, mapper_executable=deadly, **ONE_TASK)
    with open(alive, "rb") as pipe:
        check_end(pipe)


def test_killed_daemons_leave_directories_to_the_next_start(
        cluster, tmp_path, output, gate):
    """It removes them, but not those in use, nor those of others."""
    gated = write_executable(tmp_path / "gated", gate.line, "exec cat")
    foreign = [cluster.local / "mapreduce-local-mine",
               cluster.shared / "mapreduce-shared-mine"]
    for directory in foreign:
        directory.mkdir()
    cluster.start(1)
    cluster.submit(output, mapper_executable=gated, **ONE_TASK)
    cluster.wait_for(lambda: len(cluster.leftovers()) == 4)
    in_use = set(cluster.leftovers())
    cluster.start_worker()
    assert set(cluster.leftovers()) == in_use
    for daemon in (cluster.manager, cluster.workers[0]):
        daemon.process.kill()
        daemon.process.wait()
    cluster.start_manager()
    cluster.start_worker()
    assert in_use & set(cluster.leftovers()) == set(foreign)


def test_manager_that_is_told_to_end_as_it_starts_leaves_nothing(cluster):
    """The moment that its directory is there."""
    cluster.manager = Daemon(
        "manager", cluster.port, cluster.directory, cluster.env,
        "--shared_dir", str(cluster.shared))
    while not names_in(cluster.shared):
        pass  # Only a busy wait is soon enough.
    cluster.manager.process.terminate()
    assert cluster.exit_codes() == [0]
    assert cluster.leftovers() == []


# Workers and Managers come and go

@pytest.mark.slow
def test_worker_that_was_stopped_harms_no_later_job(
        cluster, tmp_path, output, gate, second_gate):
    """It is thought dead, continues in another job, and registers again."""
    first, second = (
        write_executable(tmp_path / name, gate.line, f"echo {name}")
        for name, gate in (("first", gate), ("second", second_gate)))
    cluster.start(2)
    late, other = cluster.workers
    cluster.submit(output, reducer_executable=first, **ONE_TASK)
    cluster.wait_for(lambda: late.says("Received task ReduceTaskMessage"))
    with stopped(late):
        cluster.wait_for(
            lambda: other.says("Received task ReduceTaskMessage"))
        gate.open()
        cluster.wait_for_parts(output, 1)
        cluster.submit(output, reducer_executable=second, **ONE_TASK)
        cluster.wait_for(
            lambda: other.says("Received task ReduceTaskMessage", 2))
    cluster.wait_for(lambda: has_registered(cluster, late, 2))
    assert names_in(output) == []
    second_gate.open()
    cluster.wait_for_parts(output, 1)
    assert cluster.result(output) == b"second\n"
    assert not late.says('"message_type": "finished",\n  "task_id": 0', 2)
    cluster.kill_worker(1)
    check_next_job(cluster, tmp_path / "next")


def test_workers_find_the_next_manager(cluster, tmp_path):
    """By themselves, when theirs was killed."""
    cluster.start(2)
    cluster.manager.process.kill()
    cluster.manager.process.wait()
    for worker in cluster.workers:
        cluster.wait_for(lambda worker=worker: worker.says("Lost contact"))
    cluster.start_manager()
    for worker in cluster.workers:
        cluster.wait_for(
            lambda worker=worker: has_registered(cluster, worker, 2))
    check_next_job(cluster, tmp_path / "next")


def test_workers_find_a_manager_that_came_between_two_heartbeats(
        cluster, tmp_path):
    """No message of the Worker was refused."""
    cluster.start(1)
    (worker,) = cluster.workers
    with stopped(worker):
        cluster.manager.process.kill()
        cluster.manager.process.wait()
        cluster.start_manager()
    cluster.wait_for(lambda: has_registered(cluster, worker, 2))
    assert cluster.manager.says("register_again")
    check_next_job(cluster, tmp_path / "next")


@pytest.mark.slow
def test_manager_that_was_stopped_declares_nobody_dead(cluster, tmp_path):
    """Heartbeats have waited for it: six, which took twelve seconds."""
    cluster.start(1)
    (worker,) = cluster.workers
    sent = worker.log.read_text().count("UDP send")
    with stopped(cluster.manager):
        cluster.wait_for(lambda: worker.says("UDP send", sent + 6))
        received = cluster.manager.log.read_text().count("UDP recv")
    # These six, and enough others for the Manager to count the silent.
    cluster.wait_for(
        lambda: cluster.manager.says("UDP recv", received + 6 + 3))
    check_next_job(cluster, tmp_path / "next")
    assert not cluster.manager.says("Worker died")
    assert not has_registered(cluster, worker, 2)
