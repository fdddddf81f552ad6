"""Collect everything that happens to a daemon in one queue, in one order.

Listener threads check and decode what they receive and add it to the queue;
the thread that made the Inbox consumes it. The Inbox owns those threads: its
__exit__ sets the stop flag that they check, and joins them.

    main thread       get, spawn, listen_tcp, listen_udp, __exit__
    listener threads  preprocess, put
    signal handlers   put
"""
from __future__ import annotations

import dataclasses
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from mapreduce.protocol import codec, messages, status
from mapreduce.protocol.fields import ProtocolError
from mapreduce.protocol.signing import Secret, SignatureError
from mapreduce.utils.connections import Connection
from mapreduce.utils.door import REFUSAL, Door, Seal
from mapreduce.utils.servers import TcpServer, UdpServer

LOGGER = logging.getLogger(__name__)

# What would harm if it came a second time, after a restart of the receiver.
Command = (messages.JobMessage | messages.CancelJobMessage
           | messages.ShutdownMessage)
MAX_DELAY = 1.0  # seconds that a tick may be late
# Seconds until the next tick after a late one: longer than the 2 s between two
# heartbeats, so that one of each living Worker arrives before it.
CATCH_UP_TIME = 3.0
# Messages that wait for the main thread, and their bytes. Above that, those of
# TCP wait outside, and heartbeats are dropped, as the system would do it.
MAX_MESSAGES = 100_000
MAX_SIZE = 64 * 2**20
ROOM_INTERVAL = 0.01  # seconds until the next look whether there is room


@dataclasses.dataclass(frozen=True)
class EndingSignal:
    """The process received a signal to end."""


@dataclasses.dataclass(frozen=True)
class PendingQuery:
    """A query whose sender waits for the answer on its connection."""

    message: messages.Message
    # To be called with a function that makes the answer.
    answer: Callable[[Callable[[], bytes]], None]


@dataclasses.dataclass(frozen=True)
class Submission:
    """A job, and the address of its client's end of the connection."""

    job: messages.JobMessage
    client: tuple[str, int] | None


class _Events:
    """The queue, and the sum of the bytes of the messages in it."""

    def __init__(self) -> None:
        # Not queue.Queue: a signal handler may call put while the main thread
        # is inside put, and only SimpleQueue is reentrant.
        self._queue: queue.SimpleQueue[
            tuple[Any, float, int]] = queue.SimpleQueue()
        self._size = 0
        self._lock = threading.Lock()  # on the size

    @property
    def is_empty(self) -> bool:
        """Whether no event waits."""
        return self._queue.empty()

    @property
    def is_full(self) -> bool:
        """Whether no message should be added now."""
        return self._size > MAX_SIZE or self._queue.qsize() > MAX_MESSAGES

    def put(self, event: object, received: float, size: int) -> None:
        """Add an event; a signal handler must give the size 0."""
        if size:
            self._add_size(size)
        self._queue.put((event, received, size))

    def get(self, timeout: float | None) -> tuple[Any, float]:
        """Remove and return the next event and its time of receipt."""
        event, received, size = self._queue.get(timeout=timeout)
        if size:
            self._add_size(-size)
        return event, received

    def _add_size(self, size: int) -> None:
        with self._lock:
            self._size += size


