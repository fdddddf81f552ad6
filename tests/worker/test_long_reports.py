"""What a Worker reports is short enough: a Manager would ignore it else."""
import contextlib

import pytest

from mapreduce.protocol import codec
from mapreduce.protocol.fields import MAX_COUNTERS, MAX_NAME
from mapreduce.protocol.messages import FinishedMessage
from mapreduce.utils.door import MAX_UNSIGNED
from mapreduce.worker.errors import TaskError
from mapreduce.worker.processes.reporter import Reporter
from tests.support import wire
from tests.support.files import write_files
from tests.support.mocked_worker import MANAGER, REGISTERED, run_worker


@pytest.mark.usefixtures("temporary")
def test_long_reason_is_cut(sockets, tmp_path, output, mocker):
    """It may name a command of 128 KiB, for example."""
    paths = write_files(tmp_path / "input", b"a\t1\n")
    mocker.patch("mapreduce.worker.daemon.run_task",
                 side_effect=TaskError("\U0001f600" * 100_000))

    def messages():
        yield wire.ACK
        yield wire.map_task(0, paths, "cat", output, 1)
        sockets.wait_for("failed")

    sockets.hear(messages())
    run_worker()
    assert sockets.sent == [REGISTERED, (*MANAGER, {
        "message_type": "failed", "task_id": 0, "worker_host": "localhost",
        "worker_port": 6001, "reason": "\U0001f600" * 65_536})]


@pytest.mark.parametrize("character", ["x", "\u00e9", "\U0001f600"])
def test_names_of_counters_are_not_too_long(character):
    """The job would wait for the report for ever."""
    reporter = Reporter(lambda status: None)
    with contextlib.suppress(TaskError):
        for number in range(MAX_COUNTERS):
            name = character * (MAX_NAME - 4) + f"{number:04d}"
            assert reporter.count(name, name, 1)
    assert len(reporter.counters) >= 80
    report = codec.encode(FinishedMessage(
        0, "localhost", 6001, reporter.counters))
    assert len(report) < MAX_UNSIGNED
