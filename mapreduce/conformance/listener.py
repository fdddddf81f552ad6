"""Receive messages at a port of the kit, over TCP and over UDP."""
from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from mapreduce.conformance.rule import RuleBroken
from mapreduce.conformance.transcript import (
    Transcript,
    is_same,
    parsed,
    shown,
)
from mapreduce.utils import network
from mapreduce.utils.servers import TcpServer, UdpServer

HOST = "localhost"
PORT_TRIES = 10


@dataclasses.dataclass(frozen=True)
class Received:
    """A message, and when it was received (time.monotonic)."""

    message: Any
    time: float
    payload: bytes

    @property
    def type(self) -> str | None:
        """Return the message_type; None if there is none."""
        if isinstance(self.message, dict):
            kind = self.message.get("message_type")
            return kind if isinstance(kind, str) else None
        return None

    def expect_message(self, message: dict[str, Any]) -> None:
        """Raise RuleBroken if this is not exactly such a message."""
        if not is_same(self.message, message):
            raise RuleBroken(shown(message), shown(self.message))

    def expect_default_text(self) -> None:
        """Raise RuleBroken if the text is no default form of json.dumps."""
        wanted = json.dumps(self.message).encode()
        if self.payload != wanted:
            raise RuleBroken(repr(wanted), repr(self.payload))


class Inbox:
    """The messages received over TCP or over UDP, in their order."""

    def __init__(self, name: str, transcript: Transcript) -> None:
        """Start without messages; the name is for the transcript."""
        self.name = name
        self._transcript = transcript
        self._queue: queue.SimpleQueue[Received] = queue.SimpleQueue()
        # Types of messages that `next` passes over.
        self.ignored: set[str] = set()

    def receive(self, payload: bytes, *_: object) -> None:
        """Add a message; called by the thread of a server."""
        received = Received(parsed(payload), time.monotonic(), payload)
        self._transcript.add(self.name, received.message)
        self._queue.put(received)

    def next(self, timeout: float) -> Received | None:
        """Return the next message; None if there is none in time."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                received = self._queue.get(
                    timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return None
            if received.type not in self.ignored:
                return received

    def expect(self, expected: str, timeout: float) -> Received:
        """Return the next message, which must have this type."""
        received = self.next(timeout)
        if received is None:
            raise RuleBroken(
                f"{expected} within {timeout:.3g} s", "nothing was received")
        if received.type != expected:
            raise RuleBroken(expected, shown(received.message))
        return received

    def expect_nothing(self, seconds: float, why: str) -> None:
        """Wait some seconds; raise RuleBroken if a message comes."""
        received = self.next(seconds)
        if received is not None:
            raise RuleBroken(
                f"no message: {why}", shown(received.message))


class Listener:
    """A port of the kit at which it listens, until it is closed."""

    def __init__(
        self, name: str, transcript: Transcript, with_udp: bool = False
    ) -> None:
        """Choose a free port and listen there."""
        self.name = name
        self.tcp = Inbox(f"TCP received by {name}", transcript)
        self.udp = Inbox(f"UDP received by {name}", transcript)
        self._with_udp = with_udp
        self._transcript = transcript
        self._stack = contextlib.ExitStack()
        self.port = 0
        self._choose_port()

    def _choose_port(self) -> None:
        for _ in range(PORT_TRIES):
            self.port = network.free_port(HOST)
            try:
                self._listen()
                return
            # Another process may take a free port before this one does.
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
        raise OSError(errno.EADDRINUSE, "every port that was tried is in use")

    def _listen(self) -> None:
        with contextlib.ExitStack() as stack:
            if self._with_udp:
                udp = stack.enter_context(
                    network.udp_server(HOST, self.port))
                self._serve(stack, udp, self.udp.receive)
            tcp = stack.enter_context(network.tcp_server(HOST, self.port))
            self._serve(stack, tcp, self.tcp.receive)
            self._stack = stack.pop_all()

    @staticmethod
    def _serve(
        stack: contextlib.ExitStack, server: TcpServer | UdpServer,
        receive: Callable[..., None],
    ) -> None:
        stop = threading.Event()
        thread = threading.Thread(target=server.serve, args=(receive, stop))
        thread.start()
        stack.callback(thread.join)
        stack.callback(server.wake)
        stack.callback(stop.set)

    def close(self) -> None:
        """Refuse connections from now on."""
        self._stack.close()

    def leave(self) -> None:
        """Refuse connections from now on, and note it."""
        self._transcript.add(self.name, "refuses connections from now on")
        self.close()

    def reopen(self) -> None:
        """Listen again, at the same port."""
        self._listen()
        self._transcript.add(self.name, "accepts connections again")
