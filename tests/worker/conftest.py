"""What the tests of the Worker's rooms share."""
import pytest

from tests.support.waiting import Lifeline


@pytest.fixture(name="lifeline")
def make_lifeline(tmp_path):
    """Return a Lifeline."""
    lifeline = Lifeline(tmp_path / "lifeline")
    yield lifeline
    lifeline.close()


@pytest.fixture(name="clock")
def fake_clock(mocker):
    """Return a mock of the clock of manager_link; it stands still at 100 s."""
    clock = mocker.patch("mapreduce.worker.manager_link.time").monotonic
    mocker.patch("mapreduce.worker.manager_link.clock", clock)
    clock.return_value = 100.0
    return clock
