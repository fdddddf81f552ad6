"""The contact of a Worker with its Manager: how it is kept, lost and found.

Everything here happens in one thread and at no certain time: the clock and
what comes of a send are the test's.
"""
import errno
import threading
import time

import pytest

from mapreduce.protocol.messages import FinishedMessage
from mapreduce.worker.manager_link import ManagerLink, base_contact
from mapreduce.worker.manager_link import clock as clock_of_link
from tests.support.ports import free_port

REFUSED = ConnectionRefusedError(111, "Connection refused")
TOO_LATE = TimeoutError("timed out")
UNREACHABLE = OSError(101, "Network is unreachable")


@pytest.fixture(name="stop")
def make_stop():
    """Return the stop flag of the Worker."""
    return threading.Event()


@pytest.fixture(name="losses")
def make_losses():
    """Return a list, to which the reason of each loss is added."""
    return []


def new_contact(stop, on_loss):
    """Return a ManagerLink with a port where nobody listens."""
    return ManagerLink(
        base_contact(("localhost", free_port()), ("localhost", 6001)),
        stop, on_loss)


@pytest.fixture(name="contact")
def make_contact(stop, losses):
    """Return a ManagerLink whose losses are noted."""
    return new_contact(stop, losses.append)


@pytest.fixture(name="ending")
def make_ending_contact(stop, losses):
    """Return a ManagerLink that sends no more heartbeats after a loss."""
    return new_contact(
        stop, lambda reason: (losses.append(reason), stop.set()))


@pytest.fixture(name="send_tcp")
def fake_tcp(mocker):
    """Replace sending over TCP, where all goes well, by a mock."""
    return mocker.patch("mapreduce.utils.outbox.send_tcp")


@pytest.fixture(name="no_jitter")
def remove_jitter(mocker):
    """Have every delay be as long as it can be."""
    mocker.patch("mapreduce.worker.manager_link.JITTER", 0.0)


@pytest.fixture(name="no_interval")
def shorten_interval(mocker):
    """Have heartbeats follow one another without a pause."""
    mocker.patch("mapreduce.worker.manager_link.HEARTBEAT_INTERVAL", 0.0)


@pytest.fixture(name="keep")
def make_keep(contact, mocker, stop):
    """Return a function: send heartbeats until these outcomes are used up.

    An outcome is None, where all goes well, or an error.
    """
    def keep(*outcomes):
        left = list(outcomes)

        def send(*_, linger, **__):
            linger()
            outcome = left.pop(0)
            if not left:
                stop.set()
            if outcome:
                raise outcome

        mocker.patch("mapreduce.worker.manager_link.HEARTBEAT_INTERVAL", 0.0)
        mocker.patch("mapreduce.utils.outbox.send_udp", send)
        contact.keep()
    return keep


@pytest.fixture(name="registered")
def register(contact, send_tcp):
    """Register, with an acknowledgement; return what the Manager was sent."""
    contact.register()
    assert contact.acknowledge()
    return send_tcp


# Registration

def test_acknowledgement_counts_once(contact, send_tcp):
    """A Manager may send it again."""
    assert contact.seconds_to_registration() is None
    contact.register()
    assert [contact.acknowledge() for _ in range(3)] == [True, False, False]
    send_tcp.assert_called_once()


@pytest.mark.usefixtures("no_jitter")
@pytest.mark.parametrize("error", [REFUSED, TOO_LATE, UNREACHABLE], ids=repr)
def test_failing_registration_is_tried_every_three_seconds(
        contact, send_tcp, clock, error):
    """After ten minutes without a Manager, every thirty seconds."""
    send_tcp.side_effect = error
    delays = []
    for moment in (0, 1, 4, 599, 600, 10_000):
        clock.return_value = 100.0 + moment
        contact.register()
        delays.append(contact.seconds_to_registration())
    assert delays == [1, 3, 3, 3, 30, 30]


