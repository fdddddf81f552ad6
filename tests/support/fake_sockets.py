"""A stand-in for socket.socket that holds the code to the contract.

The last part of the contract says how sockets are to be used, so that tests
can replace the attribute socket.socket. This stand-in allows just that. Any
other use raises where it happens, and again at the end of the test.

What the code hears is a script, a generator that the test gives: each message
that it yields comes over a connection of its own. Before it yields, the script
may wait for what the code sends; the code sees a `recv` that takes its time.
A shutdown follows the last message.

    def messages():
        yield wire.register(6001)
        sockets.wait_for("register_ack")

    sockets.hear(messages())
    Manager("localhost", 6000)
    assert sockets.sent == [("localhost", 6001, wire.ACK),
                            ("localhost", 6001, wire.SHUTDOWN)]
"""
import errno
import json
import socket
import threading
import time
from unittest import mock

from tests.support import wire

WAIT = 60.0  # seconds that a script waits for the code
MOMENT = 0.001  # seconds for somebody to come between connect and sendall

KINDS = {
    (socket.AF_INET, socket.SOCK_STREAM): "TCP",
    (socket.AF_INET, socket.SOCK_DGRAM): "UDP",
}

# What may be called, and after what, from the first call on. Calls that may
# come at any time or again and again do not count.
SERVER = ["setsockopt", "bind", "listen"]
LEGAL = {
    ("TCP", "setsockopt"): [],
    ("TCP", "bind"): SERVER[:1],
    ("TCP", "listen"): SERVER[:2],
    ("TCP", "accept"): SERVER,
    ("TCP", "connect"): [],
    ("TCP", "sendall"): ["connect"],
    ("UDP", "bind"): [],
    ("UDP", "recv"): ["bind"],
    ("UDP", "connect"): [],
    ("UDP", "sendall"): ["connect"],
    ("UDP", "getsockopt"): ["connect", "sendall"],
}
REPEATABLE = {"accept", "recv", "getsockopt"}

FORBIDDEN = ["create_connection", "create_server", "fromfd", "socketpair"]


class FakeSockets:
    """All sockets of the code under test, and the other end of each."""

    def __init__(self, mocker):
        """Replace socket.socket until the end of the test."""
        self.sent = []  # over TCP: (host, port, message)
        self.sent_udp = []  # likewise
        self.refused = []  # (host, port) of each connect that was refused
        self.refused_times = []  # when, by time.monotonic
        self.refusing = set()  # (host, port) where nobody listens
        self.udp_errors = []  # what SO_ERROR says of the next sends over UDP
        self.serving = []  # (kind, (host, port)) of each server
        self.over = threading.Event()  # the shutdown was heard
        self.before_send = lambda message: None  # called for each message
        self.problems = []  # why this test must fail
        self.connection = _Connection(self)
        self.connected = None  # the socket between connect and sendall
        self.datagrams = iter(())
        self._changed = threading.Condition()
        self._threads = {}
        mocker.patch("socket.socket", side_effect=self._create)
        for name in FORBIDDEN:
            mocker.patch(f"socket.{name}",
                         side_effect=lambda *_, name=name: self.breach(name))

    # For tests

    def hear(self, messages):
        """Let the code hear messages over TCP: dictionaries or bytes."""
        self.connection.script = messages

    def hear_udp(self, messages):
        """Let the code hear messages over UDP."""
        self.datagrams = messages

    def heartbeats(self, *ports, interval):
        """Yield heartbeats of Workers until the end; a script for UDP."""
        while not self.over.wait(interval):
            yield from map(wire.heartbeat, ports)

    def wait_until(self, predicate):
        """Wait until something is true of what the code sent; in scripts."""
        with self._changed:
            assert self._changed.wait_for(predicate, WAIT), (
                f"waited in vain; sent: {self.sent} and {self.sent_udp}, "
                f"refused: {self.refused}")

    def wait_for(self, message_type, times=1):
        """Wait until messages of a type were sent so many times."""
        self.wait_until(lambda: [
            message["message_type"]
            for _, _, message in self.sent + self.sent_udp
        ].count(message_type) >= times)

    def finish_tasks(self, number):
        """Yield a finished for each task sent, in order; part of a script."""
        for done in range(number):
            self.wait_until(lambda done=done: len(self.tasks()) > done)
            _, port, task = self.tasks()[done]
            yield wire.finished(task["task_id"], port)

    def tasks(self):
        """Return those of the messages sent that are tasks."""
        return [(host, port, message) for host, port, message in self.sent
                if "task" in message["message_type"]]

    def check(self):
        """Fail if the contract was broken, or a script waited in vain."""
        if self.connected:
            self.problems.append("connect without sendall")
        assert not self.problems, self.problems

    # For the sockets

    def breach(self, what):
        """Note that the contract was broken, and stop whoever did that."""
        self.problems.append(what)
        raise AssertionError(what)

    def expect(self, condition, what):
        """Call it a breach if a condition does not hold."""
        if not condition:
            self.breach(what)

    def check_thread(self, receiver):
        """Call it a breach if another thread received there before."""
        thread = threading.current_thread()
        self.expect(self._threads.setdefault(receiver, thread) is thread,
                    f"two threads receive on one {receiver} socket")

    def say(self, script, default):
        """Return the next message of a script as bytes.

        If the script fails, so does the test; the code is then shut down.
        """
        try:
            message = next(script, default)
        except Exception as error:  # Whatever is wrong with the test.
            self.problems.append(f"the script failed: {error!r}")
            message = wire.SHUTDOWN
        if isinstance(message, dict):
            return wire.encode(message)
        return message

    def note(self, record, *entry):
        """Add to a record of what happened, and wake who waits for that."""
        with self._changed:
            record.append(entry)
            self._changed.notify_all()

    def _create(self, *args, **kwargs):
        self.expect(args in KINDS and not kwargs,
                    f"socket.socket called with {args} {kwargs}")
        return _Unentered(_Socket(self, KINDS[args]))


