"""The Worker, with sockets of the tests' own.

The stages of a task have tests of their own; here is what the Worker hears and
sends, when, and that it keeps to the contract's rules on sockets and threads.
"""
import itertools
import os
import subprocess
import tempfile
import threading

import pytest

from mapreduce.worker import Worker
from tests.support import wire
from tests.support.files import read_files, write_executable, write_files
from tests.support.mocked_worker import (
    MANAGER,
    REGISTERED,
    finished,
    run_worker,
)
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("temporary")

BEAT = (*MANAGER, wire.heartbeat(6001))


@pytest.fixture(name="gated")
def _gated(tmp_path, gate):
    """A mapper that writes a line to `journal`, and one after the gate."""
    journal = tmp_path / "journal"
    return write_executable(
        tmp_path / "gated", f"echo began >> '{journal}'", gate.line,
        f"echo ended >> '{journal}'", "exec cat")


@pytest.fixture(name="paths")
def _paths(tmp_path):
    """Two input files."""
    return write_files(tmp_path / "input", b"e\t1\na\t1\n", b"d\t1\n")


@pytest.fixture(name="at_report")
def _at_report(sockets, output):
    """What the output directory holds when a task is being reported."""
    files = {}

    def before_send(message):
        if message["message_type"] == "finished":
            files.update(read_files(output))

    sockets.before_send = before_send
    return files


@pytest.fixture(name="spied")
def _spied(mocker):
    """The temporary directories and the processes made, in order.

    They are looked up on their modules, as other test suites want it.
    """
    made = []
    make, start = tempfile.TemporaryDirectory, subprocess.Popen

    def spied_make(*, prefix):
        made.append(prefix)
        return make(prefix=prefix)

    def spied_start(command, **kwargs):
        made.append(command[0])
        return start(command, **kwargs)

    mocker.patch("tempfile.TemporaryDirectory", spied_make)
    mocker.patch("subprocess.Popen", spied_start)
    return made


def wait_for_gated(tmp_path):
    """Wait until the gated mapper has begun."""
    assert wait_until((tmp_path / "journal").exists)


def test_worker_registers_once(sockets):
    """It listens first, and sends no heartbeat without an ack."""
    serving = []

    def messages():
        sockets.wait_for("register")
        yield from ()

    sockets.before_send = lambda message: serving.extend(sockets.serving)
    sockets.hear(messages())
    run_worker()
    assert serving == [("TCP", ("localhost", 6001))]
    assert sockets.sent == [REGISTERED]
    assert sockets.sent_udp == []


def test_shutdown_may_come_before_anything_else(sockets):
    """The arguments of the Worker go by position, too."""
    Worker("localhost", 6001, "localhost", 6000)
    assert sockets.sent == [REGISTERED]
    assert sockets.sent_udp == []


def test_heartbeats_begin_with_the_ack(sockets, mocker):
    """The first one comes at once, the others at intervals."""
    mocker.patch("mapreduce.worker.manager_link.HEARTBEAT_INTERVAL", 0.05)
    sent_before = []

    def messages():
        sockets.wait_for("register")
        sent_before.extend(sockets.sent_udp)
        yield wire.ACK
        sockets.wait_for("heartbeat", 3)

    sockets.hear(messages())
    run_worker()
    assert sent_before == []
    assert set(map(repr, sockets.sent_udp)) == {repr(BEAT)}


def test_second_ack_starts_no_second_heartbeat(
        sockets, mocker, paths, output):
    """A task comes after it, so that it has been heard in the end."""
    mocker.patch("mapreduce.worker.manager_link.HEARTBEAT_INTERVAL", 60.0)
    threads = []

    def messages():
        yield wire.ACK
        sockets.wait_for("heartbeat")
        threads.append(threading.active_count())
        yield wire.ACK
        yield wire.map_task(0, paths, "cat", output, 1)
        sockets.wait_for("finished")
        threads.append(threading.active_count())

    sockets.hear(messages())
    run_worker()
    assert sockets.sent_udp == [BEAT]
    assert threads[0] == threads[1]


def test_heartbeats_go_on_during_a_task(
        sockets, mocker, tmp_path, gate, gated, paths, output):
    """The task ends only after three more of them."""
    mocker.patch("mapreduce.worker.manager_link.HEARTBEAT_INTERVAL", 0.05)

    def messages():
        yield wire.ACK
        yield wire.map_task(0, paths, gated, output, 1)
        wait_for_gated(tmp_path)
        sockets.wait_for("heartbeat", len(sockets.sent_udp) + 3)
        gate.open()
        sockets.wait_for("finished")

    sockets.hear(messages())
    run_worker()
    assert sockets.sent == [REGISTERED, finished(0)]


def test_nobody_comes_between_connect_and_sendall(sockets, mocker, output):
    """Heartbeats without a pause meet the reports of twenty tasks."""
    mocker.patch("mapreduce.worker.manager_link.HEARTBEAT_INTERVAL", 0.0)

    def messages():
        yield wire.ACK
        for task_id in range(20):
            yield wire.map_task(task_id, [], "cat", output, 1)
        sockets.wait_for("finished", 20)

    sockets.hear(messages())
    run_worker()
    assert sockets.sent == [REGISTERED, *map(finished, range(20))]


