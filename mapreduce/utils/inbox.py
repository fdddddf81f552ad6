"""Where everything that happens to a daemon arrives, in one order.

Listener threads decode what they hear and put it in one queue; the thread
that made the Inbox takes it out. The Inbox owns those threads: leaving it
sets the stop flag that they look at, and joins them.
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
class Terminated:
    """A signal asked this process to end."""


@dataclasses.dataclass(frozen=True)
class Question:
    """A message whose sender waits for an answer on its connection."""

    message: messages.Message
    answer: Callable[[Callable[[], bytes]], None]  # takes what makes it


class Inbox:
    """The queue of what happens, each with its time of receipt."""

    def __init__(
        self, admit: Callable[[Any], object] = lambda message: message,
    ) -> None:
        """Start empty, with no thread.

        Each message, or Question, goes through admit, in the thread that
        hears it; what that returns is put in the queue, unless it is None.
        """
        self._admit = admit
        self.stop = threading.Event()
        # SimpleQueue: its put may interrupt another put, as signals need.
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
        """Add an event, received now; any thread and any signal handler."""
        self._queue.put((event, time.monotonic()))

    def get(self, timeout: float | None = None) -> tuple[Any, float]:
        """Return the next event and when it was received (time.monotonic).

        Raises queue.Empty after timeout seconds.
        """
        return self._queue.get(timeout=timeout)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return self._queue.empty()

    def spawn(self, target: Callable[..., None], *args: object) -> None:
        """Run a function that looks at the stop flag in a thread."""
        thread = threading.Thread(target=target, args=args)
        self._threads.append(thread)
        thread.start()

    def listen_tcp(self, server: TcpServer, *types: type) -> None:
        """Take messages of these types from a TCP server from now on.

        Who asks which types those are is told at once.
        """
        types = (*types, messages.GetMessageTypesMessage)
        receive = self._receiver("TCP", types)
        self.spawn(server.serve, receive, self.stop)

    def listen_udp(self, server: UdpServer, *types: type) -> None:
        """Take messages of these types from a UDP server from now on."""
        self.spawn(server.serve, self._receiver("UDP", types), self.stop)

    def _receiver(
        self, protocol: str, types: tuple[type, ...]
    ) -> Callable[..., None]:
        """Return a function that takes one payload, usable or not.

        Over TCP, it also takes the client that sent it.
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
                # The last message: its listener must not accept again.
                self.stop.set()
            event: object = message
            if connection and isinstance(message, messages.Query):
                connection.expect_answer()
                if isinstance(message, messages.GetMessageTypesMessage):
                    connection.answer(lambda: _encode_types(types))
                    return
                event = Question(message, connection.answer)
            event = self._admit(event)
            if event is not None:
                self.put(event)
        return receive


def _encode_types(types: tuple[type, ...]) -> bytes:
    """Return the answer to who asks which messages are taken."""
    return codec.encode(status.MessageTypes(
        tuple(map(codec.name_of, types))))
