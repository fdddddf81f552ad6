"""The Inbox: what arrives, in which order, when, and what is dropped."""
import logging
import queue
import threading

import pytest

from mapreduce.protocol import codec, messages
from mapreduce.utils import network, outbox
from mapreduce.utils.inbox import Inbox, Ticker
from tests.support.ports import free_port
from tests.support.waiting import wait_until

REGISTER = messages.RegisterMessage("localhost", 6001)
ACK = messages.RegisterAckMessage()
SHUTDOWN = messages.ShutdownMessage()
WAIT = 60.0  # seconds for what is only late if it never comes


class FakeServer:
    """Serves payloads in place of a socket, then waits for the stop flag."""

    def __init__(self, *payloads):
        """Serve these payloads."""
        self.accepted = []
        self.woken = False
        self._payloads = payloads

    def serve(self, handle, stop, *_):
        """Do as TcpServer and UdpServer do."""
        for payload in self._payloads:
            if stop.is_set():
                return
            self.accepted.append(payload)
            handle(payload)
        stop.wait()

    def wake(self):
        """Do as TcpServer and UdpServer do."""
        self.woken = True


@pytest.fixture(name="inbox")
def make_inbox(caplog):
    """Return an Inbox whose log is kept."""
    caplog.set_level(logging.DEBUG)
    with Inbox() as inbox:
        yield inbox


def received_by(inbox, number):
    """Return so many messages from an Inbox."""
    return [inbox.get(WAIT)[0] for _ in range(number)]


def logged(caplog, level):
    """Return the log's messages of a level."""
    return [record.getMessage() for record in caplog.records
            if record.levelno == level]


def test_events_come_in_the_order_in_which_they_were_put(inbox):
    for number in range(100):
        inbox.put(number)
    assert received_by(inbox, 100) == list(range(100))


def test_event_carries_the_time_at_which_it_was_put(inbox, mocker):
    mocker.patch("time.monotonic", side_effect=[5.0, 7.0])
    inbox.put("early")
    inbox.put("late")
    assert [inbox.get(), inbox.get()] == [("early", 5.0), ("late", 7.0)]


def test_get_of_nothing_ends_after_its_timeout(inbox):
    with pytest.raises(queue.Empty):
        inbox.get(timeout=0.01)


def test_flood_of_values_is_ignored(inbox, caplog, mocker):
    mocker.patch("mapreduce.protocol.long_json.MAX_VALUES", 10)
    mocker.patch("mapreduce.protocol.codec.SHORT", 0)
    flood = b'{"message_type": "register", "x": [' + b"0," * 10 + b"0]}"
    inbox.listen_tcp(FakeServer(flood, codec.encode(REGISTER)),
                     messages.RegisterMessage)
    assert received_by(inbox, 1) == [REGISTER]
    assert logged(caplog, logging.WARNING) == [
        "Ignored a TCP message: more than 10 values"]


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_message_is_decoded_and_logged(inbox, caplog, protocol):
    listen = getattr(inbox, f"listen_{protocol}")
    listen(FakeServer(codec.encode(REGISTER)), messages.RegisterMessage)
    assert received_by(inbox, 1) == [REGISTER]
    assert logged(caplog, logging.DEBUG) == [
        f"{protocol.upper()} recv\n"
        "{\n"
        '  "message_type": "register",\n'
        '  "worker_host": "localhost",\n'
        '  "worker_port": 6001\n'
        "}"]


@pytest.mark.parametrize("payload, level, complaint", [
    (b"?", logging.WARNING, "Ignored a TCP message: no JSON: b'?'"),
    (b'{"message_type": "finished"}', logging.WARNING,
     "Ignored a TCP message: finished lacks field 'task_id'"),
    (codec.encode(ACK), logging.WARNING,
     "Ignored a TCP message that does not belong here: register_ack"),
])
def test_unusable_message_is_one_line_in_the_log(
        inbox, caplog, payload, level, complaint):
    inbox.listen_tcp(
        FakeServer(payload, codec.encode(REGISTER)),
        messages.RegisterMessage)
    assert received_by(inbox, 1) == [REGISTER]
    assert logged(caplog, logging.INFO) + logged(caplog, logging.WARNING) == (
        [complaint])
    assert logged(caplog, level) == [complaint]


def test_empty_connection_is_only_logged_for_debugging(inbox, caplog):
    """bin/mapreduce makes one to see whether a port answers."""
    inbox.listen_tcp(
        FakeServer(b"", codec.encode(REGISTER)), messages.RegisterMessage)
    assert received_by(inbox, 1) == [REGISTER]
    assert logged(caplog, logging.DEBUG)[0] == "Ignored an empty TCP message"
    assert logged(caplog, logging.INFO) + logged(caplog, logging.WARNING) == []