class Inbox:
    """A queue of events, each with its time of receipt."""

    def __init__(
        self, preprocess: Callable[[Any], object] = lambda message: message,
        classes: Mapping[str, type[messages.Message]] = codec.CLASSES,
        seal: Seal | None = None,
    ) -> None:
        """Start empty, with no thread.

        A listener thread calls `preprocess` with each message, Submission or
        PendingQuery, and adds what it returns to the queue; None is not
        added. The classes are those of the dialect, by message_type. With a
        seal, only signed messages are accepted.
        """
        self._door = Door(seal)
        self._preprocess = preprocess
        self._classes = classes
        self.stop = threading.Event()
        self._events = _Events()
        self._threads: list[threading.Thread] = []
        self._servers: list[TcpServer | UdpServer] = []

    def __enter__(self) -> Inbox:
        """Return the Inbox itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop and join every thread."""
        self.stop.set()
        for server in self._servers:
            server.wake()
        for thread in self._threads:
            thread.join()

    def put(self, event: object) -> None:
        """Add an event, received now; for any thread and signal handler."""
        # The time of receipt, not of handling: a heartbeat counts from when it
        # arrived, however long the main thread was busy.
        self._events.put(event, time.monotonic(), 0)

    def get(self, timeout: float | None = None) -> tuple[Any, float]:
        """Return the next event and its time of receipt (time.monotonic).

        Raises queue.Empty after timeout seconds.
        """
        return self._events.get(timeout)

    def _put_message(self, event: object, size: int, can_wait: bool) -> None:
        """Add a message of `size` bytes; wait until there is room, or drop it.

        The main thread may be busy for minutes, with a large directory.
        """
        received = time.monotonic()
        while self._events.is_full:
            if not can_wait:
                LOGGER.warning("Dropped a message: too many others wait")
                return
            if self.stop.wait(ROOM_INTERVAL):
                break
        self._events.put(event, received, size)

    @property
    def secret(self) -> Secret | None:
        """What signs the messages of this cluster, if it has a secret."""
        return self._door.secret

    @property
    def is_empty(self) -> bool:
        """Whether no event waits."""
        return self._events.is_empty

    def spawn(self, target: Callable[..., None], *args: object) -> None:
        """Run a function in a thread; it must end when `stop` is set."""
        thread = threading.Thread(target=target, args=args)
        self._threads.append(thread)
        thread.start()

    def listen_tcp(self, server: TcpServer, *types: type) -> None:
        """Start to receive messages of these types from a TCP server.

        A query for these types is answered without the main thread.
        """
        types = (*types, messages.GetMessageTypesMessage)
        long_types = {codec.name_of(cls) for cls in types
                      if codec.may_be_long(cls)}
        self._serve(
            server, self._receiver("TCP", types),
            lambda start: self._door.max_size(start, long_types))

    def listen_udp(self, server: UdpServer, *types: type) -> None:
        """Start to receive messages of these types from a UDP server."""
        self._serve(server, self._receiver("UDP", types))

    def _serve(
        self, server: TcpServer | UdpServer, receive: Callable[..., None],
        *options: Callable[[bytes], int],
    ) -> None:
        self._servers.append(server)
        self.spawn(server.serve, receive, self.stop, *options)

    def _receiver(
        self, protocol: str, types: tuple[type, ...]
    ) -> Callable[..., None]:
        """Return a function that handles one payload.

        Over TCP, its second argument is the connection of the sender.
        """
        def receive(
            payload: bytes, connection: Connection | None = None
        ) -> None:
            if not payload:
                # At DEBUG: bin/mapreduce connects to see whether a port
                # answers, and sends nothing.
                LOGGER.debug("Ignored an empty %s message", protocol)
                return
            try:
                # Before any parser: what is not signed must not reach one.
                opened = self._door.open(payload)
                document = codec.parse(opened.payload)
                LOGGER.debug(
                    "%s recv\n%s", protocol, codec.Indented(document))
                message = codec.from_document(document, self._classes)
                if isinstance(message, Command):
                    self._door.check_new(opened)
            except SignatureError as error:
                LOGGER.warning("Ignored a %s message: %s", protocol, error)
                if connection:
                    connection.refuse(REFUSAL)
                return
            except ProtocolError as error:
                LOGGER.warning("Ignored a %s message: %s", protocol, error)
                return
            if not isinstance(message, types):
                LOGGER.warning(
                    "Ignored a %s message that does not belong here: %s",
                    protocol, document["message_type"])
                return
            if isinstance(message, messages.ShutdownMessage):
                # Here, not in the main thread: after a shutdown the listener
                # must not accept again, and it does so when this returns.
                self.stop.set()
            event: object = message
            if connection and isinstance(message, messages.JobMessage):
                event = Submission(message, connection.peer)
            if connection and isinstance(message, messages.Query):
                connection.expect_answer()
                answer = self._door.signing(connection.answer, opened.nonce)
                if isinstance(message, messages.GetMessageTypesMessage):
                    answer(lambda: _encode_types(types))
                    return
                event = PendingQuery(message, answer)
            event = self._preprocess(event)
            if event is not None:
                self._put_message(event, len(payload), protocol == "TCP")
        return receive


class Ticker:
    """Puts a tick, an event, into an Inbox at an interval in seconds."""

    def __init__(
        self, inbox: Inbox, interval: float, tick: object,
        on_late: Callable[[float], object] = lambda seconds: None,
    ) -> None:
        """Put the first one after an interval, when put_due is called.

        `on_late` is called instead of a tick that is late by some seconds.
        """
        self._inbox = inbox
        self._interval = interval
        self._tick = tick
        self._on_late = on_late
        self._due = time.monotonic() + interval

    def put_due(self) -> float:
        """Put a tick if it is due; return when the next one is.

        That is a time of time.monotonic.
        """
        now = time.monotonic()
        if now >= self._due:
            # A late tick means that this process was stopped or busy. The
            # heartbeats of that time wait in the socket, or were dropped by
            # its full buffer. They must count before a Worker is marked dead,
            # so this tick is left out and the next one comes later.
            late = now >= self._due + MAX_DELAY
            if late:
                self._on_late(now - self._due)
            else:
                self._inbox.put(self._tick)
            self._due = now + (CATCH_UP_TIME if late else self._interval)
        return self._due


def _encode_types(types: tuple[type, ...]) -> bytes:
    return codec.encode(status.MessageTypes(tuple(
        name for cls in types for name in sorted(codec.capabilities(cls)))))
