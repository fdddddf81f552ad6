"""TCP and UDP, bytes in and bytes out: the only module that opens sockets.

A TCP message is all that a client sends on one connection; a UDP message is
one datagram. What the bytes mean is no business of this module.

Every socket is made and used in the few ways that the protocol's test suites
stand in for: ``with socket.socket(family, kind) as sock``, ``connect`` and
one ``sendall``, ``accept`` and ``recv`` on what it returned.
"""
from __future__ import annotations

import contextlib
import errno
import logging
import os
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator

from mapreduce.utils.connections import (
    BLOCK,
    MAX_MESSAGE,
    Connection,
    SlowConnections,
)

LOGGER = logging.getLogger(__name__)

TcpHandler = Callable[[bytes, Connection], None]
UdpHandler = Callable[[bytes], None]

STOP_INTERVAL = 1.0  # seconds: how soon an idle server sees its stop flag
SEND_TIMEOUT = 5.0  # seconds to connect, and again to send, and for an answer
RETRY_DELAY = 0.1  # seconds to wait when accept fails, e.g. for want of files

# Below those that the system itself gives to connections: what is free here
# stays so, and is still free when a process that was killed is replaced.
FREE_PORTS = range(10_000, 32_768)
FREE_PORT_TRIES = 1_000

# Connect and sendall are a pair: nobody else's come between the two.
_SENDING = threading.Lock()


class MessageTooLong(Exception):
    """No receiver would take a message of this length."""


class NoAnswer(Exception):
    """Somebody took a question, but gave no answer."""


class LateAnswer(NoAnswer):
    """No answer came in time; there may have been one later."""


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


def tcp_query(
    host: str, port: int, payload: bytes, timeout: float | None = None
) -> bytes:
    """Send one message and return the answer, all that comes after it.

    Raises OSError if nobody can be reached, and NoAnswer if the whole answer
    isn't there within seconds: LateAnswer if more of it may come.
    """
    timeout = timeout or SEND_TIMEOUT
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.settimeout(SEND_TIMEOUT)
        # Without the lock: a question may take its time.
        with _checked_host(host):
            sock.connect((host, port))
            sock.sendall(payload)
        try:
            sock.shutdown(socket.SHUT_WR)
            return b"".join(_chunks(sock, time.monotonic() + timeout))
        except TimeoutError as error:
            raise LateAnswer("no whole answer in time") from error
        except OSError as error:
            raise NoAnswer(str(error)) from error


def _chunks(sock: socket.socket, deadline: float) -> Iterator[bytes]:
    """Receive to the end of a stream; raise OSError for one without end."""
    size = 0
    while (left := deadline - time.monotonic()) > 0:
        sock.settimeout(left)
        chunk = sock.recv(BLOCK)
        if not chunk:
            return
        size += len(chunk)
        if size > MAX_MESSAGE:
            raise OSError(f"an answer of more than {MAX_MESSAGE} bytes")
        yield chunk
    raise TimeoutError


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


def free_port(host: str) -> int:
    """Return a port that is free for TCP and UDP, as long as it lasts.

    Raises OSError if there is none, or the host is none of this machine.
    """
    for _ in range(FREE_PORT_TRIES):
        port = random.choice(FREE_PORTS)
        try:
            with udp_server(host, port), tcp_server(host, port):
                return port
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    raise OSError(errno.EADDRINUSE, "no port was found free")


class UdpServer:
    """A bound UDP socket; udp_server makes it and closes it."""

    def __init__(self, sock: socket.socket) -> None:
        """Serve a socket that is bound and has a timeout."""
        self._sock = sock

    def serve(self, handle: UdpHandler, stop: threading.Event) -> None:
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

    def serve(self, handle: TcpHandler, stop: threading.Event) -> None:
        """Call handle with each message, and its sender, until stop is set.

        A message is read at once, one after the other. A client that dawdles
        is handed to a thread that watches all such clients, which then calls
        handle, too: nobody waits for the slow.
        """
        with SlowConnections(handle) as slow_connections:
            while not stop.is_set():
                try:
                    connection, _ = self._sock.accept()
                except TimeoutError:
                    continue
                except OSError as error:
                    LOGGER.warning("Cannot accept a connection: %s", error)
                    stop.wait(RETRY_DELAY)
                    continue
                Connection(connection, slow_connections).read(handle)
