"""The threads that send for the Manager: order, slow addresses, own errors."""
import collections
import contextlib
import errno
import queue
import threading

import pytest

from mapreduce.manager import sender as sender_module
from mapreduce.manager.scheduling import events
from mapreduce.manager.scheduling.remote_worker import RemoteWorker
from mapreduce.manager.sender import Sender
from mapreduce.protocol import messages
from mapreduce.utils.inbox import Inbox
from mapreduce.utils.network import MessageTooLong

ACK = messages.RegisterAckMessage()
AGAIN = messages.RegisterAgainMessage()
CANCEL = messages.CancelMessage(0)
SHUTDOWN = messages.ShutdownMessage()
TASK = messages.MapTaskMessage(3, ["in/a"], "map", "jobs/0", 1)
REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
NO_FILES = OSError(errno.EMFILE, "Too many open files")
WAIT = 60.0  # seconds for what comes late only if it never comes


class Network:
    """A stand-in for outbox.send_tcp: the test says what comes of a send."""

    def __init__(self):
        """Take each message at once."""
        self.sent = []  # (port, message), in order, of all that were tried
        self.errors = collections.defaultdict(list)  # of the next, by port
        self.held = {}  # by port: an event for which its sends wait

    def hold(self, *ports):
        """Have sends to ports take long, until they are let go."""
        for port in ports:
            self.held[port] = threading.Event()

    def send(self, _host, port, message, _seal):
        """Send a message, or raise what the test gives."""
        self.sent.append((port, message))
        if port in self.held:
            assert self.held[port].wait(WAIT)
        if self.errors[port]:
            raise self.errors[port].pop(0)


@pytest.fixture(name="network")
def make_network(mocker):
    """Replace the network; every send ends with the test."""
    network = Network()
    mocker.patch("mapreduce.utils.outbox.send_tcp", network.send)
    yield network
    for event in network.held.values():
        event.set()


@pytest.fixture(name="inbox")
def make_inbox(network):
    """Return an Inbox; its threads must have ended after the test."""
    threads = set(threading.enumerate())
    with Inbox() as inbox:
        yield inbox
        for event in network.held.values():
            event.set()
    assert set(threading.enumerate()) == threads


@pytest.fixture(name="sender")
def make_sender(inbox):
    """Return a Sender."""
    with contextlib.closing(Sender(inbox)) as sender:
        yield sender


def worker(port):
    """Return a Worker on a port."""
    return RemoteWorker(("localhost", port), port, 0.0)


def next_outcome(inbox):
    """Return the next outcome that comes late."""
    event, _ = inbox.get(WAIT)
    return event


@pytest.mark.parametrize("error, outcome", [
    (None, events.MessageSent), (REFUSED, events.WorkerUnreachable),
    (TimeoutError("timed out"), events.WorkerUnreachable)], ids=repr)
def test_outcome_of_a_send_is_known_at_once(
        sender, network, inbox, error, outcome):
    first = worker(1)
    network.errors[1] = [error] if error else []
    assert sender.send(first, ACK) == outcome(first)
    assert network.sent == [(1, ACK)]
    assert inbox.is_empty


def test_task_that_no_message_can_hold_has_failed(sender, network):
    network.errors[1] = [MessageTooLong("far too long")]
    assert sender.send(worker(1), TASK) == messages.FailedMessage(
        3, "localhost", 1,
        "the task can't be sent, far too long: use more mappers")


def test_one_thread_sends_while_no_send_is_slow(sender, network):
    before = threading.active_count()
    for port in range(100):
        sender.send(worker(port), ACK)
    assert threading.active_count() == before + 1
    assert [port for port, _ in network.sent] == list(range(100))


def test_slow_send_delays_no_other(sender, network, inbox):
    slow, good = worker(1), worker(2)
    network.hold(1)
    assert sender.send(slow, ACK) == events.MessageDelayed(slow)
    outcome = sender.send(good, ACK)
    if outcome == events.MessageDelayed(good):  # On a busy machine.
        outcome = next_outcome(inbox)
    assert outcome == events.MessageSent(good)
    network.held[1].set()
    assert next_outcome(inbox) == events.MessageSent(slow)