def test_end_of_the_inbox_wakes_every_server():
    servers = FakeServer(), FakeServer()
    with Inbox() as inbox:
        inbox.listen_tcp(servers[0], messages.RegisterMessage)
        inbox.listen_udp(servers[1], messages.HeartbeatMessage)
    assert [server.woken for server in servers] == [True, True]


@pytest.mark.parametrize("limit", [("MAX_MESSAGES", 1), ("MAX_SIZE", 100)])
def test_messages_wait_for_room(inbox, mocker, limit):
    """While the main thread is busy, a flood must not fill the memory."""
    mocker.patch(f"mapreduce.utils.inbox.{limit[0]}", limit[1])
    server = FakeServer(*[codec.encode(REGISTER)] * 9, codec.encode(SHUTDOWN))
    inbox.listen_tcp(
        server, messages.RegisterMessage, messages.ShutdownMessage)
    assert wait_until(lambda: len(server.accepted) == 3)
    assert received_by(inbox, 10) == [REGISTER] * 9 + [SHUTDOWN]


def test_datagrams_do_not_wait_for_room(inbox, mocker, caplog):
    """They are dropped, as the system does it if its buffer is full."""
    mocker.patch("mapreduce.utils.inbox.MAX_MESSAGES", 1)
    server = FakeServer(*[codec.encode(REGISTER)] * 9)
    inbox.listen_udp(server, messages.RegisterMessage)
    assert wait_until(lambda: len(server.accepted) == 9)
    assert received_by(inbox, 2) == [REGISTER] * 2
    assert inbox.is_empty
    assert set(logged(caplog, logging.WARNING)) == {
        "Dropped a message: too many others wait"}


def test_shutdown_waits_for_no_room(inbox, mocker):
    mocker.patch("mapreduce.utils.inbox.MAX_MESSAGES", 0)
    inbox.put("first")
    inbox.listen_tcp(FakeServer(codec.encode(SHUTDOWN)),
                     messages.ShutdownMessage)
    assert wait_until(inbox.stop.is_set)
    assert received_by(inbox, 2) == ["first", SHUTDOWN]


def test_nothing_is_accepted_after_a_shutdown(inbox):
    server = FakeServer(codec.encode(SHUTDOWN), codec.encode(REGISTER))
    inbox.listen_tcp(
        server, messages.ShutdownMessage, messages.RegisterMessage)
    assert received_by(inbox, 1) == [SHUTDOWN]
    assert inbox.stop.is_set()
    assert server.accepted == [codec.encode(SHUTDOWN)]


def test_shutdown_that_does_not_belong_stops_nothing(inbox):
    server = FakeServer(codec.encode(SHUTDOWN), codec.encode(REGISTER))
    inbox.listen_udp(server, messages.RegisterMessage)
    assert received_by(inbox, 1) == [REGISTER]
    assert not inbox.stop.is_set()


def test_leaving_it_stops_and_joins_every_thread():
    before = threading.enumerate()
    with Inbox() as inbox:
        inbox.listen_tcp(FakeServer(), messages.ShutdownMessage)
        inbox.listen_udp(FakeServer(), messages.HeartbeatMessage)
        inbox.spawn(inbox.stop.wait)
        assert len(threading.enumerate()) == len(before) + 3
    assert threading.enumerate() == before


def test_who_asks_is_told_which_messages_are_taken(inbox):
    """At once: it is nothing that the taker of the messages hears of."""
    port = free_port()
    with network.tcp_server("localhost", port) as server:
        inbox.listen_tcp(server, messages.CancelMessage)
        assert outbox.ask(
            "localhost", port, messages.GetMessageTypesMessage()
        ) == {"message_types": ["cancel", "get_message_types"]}
        inbox.stop.set()
        inbox.__exit__()
    with pytest.raises(queue.Empty):
        inbox.get(0)


def test_tick_that_is_late_is_reported_instead(inbox, mocker):
    clock = mocker.patch("mapreduce.utils.inbox.time.monotonic")
    clock.return_value = 100.0
    delays = []
    ticker = Ticker(inbox, 1.0, "tick", delays.append)
    clock.return_value = 101.0
    assert ticker.put_due() == 102.0
    clock.return_value = 142.0
    assert ticker.put_due() == 145.0
    assert delays == [40.0]
    assert inbox.get(WAIT) == ("tick", 101.0)
    assert inbox.is_empty
