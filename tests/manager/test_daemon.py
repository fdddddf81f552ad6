"""The Manager, with sockets of the tests' own.

What it decides is tested with the Scheduler; here is what it hears, sends and
makes, and that it keeps to the contract's rules on sockets and threads.
"""
import os
import pathlib
import re
import tempfile

import pytest

from mapreduce.manager import Manager
from tests.support import wire
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("temporary")


@pytest.fixture(name="job")
def _job(tmp_path):
    """The submission of a job with three input files."""
    directory = tmp_path / "input"
    directory.mkdir()
    for name in "abc":
        (directory / name).touch()
    return wire.job(tmp_path / "output", input_directory=str(directory))


def register(sockets, *ports):
    """Yield the registrations of Workers; wait until all are acknowledged."""
    yield from map(wire.register, ports)
    sockets.wait_for("register_ack", len(ports))


def map_task(job, directory, task_id, *names):
    """Return a map task of a job, for input files of these names."""
    return wire.map_task(
        task_id, [f"{job['input_directory']}/{name}" for name in names],
        job["mapper_executable"], directory, job["num_reducers"])


def reduce_task(job, directory, task_id):
    """Return a reduce task of a job."""
    return wire.reduce_task(
        task_id, job["reducer_executable"],
        [f"{directory}/maptask{map_id:05d}-part{task_id:05d}"
         for map_id in range(job["num_mappers"])],
        job["output_directory"])


def job_directory(task):
    """Return the directory of the job of a map task, if it is a right one."""
    directory = task["output_directory"]
    assert re.fullmatch(
        re.escape(f"{tempfile.gettempdir()}/mapreduce-shared-")
        + r"[^/]+/job-\d{5}", directory)
    return directory


def test_udp_is_there_before_tcp(sockets):
    """Each is bound once, to the host and the port that were given."""
    Manager(host="127.0.0.1", port=6543)
    assert sockets.serving == [
        ("UDP", ("127.0.0.1", 6543)), ("TCP", ("127.0.0.1", 6543))]
    assert sockets.sent == []


def test_one_shared_directory(sockets, temporary, mocker):
    """It is there when TCP answers, and until the end."""
    made = mocker.patch("tempfile.TemporaryDirectory",
                        wraps=tempfile.TemporaryDirectory)
    names = []

    def messages():
        names.extend(path.name for path in temporary.iterdir())
        yield from ()

    sockets.hear(messages())
    Manager("localhost", 6000)
    assert made.call_args_list == [mocker.call(prefix="mapreduce-shared-")]
    assert len(names) == 1
    assert names[0].startswith("mapreduce-shared-")


def test_registration_is_acknowledged(sockets):
    """And a shutdown is passed on, in the order of registration."""
    sockets.hear(register(sockets, 6002, 6001))
    Manager("localhost", 6000)
    assert sockets.sent == [
        ("localhost", 6002, wire.ACK),
        ("localhost", 6001, wire.ACK),
        ("localhost", 6002, wire.SHUTDOWN),
        ("localhost", 6001, wire.SHUTDOWN),
    ]


def test_job_with_one_worker(sockets, job):
    """One task after the other."""
    def messages():
        yield from register(sockets, 6001)
        yield job
        yield from sockets.finish_tasks(4)

    sockets.hear(messages())
    Manager("localhost", 6000)
    directory = job_directory(sockets.sent[1][2])
    assert sockets.sent == [
        ("localhost", 6001, wire.ACK),
        ("localhost", 6001, map_task(job, directory, 0, "a", "c")),
        ("localhost", 6001, map_task(job, directory, 1, "b")),
        ("localhost", 6001, reduce_task(job, directory, 0)),
        ("localhost", 6001, reduce_task(job, directory, 1)),
        ("localhost", 6001, wire.SHUTDOWN),
    ]


def test_job_with_two_workers(sockets, job):
    """Two tasks at a time."""
    def messages():
        yield from register(sockets, 6001, 6002)
        yield job
        yield from sockets.finish_tasks(4)

    sockets.hear(messages())
    Manager("localhost", 6000)
    directory = job_directory(sockets.sent[2][2])
    assert sockets.sent == [
        ("localhost", 6001, wire.ACK),
        ("localhost", 6002, wire.ACK),
        ("localhost", 6001, map_task(job, directory, 0, "a", "c")),
        ("localhost", 6002, map_task(job, directory, 1, "b")),
        ("localhost", 6001, reduce_task(job, directory, 0)),
        ("localhost", 6002, reduce_task(job, directory, 1)),
        ("localhost", 6001, wire.SHUTDOWN),
        ("localhost", 6002, wire.SHUTDOWN),
    ]


def test_directories_do_not_wait_for_the_next_recv(
        sockets, job, temporary, tmp_path):
    """Nor for a Worker: a job starts when it arrives."""
    seen = []

    def messages():
        yield job
        seen.append(wait_until(
            lambda: (tmp_path / "output").is_dir()
            and list(temporary.glob("mapreduce-shared-*/job-00000"))))

    sockets.hear(messages())
    Manager("localhost", 6000)
    assert seen == [True]


