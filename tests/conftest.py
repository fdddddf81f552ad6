"""The fixtures that several test modules share."""
import signal
import tempfile
import threading

import hypothesis
import pytest

from tests.support.cluster import Cluster
from tests.support.fake_sockets import FakeSockets
from tests.support.kinds import Watch, kind_of
from tests.support.one_process import Scheduling
from tests.support.waiting import TIMEOUT, Gate

# Tests of these kinds run first, so that none of them is the last to end.
ORDER = ["style", "processes", "mocked", "sockets", "files", "pure"]


def pytest_configure():
    """Set what holds for all tests."""
    # Examples fail for what they find, not for the time that they take.
    hypothesis.settings.register_profile(
        "tests", deadline=None, database=None)
    hypothesis.settings.load_profile("tests")
    # What this process ignores, under nohup or in the background of a script,
    # its children would ignore, too.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Have one process run the files that would wait for each other."""
    if config.option.dist != "loadfile":
        return None
    return Scheduling(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Mark each test with its kind; begin with what takes longest."""
    kinds = {item: kind_of(item) for item in items}
    for item, kind in kinds.items():
        item.add_marker(kind)
    if "by_hand" not in config.option.markexpr:
        items[:] = [item for item in items
                    if not item.get_closest_marker("by_hand")]
    items.sort(key=lambda item: ORDER.index(kinds[item]))


@pytest.fixture(autouse=True)
def _same_signal_handlers():
    """A command that runs in this process leaves its signals ignored."""
    numbers = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
    handlers = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, handlers):
        signal.signal(number, handler)


@pytest.fixture(name="watch", scope="session")
def _watch():
    """The watch over what tests of a kind may do."""
    return Watch()


@pytest.fixture(autouse=True)
def _is_of_its_kind(request, watch):
    """No test does what its kind forbids."""
    with watch.test_of(kind_of(request.node)):
        yield


@pytest.fixture(autouse=True, scope="module")
def _no_thread_is_left():
    """What goes on in a thread would disturb the tests of other files."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(TIMEOUT)
        assert not thread.is_alive(), thread


@pytest.fixture(name="sockets")
def _sockets(mocker):
    """All sockets replaced; every thread must have ended after the test."""
    threads = set(threading.enumerate())
    sockets = FakeSockets(mocker)
    yield sockets
    sockets.check()
    assert set(threading.enumerate()) == threads


@pytest.fixture(name="temporary")
def _temporary(tmp_path, monkeypatch):
    """A directory for temporary files; nothing may be left in there."""
    directory = tmp_path / "temporary"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    yield directory
    assert not list(directory.iterdir())


@pytest.fixture(name="output")
def _output(tmp_path):
    """A new directory for what tasks make."""
    directory = tmp_path / "output"
    directory.mkdir()
    return directory


@pytest.fixture(name="cluster")
def _cluster(tmp_path):
    """A Manager and Workers for one test, which starts them."""
    with Cluster(tmp_path / "cluster") as cluster:
        yield cluster


@pytest.fixture(name="gate")
def _gate(tmp_path):
    """A gate for the executables of the test."""
    with Gate(tmp_path / "gate") as gate:
        yield gate
