"""Clients whose connections were accepted: read, watched, answered.

A client sends one message, which is all that it sends before it closes its
side. Few get an answer, on the same connection. Whoever is slow, to send or to
take the answer, keeps nobody waiting.
"""
from __future__ import annotations

import collections
import contextlib
import logging
import os
import select
import threading
import time
from collections.abc import Callable
from typing import Any

Socket = Any  # an accepted socket; this module can't make any
Handler = Callable[[bytes, "Connection"], None]

LOGGER = logging.getLogger(__name__)

MAX_MESSAGE = 64 * 2**20  # bytes
BLOCK = 64 * 2**10  # bytes to ask of one recv
READ_TIMEOUT = 0.1  # seconds that a client may keep the listener waiting
SLOW_READ_TIMEOUT = 0.001  # seconds, while other slow clients wait
SLOW_LIFETIME = 5.0  # seconds that a slow client has in all, and an answer
MAX_SLOW = 1_000  # slow clients at a time; the oldest gives way


class Connection:
    """A connection, what came over it so far, and what is to go back."""

    def __init__(
        self, sock: Socket, slow_connections: SlowConnections
    ) -> None:
        """Take over a connection that was accepted."""
        self.socket = sock
        self.deadline = time.monotonic() + SLOW_LIFETIME
        self._slow_connections = slow_connections
        self._chunks: list[bytes] = []
        self._size = 0
        self._is_expecting = False
        # What makes the answer, then what is left of it.
        self._answer: Callable[[], bytes] | memoryview | None = None

    def read(self, handle: Handler) -> None:
        """Read the message and handle it, or hand a slow client over."""
        self.socket.settimeout(self._slow_connections.read_timeout)
        # The clock runs from the second chunk: before the first, recv has a
        # timeout of its own.
        since = None
        try:
            while self._receive():
                now = time.monotonic()
                if since is None and len(self._chunks) == 2:
                    since = now
                elif since is not None and now - since > READ_TIMEOUT:
                    self._slow_connections.add(self)
                    return
        except TimeoutError:
            self._slow_connections.add(self)
            return
        except OSError as error:
            LOGGER.warning("Dropped a connection: %s", error)
            self.socket.close()
            return
        if not self._finish(handle):
            self.socket.close()

    def _receive(self) -> bool:
        """Receive one chunk; tell whether more may come.

        Raises TimeoutError where nothing came, another OSError where the
        connection failed or the message grew too long.
        """
        chunk = self.socket.recv(BLOCK)
        if not chunk:
            return False
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size > MAX_MESSAGE:
            raise OSError(f"a message of more than {MAX_MESSAGE} bytes")
        return True

    def _finish(self, handle: Handler) -> bool:
        """Handle the whole message; tell whether an answer will follow."""
        handle(b"".join(self._chunks), self)
        return self._is_expecting

    def expect_answer(self) -> None:
        """Stay connected, since there will be an answer; for the handler."""
        self._is_expecting = True
        self._slow_connections.add(self)

    def answer(self, make: Callable[[], bytes]) -> None:
        """Have the answer made and sent that was to be expected; any thread.

        It is made by the thread that watches the slow clients.
        """
        self.deadline = time.monotonic() + SLOW_LIFETIME
        self._answer = make
        self._slow_connections.add(self)

    @property
    def events(self) -> int:
        """What is to be waited for (select.poll)."""
        if self._answer is not None:
            return select.POLLOUT
        return 0 if self._is_expecting else select.POLLIN

    def proceed(self, handle: Handler) -> bool:
        """Do what is possible without waiting; tell whether more will be.

        Raises OSError where the connection failed.
        """
        try:
            if self._answer is not None:
                return self._send(self._answer)
            if self._is_expecting:
                raise OSError("the client did not wait for its answer")
            return self._receive() or self._finish(handle)
        except (BlockingIOError, TimeoutError):
            return True

    def _send(self, answer: Callable[[], bytes] | memoryview) -> bool:
        """Send what is possible of the answer; tell whether there is more."""
        if not isinstance(answer, memoryview):
            answer = self._answer = memoryview(answer())
        self._answer = answer[self.socket.send(answer):]
        return bool(self._answer)


