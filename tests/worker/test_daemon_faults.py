"""The Worker when tasks fail, are cancelled or void, on stand-in sockets."""
import errno
import os
import threading
import time

import pytest

from tests.support import wire
from tests.support.files import write_executable, write_files
from tests.support.mocked_worker import (
    MANAGER,
    REGISTERED,
    finished,
    run_worker,
)
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("temporary")


@pytest.fixture(name="paths")
def _paths(tmp_path):
    return write_files(tmp_path / "input", b"a\t1\n")


@pytest.fixture(name="began")
def _began(tmp_path):
    """A file that executables make when they begin."""
    return tmp_path / "began"


@pytest.fixture(name="endless")
def _endless(tmp_path, began):
    """A mapper that takes ten minutes."""
    return write_executable(
        tmp_path / "endless", f"touch '{began}'", "exec sleep 600")


@pytest.fixture(name="gated")
def _gated(tmp_path, began, gate):
    """A mapper that waits at the gate."""
    return write_executable(
        tmp_path / "gated", f"touch '{began}'", gate.line, "exec cat")


@pytest.fixture(name="quick")
def _quick(mocker):
    """Have heartbeats and registrations follow one another soon."""
    mocker.patch("mapreduce.worker.manager_link.HEARTBEAT_INTERVAL", 0.05)
    mocker.patch("mapreduce.worker.manager_link.FIRST_DELAY", 0.05)


class Clock:
    """The clock of the contact with the Manager."""

    def __init__(self):
        """Go with the real one."""
        self.advance = 0.0  # seconds

    def monotonic(self):
        """Return the time."""
        return time.monotonic() + self.advance


@pytest.fixture(name="stand_still")
def _stand_still(mocker):
    """A function: let it seem that the Worker stood still for a minute."""
    clock = mocker.patch("mapreduce.worker.manager_link.time", Clock())
    mocker.patch("mapreduce.worker.manager_link.clock", clock.monotonic)

    def stand_still():
        clock.advance += 60.0
    return stand_still


@pytest.fixture(name="refuse_heartbeat")
def _refuse_heartbeat(sockets):
    """A function: let the Manager refuse a heartbeat, after it took one."""
    def refuse_heartbeat():
        # The second one begins when the first is known to be taken.
        sockets.wait_for("heartbeat", 2)
        sockets.udp_errors.append(errno.ECONNREFUSED)
    return refuse_heartbeat


def failed(task_id, reason):
    """Return the report of a failed task as it must have been sent."""
    return (*MANAGER, {
        "message_type": "failed", "task_id": task_id,
        "worker_host": "localhost", "worker_port": 6001, "reason": reason})


def cancel(task_id):
    """Return what ends a task."""
    return {"message_type": "cancel", "task_id": task_id}


@pytest.mark.parametrize("script, fate", [
    ("echo 'no such key' >&2; exit 3", "exited 3:\nno such key"),
    ("kill -SEGV $$", "was killed by SIGSEGV"),
])
def test_failed_mapper_is_reported_once_with_the_reason(
        sockets, tmp_path, paths, output, script, fate):
    """The next task is done."""
    failing = write_executable(tmp_path / "failing", "cat", script)

    def messages():
        yield wire.ACK
        yield wire.map_task(0, paths, failing, output, 1)
        yield wire.map_task(1, paths, "cat", output, 1)
        sockets.wait_for("finished")

    sockets.hear(messages())
    run_worker()
    assert sockets.sent == [
        REGISTERED, failed(0, f"{failing} on the input {paths[0]!r} {fate}"),
        finished(1)]
    assert os.listdir(output) == ["maptask00001-part00000"]


def test_failed_reducer_is_reported_once_with_the_reason(
        sockets, tmp_path, paths, output):
    """Nothing of it is left."""
    failing = write_executable(tmp_path / "failing", "cat", "exit 255")

    def messages():
        yield wire.ACK
        yield wire.reduce_task(7, failing, paths, output)
        sockets.wait_for("failed")

    sockets.hear(messages())
    run_worker()
    assert sockets.sent == [REGISTERED, failed(7, f"{failing} exited 255")]
    assert os.listdir(output) == []


def test_cancelled_task_ends_at_once(sockets, began, endless, paths, output):
    """The next one is done, though it has the same id."""
    def messages():
        yield wire.ACK
        yield wire.map_task(0, paths, endless, output, 1)
        assert wait_until(began.exists)
        yield cancel(0)
        sockets.wait_for("failed")
        yield wire.map_task(0, paths, "cat", output, 1)
        sockets.wait_for("finished")

    sockets.hear(messages())
    run_worker()
    assert sockets.sent == [REGISTERED, failed(0, "cancelled"), finished(0)]


