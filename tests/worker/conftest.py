"""What the tests of the Worker's rooms share."""
import time
import types

import pytest

from tests.support.waiting import Lifeline


@pytest.fixture(name="lifeline")
def make_lifeline(tmp_path):
    """Return a Lifeline."""
    lifeline = Lifeline(tmp_path / "lifeline")
    yield lifeline
    lifeline.close()


@pytest.fixture(name="idle")
def make_idle(tmp_path, mocker):
    """Return a path: the time of no idle timeout goes on before it exists.

    An executable makes that file when it has begun, however late.
    """
    path = tmp_path / "idle"
    times = []

    def monotonic():
        if not path.exists():
            return 0.0
        times.append(time.monotonic())
        return times[-1] - times[0]

    mocker.patch("mapreduce.worker.processes.idle_timeout.time",
                 types.SimpleNamespace(monotonic=monotonic))
    return path


@pytest.fixture(name="clock")
def fake_clock(mocker):
    """Return a mock of the clock of manager_link; it stands still at 100 s."""
    clock = mocker.patch("mapreduce.worker.manager_link.time").monotonic
    mocker.patch("mapreduce.worker.manager_link.clock", clock)
    clock.return_value = 100.0
    return clock