class SlowConnections:
    """One thread that watches all clients that the listener can't wait for.

    Nothing runs until the first such client comes; then it does to the end.
    They hold memory and a file descriptor each, so there is a bound to their
    number and their time.
    """

    def __init__(self, handle: Handler) -> None:
        """Have messages handled by a function, in the thread."""
        self._handle = handle
        self._arrivals: collections.deque[Connection] = collections.deque()
        self._connections: dict[int, Connection] = {}
        self._thread: threading.Thread | None = None
        self._pipe = -1, -1  # to wake the thread
        self._closing = False
        self._lock = threading.Lock()  # on arrivals, the thread and its pipe

    @property
    def read_timeout(self) -> float:
        """Seconds that the next client may keep the listener waiting."""
        slow = self._arrivals or self._connections
        return SLOW_READ_TIMEOUT if slow else READ_TIMEOUT

    def __enter__(self) -> SlowConnections:
        """Return the SlowConnections itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the thread and close all connections."""
        with self._lock:
            self._closing = True
            if self._thread is None:
                return
            self._wake()
        self._thread.join()
        for connection in self._arrivals:
            connection.socket.close()
        for descriptor in self._pipe:
            os.close(descriptor)

    def add(self, connection: Connection) -> None:
        """Watch a client, or look anew what it is to wait for; any thread.

        It is dropped if this is over, or can't begin.
        """
        with self._lock:
            if self._closing or (self._thread is None and not self._start()):
                connection.socket.close()
                return
            self._arrivals.append(connection)
            self._wake()

    def _start(self) -> bool:
        """Start the thread; tell whether the system had one to give."""
        try:
            read_end, write_end = os.pipe()
        except OSError as error:
            LOGGER.warning("Dropped a slow connection: %s", error)
            return False
        os.set_blocking(write_end, False)
        self._pipe = read_end, write_end
        thread = threading.Thread(target=self._watch)
        try:
            thread.start()
        except RuntimeError as error:
            LOGGER.warning("Dropped a slow connection: %s", error)
            os.close(read_end)
            os.close(write_end)
            return False
        self._thread = thread
        return True

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # A full pipe wakes, too.
            os.write(self._pipe[1], b"x")

    def _watch(self) -> None:
        """Do whatever is possible, until __exit__; the thread's whole life."""
        poller = select.poll()
        wake_up = self._pipe[0]
        poller.register(wake_up, select.POLLIN)
        while not self._closing:
            for descriptor, _ in poller.poll(self._timeout()):
                if descriptor == wake_up:
                    os.read(wake_up, BLOCK)
                else:
                    self._proceed(descriptor, poller)
            while self._arrivals:
                self._take_in(self._arrivals.popleft(), poller)
            self._drop_late(poller)
        for descriptor, connection in list(self._connections.items()):
            if connection.events == select.POLLOUT:  # As much as goes at once.
                self._proceed(descriptor, poller)
        for descriptor in list(self._connections):
            self._drop(descriptor, poller)

    def _timeout(self) -> float | None:
        """Return the milliseconds until the first client's time is over."""
        if not self._connections:
            return None
        oldest = next(iter(self._connections.values()))
        return max(0.0, oldest.deadline - time.monotonic()) * 1000 + 1

    def _take_in(self, connection: Connection, poller: select.poll) -> None:
        descriptor = connection.socket.fileno()
        if descriptor < 0:  # It was too late.
            return
        connection.socket.settimeout(0)
        # Out and in again: they are in the order of their deadlines.
        self._connections.pop(descriptor, None)
        self._connections[descriptor] = connection
        poller.register(descriptor, connection.events)

    def _proceed(self, descriptor: int, poller: select.poll) -> None:
        try:
            if not self._connections[descriptor].proceed(self._handle):
                self._drop(descriptor, poller)
        except OSError as error:
            LOGGER.warning("Dropped a slow connection: %s", error)
            self._drop(descriptor, poller)

    def _drop_late(self, poller: select.poll) -> None:
        """Drop the clients that are too many, or whose time is over."""
        now = time.monotonic()
        for descriptor, connection in list(self._connections.items()):
            if (len(self._connections) <= MAX_SLOW
                    and now < connection.deadline):
                return
            LOGGER.warning("Dropped a connection that was too slow")
            self._drop(descriptor, poller)

    def _drop(self, descriptor: int, poller: select.poll) -> None:
        poller.unregister(descriptor)
        self._connections.pop(descriptor).socket.close()
