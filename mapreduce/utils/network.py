"""TCP and UDP, bytes in and bytes out: the only module that opens sockets.

A TCP message is all that a client sends on one connection; a UDP message is
one datagram. What the bytes mean is no business of this module.

Every socket is made and used in the few ways that the protocol's test suites
stand in for: ``with socket.socket(family, kind) as sock``, ``connect`` and
one ``sendall``, ``accept`` and ``recv`` on what it returned.
"""
from __future__ import annotations

import collections
import contextlib
import logging
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator

LOGGER = logging.getLogger(__name__)

Handler = Callable[[bytes], None]

STOP_INTERVAL = 1.0  # seconds: how soon an idle server sees its stop flag
SEND_TIMEOUT = 5.0  # seconds to connect, and again for the sendall
RETRY_DELAY = 0.1  # seconds to wait when accept fails, e.g. for want of files
MAX_MESSAGE = 64 * 2**20  # bytes
BLOCK = 64 * 2**10  # bytes to ask of one recv
PATIENCE = 0.1  # seconds that a client may keep the listener waiting
SLOW_PATIENCE = 0.001  # seconds, while other slow clients wait
SLOW_LIFETIME = 5.0  # seconds that a slow client has in all
MAX_SLOW = 1_000  # slow clients at a time; the oldest gives way

# Connect and sendall are a pair: nobody else's come between the two.
_SENDING = threading.Lock()


class MessageTooLong(Exception):
    """No receiver would take a message of this length."""


def tcp_client(host: str, port: int, payload: bytes) -> None:
    """Send one message; raise OSError if it can't be sent within seconds.

    Raises MessageTooLong, and sends nothing, for more than MAX_MESSAGE bytes.
    """
    if len(payload) > MAX_MESSAGE:
        raise MessageTooLong(
            f"a message of {len(payload)} bytes, more than {MAX_MESSAGE}")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.settimeout(SEND_TIMEOUT)
        _send(sock, (host, port), payload)


def tcp_query(host: str, port: int, payload: bytes) -> bytes:
    """Send one message and return the answer, all that comes after it.

    Raises OSError if nobody can be reached, TimeoutError (one of those) if
    the whole answer isn't there within seconds.
    """
    deadline = time.monotonic() + SEND_TIMEOUT
    chunks = []
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.settimeout(SEND_TIMEOUT)
        _send(sock, (host, port), payload)
        sock.shutdown(socket.SHUT_WR)
        while chunk := sock.recv(BLOCK):
            chunks.append(chunk)
            # A timeout of 0 would mean something else.
            sock.settimeout(max(deadline - time.monotonic(), 1e-3))
    return b"".join(chunks)


def udp_client(
    host: str, port: int, payload: bytes,
    linger: Callable[[], object] = lambda: None,
) -> None:
    """Send one datagram; raise OSError if that is known to have failed.

    It is known where the other side answers, before linger returns, that
    nobody listens there.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        _send(sock, (host, port), payload)
        linger()
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        # A test's stand-in for a socket gives no number.
        if isinstance(code, int) and code:
            raise OSError(code, os.strerror(code))


def _send(
    sock: socket.socket, address: tuple[str, int], payload: bytes
) -> None:
    with _SENDING, _checked_host(address[0]):
        sock.connect(address)
        sock.sendall(payload)


@contextlib.contextmanager
def _checked_host(host: str) -> Iterator[None]:
    """Raise OSError for a host that can't be put to the name service."""
    try:
        yield
    except (UnicodeError, TypeError) as error:
        raise OSError(f"no host name: {host!r}") from error


@contextlib.contextmanager
def udp_server(host: str, port: int) -> Iterator[UdpServer]:
    """Bind a UDP port; raise OSError if it can't be had.

    There is no SO_REUSEADDR: on Linux it would let two servers share a port.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        with _checked_host(host):
            sock.bind((host, port))
        sock.settimeout(STOP_INTERVAL)
        yield UdpServer(sock)


@contextlib.contextmanager
def tcp_server(host: str, port: int) -> Iterator[TcpServer]:
    """Listen on a TCP port; raise OSError if it can't be had."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with _checked_host(host):
            sock.bind((host, port))
        sock.listen()
        sock.settimeout(STOP_INTERVAL)
        yield TcpServer(sock)


class UdpServer:
    """A bound UDP socket; udp_server makes it and closes it."""

    def __init__(self, sock: socket.socket) -> None:
        """Serve a socket that is bound and has a timeout."""
        self._sock = sock

    def serve(self, handle: Handler, stop: threading.Event) -> None:
        """Call handle with each datagram until stop is set."""
        while not stop.is_set():
            try:
                payload = self._sock.recv(BLOCK)
            except TimeoutError:
                continue
            except OSError as error:
                LOGGER.warning("Cannot receive a datagram: %s", error)
                stop.wait(RETRY_DELAY)
                continue
            if payload:
                handle(payload)


