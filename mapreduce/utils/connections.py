"""Read accepted connections, watch the slow ones, and send answers.

A peer sends one message and then closes its side of the connection. For some
messages, the answer goes back on the same connection. A peer that is slow to
send, or slow to receive its answer, must not delay the others.

This module never opens a socket. Its threads:

    listener  Connection.read: the normal case, within READ_TIMEOUT
    watcher   everything else; one thread, started for the first slow peer
    any       SlowConnections.add and Connection.answer
"""
from __future__ import annotations

import collections
import contextlib
import dataclasses
import logging
import os
import resource
import select
import threading
import time
from collections.abc import Callable
from typing import Any

from mapreduce.utils.incoming import BLOCK, Incoming, MaxSize, any_size

Socket = Any  # an accepted socket; only network imports the socket module
Handler = Callable[[bytes, "Connection"], None]

LOGGER = logging.getLogger(__name__)

READ_TIMEOUT = 0.1  # seconds for which one peer may block the listener
# The same, while other slow peers exist: 500 of them that send nothing would
# otherwise block a registration for 50 seconds.
SLOW_READ_TIMEOUT = 0.001
SLOW_LIFETIME = 5.0  # seconds for a slow peer to send, and again to receive
# Slow peers at a time, at most half as many as files may be open; above that
# the oldest is dropped.
MAX_SLOW = 1_000
# Bytes that all of them together may have sent; above, the oldest is dropped.
MAX_SLOW_BYTES = 256 * 2**20


