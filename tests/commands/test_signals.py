"""Signals to clients that wait: the exit code, and what goes on."""
import signal

import pytest

from tests.support.clients import process, with_key
from tests.support.fake_manager import FakeManager, cluster, job
from tests.support.waiting import TIMEOUT


@pytest.mark.parametrize("number, code", [
    (signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("options", [[], ["--quiet"]])
def test_signal_while_waiting(number, code, options):
    """The job goes on; there is no traceback."""
    with (FakeManager(cluster(), *with_key("map")) as manager,
          process("submit", manager.port, "--wait", *options) as waiting):
        manager.wait_for("get_status", 4)
        waiting.send_signal(number)
        _, stderr = waiting.communicate(timeout=TIMEOUT)
    words = f"-p {manager.port} 3\n"
    assert waiting.returncode == code
    assert stderr.decode().replace("job 3: map, 0 of 4 tasks done\n", "") == (
        f"Job 3 goes on. Watch it: mapreduce-status {words}"
        f"Cancel it: mapreduce-cancel {words}")


@pytest.mark.parametrize("name, options, answer, note", [
    ("status", ["--watch"], cluster(), b""),
    ("cancel", ["3"], cluster(job("map")),
     b"Job 3 is being cancelled. See whether it is: mapreduce-status -p "),
    ("submit", ["--wait"], None, b""),
])
@pytest.mark.parametrize("number, code", [
    (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal(name, options, answer, note, number, code):
    """In the middle of a question, too."""
    times = 1 if answer is None else 3
    with (FakeManager(answer) as manager,
          process(name, manager.port, *options) as running):
        manager.wait_for("get_status", times)
        running.send_signal(number)
        _, stderr = running.communicate(timeout=TIMEOUT)
    assert running.returncode == code
    assert stderr.startswith(note) and b"Traceback" not in stderr
    assert bool(stderr) == bool(note)
