"""Our Master with foreign Workers, our Worker with a foreign Master."""
import contextlib
import itertools
import os
import queue
import signal
import time

import pytest

from tests.support import cluster_2017 as wire
from tests.support.cluster import WORD_COUNT, pipeline
from tests.support.files import (
    TESTDATA,
    in_order,
    names_in,
    read_files,
    write_executable,
    write_files,
)
from tests.support.foreign_2017 import ForeignWorker
from tests.support.waiting import TIMEOUT, Lifeline, wait_until

EXPECTED = in_order(pipeline(TESTDATA / "input", *WORD_COUNT))


# Foreign Workers

def test_foreign_workers_do_a_job(old_cluster):
    """One registers before it listens, and names one file always."""
    old_cluster.start_master()
    with (ForeignWorker(old_cluster, 71, delay=0.5, one_file=True) as first,
          ForeignWorker(old_cluster, 72) as second):
        for worker in (first, second):
            old_cluster.wait_for(lambda worker=worker: worker.heard)
        assert in_order(old_cluster.run_job("output")) == EXPECTED
    for pid, worker in ((71, first), (72, second)):
        assert worker.heard[0]["worker_pid"] == pid
        assert list(worker.heard[0]) == [
            "message_type", "worker_host", "worker_port", "worker_pid"]
        fields = {message["message_type"]: list(message)
                  for message in worker.heard[1:-1]}
        assert fields == {
            "new_worker_job": [
                "message_type", "input_files", "executable",
                "output_directory", "worker_pid"],
            "new_sort_job": [
                "message_type", "input_files", "output_file", "worker_pid"]}


def test_foreign_worker_beside_our_own(old_cluster):
    old_cluster.start(2)
    with ForeignWorker(old_cluster, 71) as worker:
        old_cluster.wait_for(lambda: worker.heard)
        assert in_order(old_cluster.run_job("output")) == EXPECTED


def test_worker_that_never_listens_keeps_nobody_waiting(old_cluster):
    old_cluster.start(1)
    wire.send(old_cluster.port, wire.register(1, 71))
    assert in_order(old_cluster.run_job("output")) == EXPECTED
    old_cluster.wait_for(lambda: "it does not listen" in old_cluster.logs())


# Foreign Masters

@pytest.fixture(name="worker")
def start_worker(old_cluster, foreign_master):
    """A Worker of ours, registered with a foreign Master."""
    old_cluster.port = foreign_master.port
    worker = old_cluster.start_worker()
    with pytest.raises(TimeoutError):  # No heartbeat before the ack.
        foreign_master.next_heartbeat(0.2)
    assert foreign_master.register() == worker.pid
    return worker


@pytest.fixture(name="folder")
def make_folder(old_cluster):
    """The folder of a stage, whose names the test watches."""
    folder = old_cluster.directory / "tmp/job-0/mapper-output"
    folder.mkdir(parents=True)
    return folder


def test_heartbeats(worker, foreign_master):
    """They come every two seconds."""
    def gaps():
        seen = None
        while True:
            assert foreign_master.next_heartbeat() == wire.heartbeat(
                worker.pid)
            last, seen = seen, time.monotonic()
            if last is not None:
                yield seen - last

    # On a busy machine, one or the other may be read late.
    assert any(1.5 < gap < 3.5 for gap in itertools.islice(gaps(), 40))


def test_several_tasks_at_once(
        worker, foreign_master, folder, old_cluster, tmp_path):
    """They are done in turn, with paths as they came."""
    write_files(tmp_path / "input", b"b\na\n", b"c\na\t1\na\n")
    inputs = [str(tmp_path / "input" / name) for name in ("0000", "0001")]
    jobs = [wire.worker_job(share, "cat", f"tmp/job-0/mapper-output{end}",
                            worker.pid)
            for share, end in ((inputs, ""), (inputs[:1], "/"), ([], ""))]
    for task in jobs:
        foreign_master.send(task)
    foreign_master.send(wire.sort_job(inputs, "sorted", worker.pid))
    foreign_master.send(wire.sort_job([], "tmp/empty", worker.pid))
    prefix = "tmp/job-0/mapper-output/"
    assert [foreign_master.next() for _ in range(5)] == [
        wire.status(worker.pid, output_files=[
            prefix + "0000", prefix + "0001"]),
        wire.status(worker.pid, output_files=[prefix + "/0000"]),
        wire.status(worker.pid, output_files=[]),
        wire.status(worker.pid, output_file="sorted"),
        wire.status(worker.pid, output_file="tmp/empty")]
    assert read_files(folder) == {
        "0000": b"b\na\n", "0001": b"c\na\t1\na\n"}
    assert (old_cluster.directory / "sorted").read_bytes() == (
        b"a\t1\na\na\nb\nc\n")
    assert (old_cluster.directory / "tmp/empty").read_bytes() == b""