class _Strict:
    """An object of which nothing may be used but what its class has."""

    def __init__(self, fakes, kind):
        self.fakes = fakes
        self.kind = kind

    def __getattr__(self, name):
        return self.fakes.breach(f"{name} of a {self.kind} is used")


class _Unentered(_Strict):
    """What socket.socket returns: good for nothing but a with."""

    def __init__(self, sock):
        super().__init__(sock.fakes, "socket outside of with")
        self._sock = sock

    def __enter__(self):
        return self._sock

    def __exit__(self, *_):
        self._sock.close()


class _Socket(_Strict):
    """What the with gives."""

    def __init__(self, fakes, kind):
        super().__init__(fakes, f"{kind} socket")
        self._protocol = kind
        self._calls = []
        self._closed = False
        self._timeout = None
        self._address = None

    def close(self):
        """End the with."""
        self._closed = True

    def settimeout(self, seconds):
        """Set how long recv waits where there is no script."""
        self._timeout = seconds

    def setsockopt(self, *args):
        """Allow what a listener needs to start again at once."""
        self._check("setsockopt")
        self.fakes.expect(
            args == (socket.SOL_SOCKET, socket.SO_REUSEADDR, 1),
            f"setsockopt{args}")

    def bind(self, address):
        """Serve an address, in the case of UDP."""
        self._check("bind")
        self._address = address
        if self._protocol == "UDP":
            self.fakes.serving.append(("UDP", address))

    def listen(self):
        """Serve an address over TCP."""
        self._check("listen")
        self.fakes.serving.append(("TCP", self._address))

    def accept(self):
        """Return a connection, at once."""
        self._check("accept")
        self.fakes.check_thread("TCP")
        return self.fakes.connection.accept(), ("127.0.0.1", 10000)

    def recv(self, _size):
        """Return the next datagram of the script."""
        self._check("recv")
        self.fakes.check_thread("UDP")
        payload = self.fakes.say(self.fakes.datagrams, None)
        if payload is None:
            self.fakes.over.wait(self._timeout)
            raise TimeoutError("timed out")
        return payload

    def connect(self, address):
        """Connect, unless the test has that address refuse."""
        self._check("connect")
        self.fakes.expect(
            address not in [served for _, served in self.fakes.serving],
            f"connects to itself: {address}")
        self.fakes.expect(self.fakes.connected is None,
                          "connect between another's connect and sendall")
        if self._protocol == "TCP" and address in self.fakes.refusing:
            self.fakes.refused_times.append(time.monotonic())
            self.fakes.note(self.fakes.refused, *address)
            raise ConnectionRefusedError(
                errno.ECONNREFUSED, "Connection refused")
        self._address = address
        self.fakes.connected = self
        self.fakes.over.wait(MOMENT)

    def sendall(self, payload):
        """Take the one message of a connection."""
        self._check("sendall")
        self.fakes.expect(self.fakes.connected is self,
                          "sendall after another's connect")
        message = json.loads(payload)
        self.fakes.expect(payload == wire.encode(message),
                          f"not the default form of json.dumps: {payload}")
        self.fakes.before_send(message)
        self.fakes.connected = None
        self.fakes.note(
            self.fakes.sent if self._protocol == "TCP"
            else self.fakes.sent_udp, *self._address, message)

    def getsockopt(self, *_):
        """Return what the test gives, or what a mock returns: no number."""
        self._check("getsockopt")
        if self.fakes.udp_errors:
            return self.fakes.udp_errors.pop(0)
        return mock.MagicMock()

    def _check(self, name):
        legal = LEGAL.get((self._protocol, name))
        self.fakes.expect(legal is not None,
                          f"{name} of a {self._protocol} socket is used")
        self.fakes.expect(not self._closed, f"{name} outside of with")
        self.fakes.expect(self._calls == legal,
                          f"{self._protocol} {name} after {self._calls}")
        if name not in REPEATABLE:
            self._calls.append(name)


class _Connection(_Strict):
    """What accept returns: the same object each time, as of a mock."""

    def __init__(self, fakes):
        super().__init__(fakes, "connection")
        self.script = iter(())
        self._open = False
        self._payload = None

    def __enter__(self):
        return _Strict(self.fakes, "connection's __enter__")

    def __exit__(self, *_):
        pass

    def settimeout(self, seconds):
        """Do nothing: here, recv takes the time it takes."""

    def close(self):
        """Do nothing: the next connection is the same object."""

    def accept(self):
        """Begin the next message."""
        self.fakes.expect(not self.fakes.over.is_set(),
                          "accept after the shutdown")
        self.fakes.expect(not self._open, "accept within a message")
        self._open = True
        return self

    def recv(self, _size):
        """Return the whole message, then None, which is the end of it."""
        self.fakes.check_thread("TCP")
        self.fakes.expect(self._open, "recv after the end of a message")
        if self._payload is None:
            self._payload = self.fakes.say(self.script, wire.SHUTDOWN)
            if self._payload:
                return self._payload
        if self._payload == wire.encode(wire.SHUTDOWN):
            self.fakes.over.set()
        self._open, self._payload = False, None
        return None