class TcpServer:
    """A listening TCP socket; tcp_server makes it and closes it."""

    def __init__(self, sock: socket.socket) -> None:
        """Serve a socket that listens and has a timeout."""
        self._sock = sock

    def serve(self, handle: Handler, stop: threading.Event) -> None:
        """Call handle with each message until stop is set.

        A message is read at once, one after the other. A client that dawdles
        is handed to a thread that watches all such clients, which then calls
        handle, too: nobody waits for the slow.
        """
        with _SlowClients(handle) as slow_clients:
            while not stop.is_set():
                try:
                    connection, _ = self._sock.accept()
                except TimeoutError:
                    continue
                except OSError as error:
                    LOGGER.warning("Cannot accept a connection: %s", error)
                    stop.wait(RETRY_DELAY)
                    continue
                _Client(connection).read(handle, slow_clients)


class _Client:
    """A connection that was accepted and what came over it so far."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.deadline = time.monotonic() + SLOW_LIFETIME
        self._chunks: list[bytes] = []
        self._size = 0

    def read(self, handle: Handler, slow_clients: _SlowClients) -> None:
        """Read the message and handle it, or hand a slow client over."""
        self.connection.settimeout(slow_clients.patience)
        # The clock runs from the second chunk: before the first, recv has a
        # timeout of its own.
        since = None
        try:
            while self.receive():
                now = time.monotonic()
                if since is None and len(self._chunks) == 2:
                    since = now
                elif since is not None and now - since > PATIENCE:
                    slow_clients.add(self)
                    return
        except TimeoutError:
            slow_clients.add(self)
            return
        except OSError as error:
            LOGGER.warning("Dropped a connection: %s", error)
            self.connection.close()
            return
        self.finish(handle)

    def receive(self) -> bool:
        """Receive one chunk; tell whether more may come.

        Raises TimeoutError where nothing came, another OSError where the
        connection failed or the message grew too long.
        """
        chunk = self.connection.recv(BLOCK)
        if not chunk:
            return False
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size > MAX_MESSAGE:
            raise OSError(f"a message of more than {MAX_MESSAGE} bytes")
        return True

    def finish(self, handle: Handler) -> None:
        """Close the connection and handle the whole message."""
        self.connection.close()
        handle(b"".join(self._chunks))


class _SlowClients:
    """One thread that reads from all clients that dawdle.

    Nothing runs until the first such client comes. They hold memory and a
    file descriptor each, so there is a bound to their number and their time.
    """

    def __init__(self, handle: Handler) -> None:
        self._handle = handle
        self._arrivals: collections.deque[_Client] = collections.deque()
        self._clients: dict[int, _Client] = {}
        self._thread: threading.Thread | None = None
        self._wake_read, self._wake_write = -1, -1
        self._closing = False

    @property
    def patience(self) -> float:
        """Seconds that the next client may keep the listener waiting."""
        return SLOW_PATIENCE if self._arrivals or self._clients else PATIENCE

    def __enter__(self) -> _SlowClients:
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread is None:
            return
        self._closing = True
        self._wake()
        self._thread.join()
        for client in self._arrivals:
            client.connection.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def add(self, client: _Client) -> None:
        """Take over a client; called by the listener's thread."""
        if self._thread is None and not self._start():
            client.connection.close()
            return
        self._arrivals.append(client)
        self._wake()

    def _start(self) -> bool:
        """Start the thread; tell whether the system had one to give."""
        try:
            read_end, write_end = os.pipe()
        except OSError as error:
            LOGGER.warning("Dropped a slow connection: %s", error)
            return False
        os.set_blocking(write_end, False)
        self._wake_read, self._wake_write = read_end, write_end
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
            os.write(self._wake_write, b"x")

    def _watch(self) -> None:
        """Read whatever comes, until __exit__; the thread's whole life."""
        poller = select.poll()
        poller.register(self._wake_read, select.POLLIN)
        while not self._closing:
            for descriptor, _ in poller.poll(self._timeout()):
                if descriptor == self._wake_read:
                    os.read(self._wake_read, BLOCK)
                else:
                    self._read(descriptor, poller)
            while self._arrivals:
                client = self._arrivals.popleft()
                client.connection.settimeout(0)
                self._clients[client.connection.fileno()] = client
                poller.register(client.connection, select.POLLIN)
            self._drop_late(poller)
        for descriptor in list(self._clients):
            self._forget(descriptor, poller).connection.close()

    def _timeout(self) -> float | None:
        """Return the milliseconds until the first client's time is over."""
        if not self._clients:
            return None
        oldest = next(iter(self._clients.values()))
        return max(0.0, oldest.deadline - time.monotonic()) * 1000 + 1

    def _read(self, descriptor: int, poller: select.poll) -> None:
        client = self._clients[descriptor]
        try:
            if client.receive():
                return
        except (BlockingIOError, TimeoutError):
            return
        except OSError as error:
            LOGGER.warning("Dropped a slow connection: %s", error)
            self._forget(descriptor, poller).connection.close()
            return
        self._forget(descriptor, poller).finish(self._handle)

    def _drop_late(self, poller: select.poll) -> None:
        """Drop the clients that are too many, or whose time is over."""
        now = time.monotonic()
        for descriptor, client in list(self._clients.items()):
            if len(self._clients) <= MAX_SLOW and now < client.deadline:
                return
            LOGGER.warning("Dropped a connection that sent no whole message")
            self._forget(descriptor, poller).connection.close()

    def _forget(self, descriptor: int, poller: select.poll) -> _Client:
        poller.unregister(descriptor)
        return self._clients.pop(descriptor)
