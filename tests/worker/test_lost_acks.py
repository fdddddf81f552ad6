"""A Worker that was never acknowledged: its Manager died, or is slow."""
import threading

import pytest

from mapreduce.worker.manager_link import Contact, ManagerLink, base_contact
from tests.support import wire
from tests.support.files import write_executable, write_files
from tests.support.mocked_worker import REGISTERED, finished, run_worker
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("temporary")


@pytest.fixture(name="link")
def _link(mocker):
    """Return a ManagerLink, whose sends all succeed, without jitter."""
    mocker.patch("mapreduce.utils.outbox.send_tcp")
    mocker.patch("mapreduce.worker.manager_link.JITTER", 0.0)
    return new_link(threading.Event())


def new_link(stop):
    """Return a ManagerLink with a stop flag."""
    return ManagerLink(
        base_contact(("localhost", 6000), ("localhost", 6001)), stop, print)


@pytest.fixture(name="impatient")
def _impatient(mocker):
    """Have the first acknowledgement count as lost soon."""
    mocker.patch("mapreduce.worker.manager_link.LOST_ACK_TIMEOUT", 0.3)


@pytest.fixture(name="paths")
def _paths(tmp_path):
    return write_files(tmp_path / "input", b"a\t1\n")


def test_registration_without_a_first_acknowledgement_is_repeated(
        link, clock):
    """Once a minute, no more."""
    for _ in range(3):
        link.register()
        assert link.seconds_to_registration() == 60
        clock.return_value += 60
        assert link.seconds_to_registration() == 0
    assert link.acknowledge()
    assert link.seconds_to_registration() is None


@pytest.mark.usefixtures("clock")
def test_later_acknowledgement_is_waited_for_without_another_try(link):
    """Heartbeats go on, and show it if the Manager has ended."""
    link.register()
    link.acknowledge()
    link.plan_registration()
    link.register()
    assert link.seconds_to_registration() is None


def test_lost_worker_is_silent_until_it_could_register(mocker):
    """The Manager would wait for ever for a task that was given up."""
    mocker.patch("mapreduce.worker.manager_link.HEARTBEAT_INTERVAL", 0.0)
    send_tcp = mocker.patch("mapreduce.utils.outbox.send_tcp")
    beats = mocker.patch("mapreduce.utils.outbox.send_udp")
    stop = mocker.Mock(**{"is_set.side_effect": lambda: beats.called})
    link = new_link(stop)
    link.register()
    link.acknowledge()
    link.plan_registration()
    send_tcp.side_effect = TimeoutError
    link.register()

    def register_at_last(_):
        if stop.wait.call_count == 3:
            assert not beats.called
            send_tcp.side_effect = None
            link.register()

    stop.wait.side_effect = register_at_last
    link.keep()
    beats.assert_called_once()


def test_warning_names_no_option_that_the_worker_may_lack(
        clock, mocker, caplog):
    """The Worker of the other dialect has neither --host nor a secret."""
    mocker.patch("mapreduce.utils.outbox.send_tcp")
    address = "localhost", 6001
    stop = mocker.Mock(**{"is_set.side_effect": [False, True]})
    link = ManagerLink(Contact(address, address, address, None, None),
                       stop, print)
    link.register()
    clock.return_value += 6
    link.wake()
    mocker.patch("mapreduce.utils.outbox.send_udp")
    link.keep()
    assert caplog.messages == [
        "The Manager at localhost:6001 has not acknowledged this Worker: it "
        "must be able to connect to localhost:6001"]


def test_repeated_registrations_have_an_acknowledgement_each(link, clock):
    """The Manager was slow, and takes each of them as a new Worker."""
    link.register()
    clock.return_value += 60
    link.register()
    assert [link.acknowledge() for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize("is_late", [False, True])
def test_registration_on_its_way_is_not_repeated(link, clock, is_late):
    """A new Manager asks for it, since it has a heartbeat first."""
    link.register()
    link.acknowledge()
    clock.return_value += 60
    link.register()
    asked = clock.return_value
    if is_late:
        link.plan_registration(asked)
        assert link.seconds_to_registration() == 1
    clock.return_value += 0.5
    assert link.acknowledge()
    if not is_late:
        link.plan_registration(asked)
    assert link.seconds_to_registration() is None


def test_registration_that_another_manager_got_is_repeated(link, clock):
    link.register()
    link.acknowledge()
    clock.return_value += 60
    link.register()
    link.plan_registration(clock.return_value)
    clock.return_value += 1
    assert link.seconds_to_registration() == 0


@pytest.mark.usefixtures("clock")
def test_no_acknowledgement_is_left_over_after_a_loss(link):
    """A late one belongs to a registration that was given up."""
    link.register()
    link.plan_registration()
    assert not link.acknowledge()
    link.register()
    assert [link.acknowledge() for _ in range(2)] == [True, False]


@pytest.mark.usefixtures("impatient")
def test_worker_registers_again_whose_manager_died_before_the_ack(
        sockets, paths, output):
    """The next Manager acknowledges it, and gives it tasks."""
    def messages():
        sockets.wait_for("register", 2)
        yield wire.ACK
        yield wire.map_task(0, paths, "cat", output, 1)
        sockets.wait_for("finished")

    sockets.hear(messages())
    run_worker()
    assert sockets.sent[:2] == [REGISTERED, REGISTERED]
    assert sockets.sent[-1] == finished(0)


@pytest.mark.usefixtures("impatient")
def test_second_of_two_late_acks_voids_the_tasks_before_it(
        sockets, tmp_path, paths, output):
    """The Manager was slow: it has requeued them, and expects no outcome."""
    began = tmp_path / "began"
    endless = write_executable(
        tmp_path / "endless", f"touch '{began}'", "exec sleep 600")

    def messages():
        sockets.wait_for("register", 2)
        yield wire.ACK
        yield wire.map_task(0, paths, endless, output, 1)
        assert wait_until(began.exists)
        yield wire.ACK
        yield wire.map_task(1, paths, "cat", output, 1)
        sockets.wait_for("finished")

    sockets.hear(messages())
    run_worker()
    assert [message for message in sockets.sent if message != REGISTERED] == [
        finished(1)]