def test_map_task(sockets, paths, output, at_report, spied):
    """Reported when its files are there; started in the ways agreed on."""
    def messages():
        yield wire.ACK
        yield wire.map_task(3, paths, "cat", output, 2)
        sockets.wait_for("finished")

    sockets.hear(messages())
    run_worker()
    assert sockets.sent == [REGISTERED, finished(3)]
    assert at_report == {"maptask00003-part00000": b"e\t1\n",
                         "maptask00003-part00001": b"a\t1\nd\t1\n"}
    assert spied == ["mapreduce-local-task00003-",
                     "cat", "cat", "sort", "sort"]


def test_reduce_task(sockets, tmp_path, output, at_report, spied):
    """Reported when its file is there; started in the ways agreed on."""
    paths = write_files(tmp_path / "mapped", b"a\t1\nc\t1\n", b"b\t1\n")

    def messages():
        yield wire.ACK
        yield wire.reduce_task(3, "cat", paths, output)
        sockets.wait_for("finished")

    sockets.hear(messages())
    run_worker()
    assert sockets.sent == [REGISTERED, finished(3)]
    assert at_report == {"part-00003": b"a\t1\nb\t1\nc\t1\n"}
    assert spied == ["mapreduce-local-task00003-", "cat"]


def test_second_task_waits_for_the_first(
        sockets, tmp_path, gate, gated, paths, output):
    """It arrives while the first one runs."""
    def messages():
        yield wire.ACK
        yield wire.map_task(7, paths[:1], gated, output, 1)
        wait_for_gated(tmp_path)
        yield wire.map_task(2, paths[:1], gated, output, 1)
        gate.open()
        sockets.wait_for("finished", 2)

    sockets.hear(messages())
    run_worker()
    assert sockets.sent == [REGISTERED, finished(7), finished(2)]
    assert (tmp_path / "journal").read_text().split() == [
        "began", "ended", "began", "ended"]


def test_shutdown_waits_for_the_end_of_the_task(
        sockets, tmp_path, gate, gated, paths, output):
    """The task is let go on when the Worker has heard the shutdown."""
    def let_pass():
        sockets.over.wait()
        gate.open()

    def messages():
        yield wire.ACK
        yield wire.map_task(0, paths, gated, output, 1)
        wait_for_gated(tmp_path)

    passing = threading.Thread(target=let_pass)
    passing.start()
    sockets.hear(messages())
    run_worker()
    passing.join()
    assert sockets.sent == [REGISTERED, finished(0)]
    assert os.listdir(output) == ["maptask00000-part00000"]


def test_refused_registration_is_tried_again(sockets, mocker):
    """After one delay, then after another, until it succeeds; then no more."""
    mocker.patch("mapreduce.worker.manager_link.FIRST_DELAY", 0.06)
    mocker.patch("mapreduce.worker.manager_link.DELAY", 0.15)
    sockets.refusing.add(MANAGER)

    def messages():
        sockets.wait_until(lambda: len(sockets.refused) == 4)
        sockets.refusing.clear()
        sockets.wait_for("register")
        yield wire.ACK

    sockets.hear(messages())
    run_worker()
    assert sockets.sent == [REGISTERED]
    assert sockets.refused == 4 * [MANAGER]
    delays = [later - earlier for earlier, later
              in itertools.pairwise(sockets.refused_times)]
    assert all(map(float.__ge__, delays, [0.04, 0.1, 0.1]))


def test_refused_report_means_registering_again(
        sockets, mocker, tmp_path, gate, gated, paths, output):
    """The Manager went away during a task; another one takes its place."""
    mocker.patch("mapreduce.worker.manager_link.FIRST_DELAY", 0.05)

    def messages():
        yield wire.ACK
        yield wire.map_task(0, paths, gated, output, 1)
        wait_for_gated(tmp_path)
        sockets.refusing.add(MANAGER)
        gate.open()
        sockets.wait_until(lambda: sockets.refused)
        sockets.refusing.clear()
        sockets.wait_for("register", 2)

    sockets.hear(messages())
    run_worker()
    assert sockets.sent == [REGISTERED, REGISTERED]


def test_failed_task_is_not_reported_as_finished(
        sockets, caplog, tmp_path, paths, output):
    """An error says why; the next task is done."""
    failing = write_executable(tmp_path / "failing", "cat", "exit 3")

    def messages():
        yield wire.ACK
        yield wire.map_task(0, paths, failing, output, 1)
        yield wire.map_task(1, paths, "cat", output, 1)
        sockets.wait_for("finished")

    sockets.hear(messages())
    run_worker()
    assert finished(0) not in sockets.sent
    assert finished(1) in sockets.sent
    assert os.listdir(output) == ["maptask00001-part00000"]
    errors = [record.getMessage() for record in caplog.records
              if record.levelname == "ERROR"]
    assert len(errors) == 1
    assert f"{failing} on the input {paths[0]!r} exited 3" in errors[0]


def test_unusable_messages_are_ignored(sockets, paths, output):
    """What comes after them is heard."""
    def messages():
        yield b""
        yield b"{"
        yield {"message_type": "new_map_task", "task_id": 0}
        yield wire.job(output)
        yield wire.ACK
        yield wire.map_task(1, paths, "cat", output, 1)
        sockets.wait_for("finished")

    sockets.hear(messages())
    run_worker()
    assert sockets.sent == [REGISTERED, finished(1)]