@pytest.mark.usefixtures("no_jitter")
def test_manager_that_was_known_is_tried_every_three_seconds_for_ever(
        contact, send_tcp, clock):
    """It may be restarted, and go on with its jobs."""
    contact.register()
    contact.acknowledge()
    send_tcp.side_effect = REFUSED
    delays = []
    for moment in (0, 1, 599, 10_000):
        clock.return_value = 100.0 + moment
        contact.register()
        delays.append(contact.seconds_to_registration())
    assert delays == [1, 3, 3, 3]


@pytest.mark.usefixtures("no_jitter")
@pytest.mark.parametrize("seconds_away", [0.5, 2.0, 30.0, 1000.0])
def test_worker_is_back_three_seconds_after_its_manager(
        contact, clock, registered, seconds_away):
    """However long the Manager was away."""
    back = clock.return_value + seconds_away
    contact.plan_registration()
    while contact.seconds_to_registration() is not None:
        clock.return_value += contact.seconds_to_registration()
        registered.side_effect = (
            REFUSED if clock.return_value < back else None)
        contact.register()
    assert back <= clock.return_value <= back + 3


def test_no_two_workers_keep_trying_together(send_tcp, clock, stop):
    """Their delays differ, and none is longer than three seconds."""
    send_tcp.side_effect = REFUSED
    delays = set()
    for _ in range(100):
        link = new_contact(stop, print)
        link.register()
        clock.return_value += 1.0
        link.register()
        delays.add(link.seconds_to_registration())
    assert len(delays) > 90
    assert 2 <= min(delays) <= max(delays) <= 3


@pytest.mark.usefixtures("clock", "no_jitter")
def test_delay_begins_anew_after_an_acknowledgement(contact, send_tcp):
    """The Manager was there in between."""
    send_tcp.side_effect = [REFUSED, REFUSED, None]
    for _ in range(3):
        contact.register()
    contact.acknowledge()
    contact.plan_registration()
    assert contact.seconds_to_registration() == 1


@pytest.mark.usefixtures("registered", "no_jitter")
def test_registration_is_planned_once_whatever_the_number_of_losses(
        contact, clock):
    """A later loss does not postpone it."""
    contact.plan_registration()
    clock.return_value += 0.25
    contact.plan_registration()
    assert contact.seconds_to_registration() == 0.75
    contact.register()
    assert contact.seconds_to_registration() is None


def test_acknowledgement_of_a_lost_registration_does_not_count(
        contact, send_tcp):
    """The Manager knows nothing of that one any more."""
    contact.register()
    contact.plan_registration()
    assert not contact.acknowledge()
    contact.register()
    assert contact.acknowledge()
    assert send_tcp.call_count == 2


@pytest.mark.usefixtures("send_tcp", "no_interval")
@pytest.mark.parametrize("times, num_warnings", [
    ([4.9], 0), ([5.1], 1), ([5.1, 7.1, 9.0], 1)])
def test_missing_acknowledgement_is_logged_once(
        clock, contact, stop, caplog, times, num_warnings):
    """After five seconds."""
    contact.register()
    start = clock.return_value
    ticks = iter([start, *(start + time for time in times for _ in "wtr")])

    def tick():
        now = next(ticks, None)
        if now is None:
            stop.set()
            contact.wake()
        return now or start + 9.5

    clock.side_effect = tick
    contact.keep()
    assert caplog.text.count(
        "has not acknowledged this Worker: it must be able to connect to "
        "localhost:6001, see --host, and have the same secret, if any, see "
        "--secret-file") == num_warnings


# Reports

@pytest.mark.parametrize("error", [REFUSED, TOO_LATE, UNREACHABLE], ids=repr)
def test_report_that_cannot_be_sent_is_a_loss(
        contact, send_tcp, losses, error):
    """Whatever the reason."""
    send_tcp.side_effect = error
    contact.send_outcome(FinishedMessage(5, "localhost", 6001))
    assert losses == [f"cannot report a task: {error}"]


def test_report_is_sent_again_when_this_machine_lacks_files(
        contact, send_tcp, losses, mocker):
    """The Manager is well, and the task is done."""
    mocker.patch("mapreduce.worker.manager_link.OWN_FAILURE_DELAY", 0.0)
    send_tcp.side_effect = [OSError(errno.EMFILE, "Too many open files"),
                            OSError(errno.EADDRNOTAVAIL, "no port"), None]
    contact.send_outcome(FinishedMessage(5, "localhost", 6001))
    assert losses == []
    assert send_tcp.call_count == 3


