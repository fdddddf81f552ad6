"""Collect everything that happens to a daemon in one queue, in one order.

Listener threads decode what they receive and add it to the queue; the thread
that made the Inbox consumes it. The Inbox owns those threads: its __exit__
sets the stop flag that they check, and joins them.

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
from collections.abc import Callable
from typing import Any

from mapreduce.protocol import codec, messages, status
from mapreduce.protocol.fields import ProtocolError
from mapreduce.utils.connections import Connection
from mapreduce.utils.network import TcpServer, UdpServer

LOGGER = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class EndingSignal:
    """The process received a signal to end."""


@dataclasses.dataclass(frozen=True)
class PendingQuery:
    """A query whose sender waits for the answer on its connection."""

    message: messages.Message
    # To be called with a function that makes the answer.
    answer: Callable[[Callable[[], bytes]], None]


class Inbox:
    """A queue of events, each with its time of receipt."""

    def __init__(
        self, preprocess: Callable[[Any], object] = lambda message: message,
    ) -> None:
        """Start empty, with no thread.

        A listener thread calls `preprocess` with each message or PendingQuery
        and adds what it returns to the queue, unless that is None.
        """
        self._preprocess = preprocess
        self.stop = threading.Event()
        # Not queue.Queue: a signal handler may call put while the main thread
        # is inside put, and only SimpleQueue is reentrant.
        self._queue: queue.SimpleQueue[tuple[Any, float]] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Inbox:
        """Return the Inbox itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop and join every thread."""
        self.stop.set()
        for thread in self._threads:
            thread.join()

    def put(self, event: object) -> None:
        """Add an event, received now; for any thread and signal handler."""
        # The time of receipt, not of handling: a heartbeat counts from when it
        # arrived, however long the main thread was busy.
        self._queue.put((event, time.monotonic()))

    def get(self, timeout: float | None = None) -> tuple[Any, float]:
        """Return the next event and its time of receipt (time.monotonic).

        Raises queue.Empty after timeout seconds.
        """
        return self._queue.get(timeout=timeout)

    @property
    def is_empty(self) -> bool:
        """Whether no event waits."""
        return self._queue.empty()

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
        receive = self._receiver("TCP", types)
        self.spawn(server.serve, receive, self.stop)

    def listen_udp(self, server: UdpServer, *types: type) -> None:
        """Start to receive messages of these types from a UDP server."""
        self.spawn(server.serve, self._receiver("UDP", types), self.stop)

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
                LOGGER.info("Ignored an empty %s message", protocol)
                return
            try:
                document = codec.parse(payload)
                LOGGER.debug(
                    "%s recv\n%s", protocol, codec.Indented(document))
                message = codec.from_document(document)
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
            if connection and isinstance(message, messages.Query):
                connection.expect_answer()
                if isinstance(message, messages.GetMessageTypesMessage):
                    connection.answer(lambda: _encode_types(types))
                    return
                event = PendingQuery(message, connection.answer)
            event = self._preprocess(event)
            if event is not None:
                self.put(event)
        return receive


def _encode_types(types: tuple[type, ...]) -> bytes:
    return codec.encode(status.MessageTypes(tuple(
        name for cls in types for name in sorted(codec.capabilities(cls)))))