def test_no_other_file_is_in_the_folder_at_any_moment(
        worker, foreign_master, folder, tmp_path):
    """The old content is there until the new one is complete."""
    [path] = write_files(tmp_path / "input", b"")
    (folder / "0000").write_bytes(b"old\n")
    slow = write_executable(
        tmp_path / "slow", "echo a", f"touch '{tmp_path}/half'", "sleep 0.3",
        "echo b")
    foreign_master.send(wire.worker_job(
        [path], slow, str(folder), worker.pid))
    assert wait_until((tmp_path / "half").exists)
    seen = set()
    with contextlib.suppress(queue.Empty):
        while True:
            seen.add((*names_in(folder), (folder / "0000").read_bytes()))
            foreign_master.next(0.001)
            break
    assert seen <= {("0000", b"old\n"), ("0000", b"a\nb\n")}
    assert wait_until(
        lambda: (folder / "0000").read_bytes() == b"a\nb\n")
    assert names_in(folder) == ["0000"]
    assert wait_until(lambda: names_in(folder.parent) == ["mapper-output"])


def test_task_for_another_process_is_ignored(
        worker, foreign_master, folder, old_cluster):
    foreign_master.send(wire.sort_job([], "wrong", 1))
    foreign_master.send(wire.sort_job([], "right", worker.pid))
    assert foreign_master.next() == wire.status(
        worker.pid, output_file="right")
    assert not (old_cluster.directory / "wrong").exists()


def test_executable_that_fails_ends_the_worker(
        worker, foreign_master, folder, old_cluster, tmp_path):
    """The log says why; nothing of it is left."""
    [path] = write_files(tmp_path / "input", b"a\n")
    lifeline = Lifeline(tmp_path / "lifeline")
    failing = write_executable(
        tmp_path / "failing", str(lifeline), "sleep 600 >&9 2>&9 &",
        "echo out", "echo no such luck >&2", "exit 3")
    foreign_master.send(wire.worker_job(
        [path], failing, str(folder), worker.pid))
    assert worker.wait(TIMEOUT) == 1
    assert f"{failing} on the input {path!r} exited 3" in old_cluster.logs()
    assert "no such luck" in old_cluster.logs()
    with pytest.raises(queue.Empty):
        foreign_master.next(0.1)
    assert lifeline.all_ended()
    lifeline.close()
    assert names_in(folder.parent) == ["mapper-output"]
    assert names_in(folder) == []


@pytest.mark.parametrize("how", ["shutdown", "SIGTERM"])
def test_worker_ends_at_once_with_its_task(
        worker, foreign_master, folder, tmp_path, how):
    [path] = write_files(tmp_path / "input", b"a\n")
    slow = write_executable(
        tmp_path / "slow", f"touch '{tmp_path}/started'", "sleep 600")
    foreign_master.send(wire.worker_job([path], slow, str(folder), worker.pid))
    assert wait_until((tmp_path / "started").exists)
    if how == "shutdown":
        foreign_master.send(wire.SHUTDOWN)
    else:
        worker.send_signal(signal.SIGTERM)
    assert worker.wait(TIMEOUT) == 0
    assert names_in(folder.parent) == ["mapper-output"]


@pytest.mark.slow
def test_worker_that_was_stopped_gives_up_its_task_and_registers_again(
        worker, foreign_master, folder, tmp_path):
    [path] = write_files(tmp_path / "input", b"a\n")
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    waiting = write_executable(
        tmp_path / "waiting", f"touch '{tmp_path}/started'",
        f"read -r line < '{gate}'")
    foreign_master.send(wire.worker_job(
        [path], waiting, str(folder), worker.pid))
    assert wait_until((tmp_path / "started").exists)
    worker.send_signal(signal.SIGSTOP)
    with pytest.raises(queue.Empty):
        foreign_master.next(11)
    worker.send_signal(signal.SIGCONT)
    assert foreign_master.register() == worker.pid
    foreign_master.send(wire.sort_job([], str(folder / "next"), worker.pid))
    assert foreign_master.next() == wire.status(
        worker.pid, output_file=str(folder / "next"))
    assert names_in(folder) == ["next"]