def test_report_is_not_tried_for_ever(contact, send_tcp, losses, mocker):
    """The Manager gives the task out again."""
    mocker.patch("mapreduce.worker.manager_link.OWN_FAILURE_DELAY", 0.0)
    send_tcp.side_effect = OSError(errno.EMFILE, "Too many open files")
    contact.send_outcome(FinishedMessage(5, "localhost", 6001))
    assert losses == ["cannot report a task: this machine lacks what is "
                      "needed to send"]


def test_report_goes_out_after_a_shutdown(contact, send_tcp, stop):
    """The task that ran is done."""
    stop.set()
    contact.send_outcome(FinishedMessage(5, "localhost", 6001))
    send_tcp.assert_called_once()


# Heartbeats

@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("outcomes, num_losses", [
    pytest.param([None, None], 0, id="all-taken"),
    pytest.param([None, REFUSED], 1, id="refused-by-one-who-took-one"),
    pytest.param([REFUSED, REFUSED, None], 0, id="manager-still-starts"),
    pytest.param([REFUSED, REFUSED, REFUSED], 1, id="never-taken"),
    pytest.param([None, UNREACHABLE, UNREACHABLE], 0, id="network-is-down"),
    pytest.param([None, REFUSED, REFUSED, REFUSED], 1, id="next-one-starts"),
])
def test_refused_heartbeats_are_a_loss(keep, losses, outcomes, num_losses):
    """Only the first ones may be refused: the Manager may still start."""
    keep(*outcomes)
    assert losses == num_losses * [
        f"cannot send a heartbeat: {REFUSED.strerror}"]


@pytest.mark.usefixtures("send_tcp", "no_interval")
def test_refusal_is_learnt_from_the_socket(ending, losses):
    """This one is real: the system tells of the refusal after the send."""
    ending.register()
    ending.acknowledge()
    ending.keep()
    assert losses == [
        "cannot send a heartbeat: Connection refused"]


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("gap, num_losses", [(8.9, 0), (9.1, 1)])
def test_standing_still_is_a_loss(keep, clock, losses, gap, num_losses):
    """Less than the ten seconds after which the Manager thinks it dead."""
    clock.side_effect = [0.0, 0.0, 2.0, 2.0, 2.0 + gap, 2.0 + gap]
    keep(None, None)
    assert losses == num_losses * ["no heartbeat was sent for 9.1 s"]


@pytest.mark.usefixtures("registered")
def test_network_that_is_away_for_long_is_a_loss(keep, clock, losses):
    """The gap begins with the last heartbeat that was sent without error."""
    times = [0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0]
    clock.side_effect = [0.0, *(now for now in times for _ in range(2))]
    keep(None, None, *[UNREACHABLE] * 5)
    assert losses == ["no heartbeat was sent for 10 s"]


@pytest.mark.usefixtures("send_tcp")
def test_manager_is_believed_that_it_knows_this_worker(clock, contact):
    """A question may be older than the ack that came last."""
    contact.register()
    contact.acknowledge()
    clock.return_value += 0.9
    assert not contact.may_be_unknown()
    clock.return_value += 0.2
    assert contact.may_be_unknown()


def test_clock_goes_on_while_the_machine_sleeps(mocker):
    """On Linux."""
    if not hasattr(time, "CLOCK_BOOTTIME"):
        pytest.skip("this system has no such clock")
    read = mocker.spy(time, "clock_gettime")
    assert clock_of_link() > 0
    read.assert_called_once_with(time.CLOCK_BOOTTIME)


@pytest.mark.usefixtures("send_tcp", "no_interval")
def test_standing_still_before_the_acknowledgement_is_a_loss(
        ending, clock, losses):
    """It may have been sent meanwhile."""
    ending.register()
    clock.side_effect = [0.0, 0.0, 60.0, 60.0, 60.0]
    ending.keep()
    assert losses == ["no heartbeat was sent for 60 s"]