def test_task_that_is_cancelled_while_it_waits_never_begins(
        sockets, tmp_path, began, gate, gated, paths, output):
    """The one before it is not disturbed."""
    unwanted = write_executable(
        tmp_path / "unwanted", f"touch '{tmp_path}/unwanted-began'")

    def messages():
        yield wire.ACK
        yield wire.map_task(0, paths, gated, output, 1)
        assert wait_until(began.exists)
        yield wire.map_task(1, paths, unwanted, output, 1)
        yield cancel(1)
        gate.open()
        sockets.wait_for("failed")

    sockets.hear(messages())
    run_worker()
    assert sockets.sent == [REGISTERED, finished(0), failed(1, "cancelled")]
    assert not (tmp_path / "unwanted-began").exists()


def test_task_that_is_cancelled_as_it_ends_is_no_success(
        sockets, mocker, paths, output):
    """The Manager waits for the answer, and it may not be finished."""
    replace = os.replace
    moving, cancelled = threading.Event(), threading.Event()

    def replace_late(*args, **kwargs):
        moving.set()
        cancelled.wait()
        replace(*args, **kwargs)

    def messages():
        yield wire.ACK
        yield wire.map_task(0, paths, "cat", output, 1)
        moving.wait()
        yield cancel(0)
        cancelled.set()
        sockets.wait_for("failed")

    mocker.patch("os.replace", replace_late)
    sockets.hear(messages())
    run_worker()
    assert sockets.sent == [REGISTERED, failed(0, "cancelled")]


def test_cancel_of_an_unknown_task_has_no_effect(
        sockets, began, gate, gated, paths, output):
    """Neither has one for a task that has ended."""
    def messages():
        yield cancel(0)
        yield wire.ACK
        yield wire.map_task(0, paths, "cat", output, 1)
        sockets.wait_for("finished")
        yield wire.map_task(1, paths, gated, output, 1)
        assert wait_until(began.exists)
        yield cancel(0)
        yield cancel(2)
        gate.open()
        sockets.wait_for("finished", 2)

    sockets.hear(messages())
    run_worker()
    assert sockets.sent == [REGISTERED, finished(0), finished(1)]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("loss", ["stand_still", "refuse_heartbeat"])
def test_second_registration_voids_every_task_before_its_ack(
        sockets, request, began, endless, paths, output, loss):
    """One that runs, one that waits, one that comes late: nothing is said."""
    lose_contact = request.getfixturevalue(loss)

    def messages():
        yield wire.ACK
        yield wire.map_task(0, paths, endless, output, 1)
        assert wait_until(began.exists)
        yield wire.map_task(1, paths, "cat", output, 1)
        lose_contact()
        sockets.wait_for("register", 2)
        yield wire.map_task(2, paths, "cat", output, 1)
        yield wire.ACK
        yield wire.map_task(3, paths, "cat", output, 1)
        sockets.wait_for("finished")

    sockets.hear(messages())
    run_worker()
    assert sockets.sent == [REGISTERED, REGISTERED, finished(3)]
    assert os.listdir(output) == ["maptask00003-part00000"]


@pytest.mark.usefixtures("quick")
def test_heartbeats_go_on_after_a_second_registration(
        sockets, refuse_heartbeat):
    """In the same thread."""
    sent_before = []

    def messages():
        yield wire.ACK
        refuse_heartbeat()
        sockets.wait_for("register", 2)
        yield wire.ACK
        sent_before.extend(sockets.sent_udp)
        sockets.wait_for("heartbeat", len(sent_before) + 2)

    sockets.hear(messages())
    run_worker()
    assert sockets.sent == [REGISTERED, REGISTERED]


def test_task_that_waits_keeps_the_directory_that_it_was_given(
        sockets, began, gate, gated, paths, output):
    """Not one that was made meanwhile, under the same name."""
    old = output.with_name("old")

    def messages():
        yield wire.ACK
        yield wire.map_task(0, paths, gated, output, 1)
        assert wait_until(began.exists)
        yield wire.map_task(1, paths, "cat", output, 1)
        yield cancel(9)  # When this is asked for, the task was received.
        output.rename(old)
        output.mkdir()
        gate.open()
        sockets.wait_for("finished", 2)

    sockets.hear(messages())
    run_worker()
    assert sorted(os.listdir(old)) == [
        "maptask00000-part00000", "maptask00001-part00000"]
    assert os.listdir(output) == []