def test_messages_to_a_slow_worker_stay_in_order(sender, network, inbox):
    slow = worker(1)
    network.hold(1)
    for message in (ACK, TASK, CANCEL):
        assert sender.send(slow, message) == events.MessageDelayed(slow)
    assert network.sent == [(1, ACK)]
    network.held[1].set()
    for _ in range(3):
        assert next_outcome(inbox) == events.MessageSent(slow)
    assert network.sent == [(1, ACK), (1, TASK), (1, CANCEL)]


def test_nothing_follows_what_was_refused(sender, network, inbox):
    """Except to the next Worker on that address."""
    slow, next_one = worker(1), worker(1)
    network.hold(1)
    network.errors[1] = [REFUSED]
    for message in (TASK, CANCEL):
        sender.send(slow, message)
    sender.send(next_one, ACK)
    network.held[1].set()
    assert next_outcome(inbox) == events.WorkerUnreachable(slow)
    assert next_outcome(inbox) == events.MessageSent(next_one)
    assert network.sent == [(1, TASK), (1, ACK)]


def test_nothing_is_sent_to_a_worker_that_died_meanwhile(
        sender, network, inbox):
    slow, next_one = worker(1), worker(1)
    network.hold(1)
    for message in (ACK, TASK):
        sender.send(slow, message)
    slow.mark_dead()
    sender.send(next_one, ACK)
    network.held[1].set()
    assert next_outcome(inbox) == events.MessageSent(slow)
    assert next_outcome(inbox) == events.MessageSent(next_one)
    assert network.sent == [(1, ACK), (1, ACK)]


def test_slow_newcomers_leave_threads_for_known_workers(
        sender, network, inbox):
    """However many register whose addresses swallow packets."""
    before = threading.active_count()
    network.hold(*range(1, 81))
    for port in range(1, 81):
        assert isinstance(
            sender.send(worker(port), ACK), events.MessageDelayed)
    good = worker(100)
    outcome = sender.send(good, TASK)
    if outcome == events.MessageDelayed(good):
        outcome = next_outcome(inbox)
    assert outcome == events.MessageSent(good)
    assert threading.active_count() <= before + sender_module.MAX_THREADS


@pytest.mark.parametrize("code", [
    errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM,
    errno.EADDRNOTAVAIL])
def test_own_failure_says_nothing_about_the_worker(
        sender, network, inbox, code):
    """The message is sent at the next retry, before what follows it."""
    first = worker(1)
    network.errors[1] = [OSError(code, "of our own")] * 2
    assert sender.send(first, ACK) == events.MessageDelayed(first)
    assert sender.send(first, TASK) == events.MessageDelayed(first)
    assert network.sent == [(1, ACK)]
    sender.retry()
    with pytest.raises(queue.Empty):
        inbox.get(0.05)
    sender.retry()
    assert next_outcome(inbox) == events.MessageSent(first)
    assert next_outcome(inbox) == events.MessageSent(first)
    assert network.sent == [(1, ACK)] * 3 + [(1, TASK)]


def test_stranger_is_asked_to_register_without_an_outcome(
        sender, network, inbox):
    network.hold(1)
    sender.ask_to_register(("localhost", 1))
    sender.ask_to_register(("localhost", 1))  # The first is still on its way.
    network.held[1].set()
    first = worker(1)
    outcome = sender.send(first, ACK)
    if outcome == events.MessageDelayed(first):
        outcome = next_outcome(inbox)
    assert outcome == events.MessageSent(first)
    assert inbox.is_empty
    assert network.sent == [(1, AGAIN), (1, ACK)]


def test_last_messages_go_out_after_the_end(inbox, network):
    """Those to slow Workers, too, and those that failed for want of files."""
    with contextlib.closing(Sender(inbox)) as sender:
        network.hold(1)
        sender.send(worker(1), CANCEL)
        network.errors[2] = [NO_FILES] * 2
        for port in (1, 2, 3):
            sender.send(worker(port), SHUTDOWN)
    network.held[1].set()
    inbox.__exit__()
    assert sorted(network.sent, key=lambda sent: sent[0]) == [
        (1, CANCEL), (1, SHUTDOWN), *[(2, SHUTDOWN)] * 3, (3, SHUTDOWN)]


def test_end_does_not_wait_for_what_cannot_be_sent(inbox, network, mocker):
    mocker.patch.object(sender_module, "CLOSE_TIMEOUT", 0.1)
    network.errors[1] = [NO_FILES] * 1000
    with contextlib.closing(Sender(inbox)) as sender:
        sender.send(worker(1), SHUTDOWN)
    inbox.__exit__()
    assert len(network.sent) < 10