def max_slow() -> int:
    """Return how many slow peers are allowed at a time."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    # The other half of the files is for jobs, Workers, and peers that are
    # not slow. The limit is 256 on macOS, for example.
    return MAX_SLOW if limit == resource.RLIM_INFINITY else min(
        MAX_SLOW, limit // 2)


@dataclasses.dataclass(eq=False)
class _Accepted:
    socket: Socket
    peer: tuple[str, int] | None  # the address at the other end, if known


class Connection(_Accepted):
    """A connection, the bytes received so far, and the answer, if any."""

    def __init__(
        self, sock: Socket, slow_connections: SlowConnections,
        peer: tuple[str, int] | None = None,
    ) -> None:
        """Own an accepted socket, from now until it is closed.

        `peer` is the address at the other end.
        """
        super().__init__(sock, peer)
        self.deadline = time.monotonic() + SLOW_LIFETIME
        self._slow_connections = slow_connections
        self._incoming = Incoming(slow_connections.max_size)
        self.awaits_answer = False
        # A function that makes the answer, later the bytes not yet sent.
        self._answer: Callable[[], bytes] | memoryview | None = None

    def read(self, handle: Handler) -> None:
        """Read the message and handle it, or give a slow peer to the watcher.

        Called by the listener, once.
        """
        self.socket.settimeout(self._slow_connections.read_timeout)
        # Measured from the second chunk, not from the start: recv has a
        # timeout, so only a peer that sends its message in small pieces can
        # block the listener for longer. A test's stand-in for recv may also
        # take seconds for the first chunk, and must still be read here.
        since = None
        try:
            while self._receive():
                now = time.monotonic()
                if since is None and len(self._incoming.chunks) == 2:
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
        """Receive one chunk; return whether more may follow.

        Raises TimeoutError if nothing arrives in time, and another OSError if
        the connection fails or the message is too long.
        """
        chunk = self.socket.recv(BLOCK)
        if not chunk:  # The peer closed its side: the message is complete.
            return False
        self._incoming.add(chunk)
        return True

    def _finish(self, handle: Handler) -> bool:
        """Handle the whole message; return whether an answer will follow."""
        handle(self._incoming.take(), self)
        return self.awaits_answer

    def expect_answer(self) -> None:
        """Keep the connection open for an answer; called by the handler."""
        self.awaits_answer = True
        # The listener must accept the next connection, so the watcher waits.
        self._slow_connections.add(self)

    def refuse(self, note: bytes) -> None:
        """Send a short note, which has no time to be sent later."""
        # A socket that has sent nothing takes a few bytes at once.
        with contextlib.suppress(OSError):
            self.socket.send(note)

    def answer(self, make: Callable[[], bytes]) -> None:
        """Send the bytes that `make` returns; any thread may call this.

        The watcher calls `make`: it may take long to encode a large answer,
        and the Manager's loop must not wait for that.
        """
        # The peer is not at fault for the time that its query waited here.
        self.deadline = time.monotonic() + SLOW_LIFETIME
        self._answer = make
        self._slow_connections.add(self)

    @property
    def size(self) -> int:
        """The number of bytes that were received and not handled yet."""
        return self._incoming.size

    @property
    def events(self) -> int:
        """The events of select.poll for which this connection waits."""
        if self._answer is not None:
            return select.POLLOUT
        # Even for 0, poll reports a connection that failed.
        return 0 if self.awaits_answer else select.POLLIN

    def proceed(self, handle: Handler) -> bool:
        """Receive or send what is possible now; return whether to continue.

        Raises OSError if the connection fails.
        """
        try:
            if self._answer is not None:
                return self._send(self._answer)
            if self.awaits_answer:
                raise OSError("the client did not wait for its answer")
            return self._receive() or self._finish(handle)
        except (BlockingIOError, TimeoutError):
            return True

    def _send(self, answer: Callable[[], bytes] | memoryview) -> bool:
        """Send what the socket accepts now; return whether bytes are left."""
        if not isinstance(answer, memoryview):
            answer = self._answer = memoryview(answer())
        self._answer = answer[self.socket.send(answer):]
        return bool(self._answer)


@dataclasses.dataclass(eq=False)
class _Rules:
    _handle: Handler
    max_size: MaxSize  # of long messages


class SlowConnections(_Rules):
    """The watcher: one thread for all peers that the listener can't wait for.

    The thread starts when the first slow peer is added, and runs until
    __exit__. Each slow peer costs memory and a file descriptor, so their
    number and their time are limited.
    """

    def __init__(
        self, handle: Handler, max_size: MaxSize = any_size
    ) -> None:
        """Call `handle` with each message, in the thread."""
        super().__init__(handle, max_size)
        self._arrivals: collections.deque[Connection] = collections.deque()
        # By file descriptor, in the order of their deadlines; only the thread
        # itself uses it, so it needs no lock.
        self._connections: dict[int, Connection] = {}
        self._size = 0  # bytes that they have sent, as of the last event
        self._thread: threading.Thread | None = None
        self._pipe = -1, -1  # to wake the thread
        self._closing = False
        self._lock = threading.Lock()  # on arrivals, the thread and its pipe

    @property
    def read_timeout(self) -> float:
        """Seconds for which the next peer may block the listener."""
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
        # Only now: until it ended, the thread was the one to close sockets.
        for connection in self._arrivals:
            connection.socket.close()
        for descriptor in self._pipe:
            os.close(descriptor)

    def add(self, connection: Connection) -> None:
        """Watch a connection, or update its events; any thread may call this.

        The connection is closed if the thread has ended or can't be started.
        """
        with self._lock:
            if self._closing or (self._thread is None and not self._start()):
                connection.socket.close()
                return
            self._arrivals.append(connection)
            self._wake()

    def _start(self) -> bool:
        """Start the thread; return whether the system allowed it."""
        try:
            read_end, write_end = os.pipe()
        except OSError as error:
            LOGGER.warning("Dropped a slow connection: %s", error)
            return False
        # If the pipe is full, the thread wakes anyway; add must not block.
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
        with contextlib.suppress(BlockingIOError):
            os.write(self._pipe[1], b"x")

    def _watch(self) -> None:
        """Serve all connections until __exit__; runs in the thread."""
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
                self._adopt(self._arrivals.popleft(), poller)
            self._drop_late(poller)
        # The last answers: as much of each as its socket accepts at once.
        for descriptor, connection in list(self._connections.items()):
            if connection.events == select.POLLOUT:
                self._proceed(descriptor, poller)
        for descriptor in list(self._connections):
            self._drop(descriptor, poller)

    def _timeout(self) -> float | None:
        """Return the milliseconds until the first deadline."""
        if not self._connections:
            return None
        oldest = next(iter(self._connections.values()))
        return max(0.0, oldest.deadline - time.monotonic()) * 1000 + 1

    def _adopt(self, connection: Connection, poller: select.poll) -> None:
        descriptor = connection.socket.fileno()
        if descriptor < 0:  # Its time was over, and its socket was closed.
            return
        connection.socket.settimeout(0)
        # Removed and added again, because a later deadline goes to the end.
        if self._connections.pop(descriptor, None) is None:
            self._size += connection.size
        self._connections[descriptor] = connection
        poller.register(descriptor, connection.events)

    def _proceed(self, descriptor: int, poller: select.poll) -> None:
        connection = self._connections[descriptor]
        before = connection.size
        try:
            goes_on = connection.proceed(self._handle)
            self._size += connection.size - before
            if not goes_on:
                self._drop(descriptor, poller)
        except OSError as error:
            self._size += connection.size - before
            LOGGER.warning("Dropped a slow connection: %s", error)
            self._drop(descriptor, poller)

    def _drop_late(self, poller: select.poll) -> None:
        """Drop connections past their deadline, and those above the limit."""
        now, limit, slow = time.monotonic(), max_slow(), self._connections
        while slow and next(iter(slow.values())).deadline <= now:
            self._drop_slow(next(iter(slow)), poller)
        while slow and (len(slow) > limit or self._size > MAX_SLOW_BYTES):
            # Last, those whose query was accepted: strangers make the others.
            self._drop_slow(min(
                slow, key=lambda number: slow[number].awaits_answer), poller)

    def _drop_slow(self, descriptor: int, poller: select.poll) -> None:
        LOGGER.warning("Dropped a connection that was too slow")
        self._drop(descriptor, poller)

    def _drop(self, descriptor: int, poller: select.poll) -> None:
        poller.unregister(descriptor)
        connection = self._connections.pop(descriptor)
        self._size -= connection.size
        connection.socket.close()