def test_jobs_run_one_after_the_other(sockets, job, tmp_path):
    """The second gets its directories when those of the first are gone."""
    second = {**job, "output_directory": str(tmp_path / "second"),
              "num_mappers": 1, "num_reducers": 1}
    existed = []

    def messages():
        yield from register(sockets, 6001)
        yield {**job, "num_mappers": 1, "num_reducers": 1}
        yield second
        yield from sockets.finish_tasks(1)
        sockets.wait_for("new_reduce_task")
        existed.append(os.path.exists(second["output_directory"]))
        yield wire.finished(0, 6001)
        sockets.wait_for("new_map_task", 2)
        existed.append(os.path.exists(second["output_directory"]))
        existed.append(os.path.exists(
            sockets.tasks()[0][2]["output_directory"]))

    sockets.hear(messages())
    Manager("localhost", 6000)
    directory = job_directory(sockets.sent[3][2])
    assert sockets.sent[3:] == [
        ("localhost", 6001, map_task(second, directory, 0, "a", "b", "c")),
        ("localhost", 6001, wire.SHUTDOWN),
    ]
    assert directory.endswith("job-00001")
    assert existed == [False, True, False]


def test_task_of_a_silent_worker_goes_to_another(sockets, job, mocker):
    """Heartbeats are what keeps the other one alive."""
    mocker.patch("mapreduce.manager.scheduling.scheduler.WORKER_TIMEOUT", 1.0)
    mocker.patch("mapreduce.manager.daemon.TICK_INTERVAL", 0.1)

    def messages():
        yield from register(sockets, 6001, 6002)
        yield {**job, "num_mappers": 1, "num_reducers": 1}
        sockets.wait_for("new_map_task", 2)
        yield wire.finished(0, 6001)  # Too late: it was given up.
        yield wire.finished(0, 6002)
        sockets.wait_for("new_reduce_task")

    sockets.hear(messages())
    sockets.hear_udp(sockets.heartbeats(6002, interval=0.1))
    Manager("localhost", 6000)
    assert [(port, message["message_type"])
            for _, port, message in sockets.sent] == [
        (6001, "register_ack"),
        (6002, "register_ack"),
        (6001, "new_map_task"),
        (6002, "new_map_task"),
        (6002, "new_reduce_task"),
        (6002, "shutdown"),
    ]


def test_refused_task_goes_to_the_next_worker(sockets, job):
    """It is not sent again to the one that refused, nor is anything else."""
    def messages():
        yield from register(sockets, 6001, 6002)
        sockets.refusing.add(("localhost", 6001))
        yield job
        yield from sockets.finish_tasks(4)

    sockets.hear(messages())
    Manager("localhost", 6000)
    directory = job_directory(sockets.sent[2][2])
    assert sockets.refused == [("localhost", 6001)]
    assert sockets.sent[2:] == [
        ("localhost", 6002, map_task(job, directory, 0, "a", "c")),
        ("localhost", 6002, map_task(job, directory, 1, "b")),
        ("localhost", 6002, reduce_task(job, directory, 0)),
        ("localhost", 6002, reduce_task(job, directory, 1)),
        ("localhost", 6002, wire.SHUTDOWN),
    ]


def test_worker_that_refuses_its_ack_is_dead(sockets):
    """It gets neither an ack again nor the shutdown."""
    def messages():
        sockets.refusing.add(("localhost", 6001))
        yield wire.register(6001)
        yield wire.register(6002)
        sockets.wait_for("register_ack")

    sockets.hear(messages())
    Manager("localhost", 6000)
    assert sockets.refused == [("localhost", 6001)]
    assert sockets.sent == [("localhost", 6002, wire.ACK),
                            ("localhost", 6002, wire.SHUTDOWN)]


def test_task_that_no_message_can_hold_fails_its_job(
        sockets, job, mocker, caplog):
    """Its owner reads what to do; the Worker lives and does the next one."""
    mocker.patch("mapreduce.utils.network.MAX_MESSAGE", 1500)
    directory = job["input_directory"]

    def messages():
        yield from register(sockets, 3001)
        for n in range(50):
            (pathlib.Path(directory) / f"{n:0100d}").touch()
        yield {**job, "num_mappers": 1}
        assert wait_until(lambda: "Job 0 failed" in caplog.text)
        yield {**job, "num_mappers": 53}
        sockets.wait_for("new_map_task")

    sockets.hear(messages())
    Manager("localhost", 6000)
    assert "more than 1500: use more mappers" in caplog.text


def test_shutdown_does_not_wait_for_tasks(sockets, job, mocker):
    """Both Workers hold one; both are told, and none is killed."""
    kill = mocker.spy(os, "kill")

    def messages():
        yield from register(sockets, 6001, 6002)
        yield job
        yield job
        sockets.wait_for("new_map_task", 2)

    sockets.hear(messages())
    Manager("localhost", 6000)
    assert sockets.sent[4:] == [("localhost", 6001, wire.SHUTDOWN),
                                ("localhost", 6002, wire.SHUTDOWN)]
    kill.assert_not_called()


def test_unusable_messages_are_ignored(sockets):
    """What comes after them is heard."""
    def messages():
        yield b""
        yield b"{"
        yield b"\xff"
        yield b"[]"
        yield {"message_type": "unknown"}
        yield {"message_type": "register", "worker_host": "localhost"}
        yield wire.ACK
        yield from register(sockets, 6001)

    sockets.hear(messages())
    Manager("localhost", 6000)
    assert sockets.sent == [("localhost", 6001, wire.ACK),
                            ("localhost", 6001, wire.SHUTDOWN)]


def test_heartbeat_of_a_stranger_is_ignored(sockets, caplog):
    """There is a warning, and nothing is sent."""
    warned = []

    def messages():
        warned.append(wait_until(
            lambda: "Heartbeat from unregistered Worker" in caplog.text))
        yield from ()

    sockets.hear(messages())
    sockets.hear_udp(iter([b"{", wire.heartbeat(6001)]))
    Manager("localhost", 6000)
    assert warned == [True]
    assert sockets.sent == []
