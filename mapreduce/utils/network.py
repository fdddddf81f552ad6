"""Send and receive bytes over TCP and UDP. The only module with sockets.

A TCP message is everything that a peer sends on one connection; a UDP message
is one datagram. This module does not interpret the bytes.

The test suites of the protocol replace ``socket.socket`` by a mock. So every
socket is made and used in the few ways that they support: ``with
socket.socket(family, kind) as sock``, then ``connect`` and one ``sendall``, or
``accept`` and ``recv`` on the object that it returned.
"""
from __future__ import annotations

import contextlib
import errno
import ipaddress
import logging
import os
import random
import socket
import struct
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from mapreduce.utils.incoming import BLOCK, MAX_MESSAGE
from mapreduce.utils.names import Names
from mapreduce.utils.servers import TcpServer, UdpServer
from mapreduce.utils.turns import Turns

LOGGER = logging.getLogger(__name__)

STOP_INTERVAL = 1.0  # seconds after which an idle server checks its stop flag
SEND_TIMEOUT = 5.0  # seconds to connect, again to send, again for an answer

# Linux takes the ports of outgoing connections from 32768 up. A port below is
# not taken by accident, also not while a killed process is being replaced.
FREE_PORTS = range(10_000, 32_768)
FREE_PORT_TRIES = 1_000

TURN_TIMEOUT = 0.1  # seconds that one send may delay the next one

_TURNS = Turns()
_NAMES = Names(socket.gaierror)

# Errors of this machine, which say nothing about the peer.
OWN_ERRORS = {
    errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM,
    errno.EADDRNOTAVAIL}
# The same for a name: its service is away, or can't be asked.
OWN_NAME_ERRORS = {socket.EAI_AGAIN, socket.EAI_MEMORY, socket.EAI_SYSTEM}


class MessageTooLong(Exception):
    """A message is longer than any receiver accepts."""


class NoAnswer(Exception):
    """A query was sent, but no usable answer came back."""


class UnknownAnswer(NoAnswer):
    """What came back is no answer of this protocol."""


class LateAnswer(NoAnswer):
    """No answer came in time; it may still come later."""


def is_own_failure(error: OSError) -> bool:
    """Return whether a send failed for want of something on this machine."""
    if isinstance(error, socket.gaierror):
        return error.errno in OWN_NAME_ERRORS
    return error.errno in OWN_ERRORS


def tcp_client(host: str, port: int, payload: bytes) -> None:
    """Send one message, or raise OSError within about SEND_TIMEOUT seconds.

    Raises MessageTooLong, and sends nothing, for more than MAX_MESSAGE bytes.
    """
    if len(payload) > MAX_MESSAGE:
        raise MessageTooLong(
            f"a message of {len(payload)} bytes, more than {MAX_MESSAGE}")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.settimeout(SEND_TIMEOUT)
        _send(sock, (host, port), payload)


class Delivery(NamedTuple):
    """What is known of a message after it was sent."""

    sender: tuple[str, int]  # the address of this end of the connection
    # What came back until the receiver closed the connection. An empty one
    # means that the message was received as a whole; None, that the receiver
    # did not close the connection in time.
    answer: bytes | None


def tcp_deliver(
    host: str, port: int, payload: bytes, timeout: float
) -> Delivery | None:
    """Send one message, as tcp_client does; wait until it is received.

    The wait ends after `timeout` seconds. Returns None if the socket is the
    stand-in of a test.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.settimeout(SEND_TIMEOUT)
        _send(sock, (host, port), payload)
        if not _is_real(sock):
            return None
        answer: bytes | None = b""
        sender = sock.getsockname()
        try:
            sock.shutdown(socket.SHUT_WR)
            answer = b"".join(_chunks(sock, time.monotonic() + timeout))
        except TimeoutError:
            answer = None
        except OSError as error:
            # A receiver may close its end so that nothing more can come back.
            LOGGER.debug("No answer from %s:%d: %s", host, port, error)
        return Delivery(sender, answer)


def tcp_query(
    host: str, port: int, payload: bytes, timeout: float | None = None
) -> bytes:
    """Send one message and return all bytes that come back.

    The timeout, in seconds, is for the answer. Raises OSError if the peer
    can't be reached, LateAnswer after the timeout, and NoAnswer if the
    connection fails before the answer is complete.
    """
    timeout = timeout or SEND_TIMEOUT
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.settimeout(SEND_TIMEOUT)
        # Without the lock: a daemon that is slow to accept a query must not
        # delay the messages of other threads.
        with _checked_host(host), _doubting(host):
            _NAMES.connect(sock, host, port)
            sock.sendall(payload)
        try:
            # The end of the stream is the end of a message in this protocol.
            sock.shutdown(socket.SHUT_WR)
            return b"".join(_chunks(sock, time.monotonic() + timeout))
        except TimeoutError as error:
            raise LateAnswer("no whole answer in time") from error
        except OSError as error:
            raise NoAnswer(str(error)) from error


@contextlib.contextmanager
def idle_connection(host: str, port: int, payload: bytes) -> Iterator[None]:
    """Send some bytes, and keep the connection open through the block.

    Raises OSError if the peer can't be reached.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.settimeout(SEND_TIMEOUT)
        _send(sock, (host, port), payload)
        yield


def _chunks(sock: socket.socket, deadline: float) -> Iterator[bytes]:
    """Receive to the end of a stream; raise OSError if it is too long."""
    size = 0
    while (left := deadline - time.monotonic()) > 0:
        # The deadline is for the whole answer, the socket's timeout for one
        # recv: without this, one byte now and then could go on for ever.
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
    """Send one datagram; raise OSError if it is known to be lost.

    Refusals (ICMP "port unreachable") are noticed only if they arrive before
    `linger` returns: it is called between sending and checking.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        _send(sock, (host, port), payload)
        linger()
        # A refusal comes after sendall has returned, and is stored as the
        # error of the connected socket.
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        # With a mocked socket, the code is not a number.
        if isinstance(code, int) and code:
            _NAMES.doubt(host)
            raise OSError(code, os.strerror(code))


def _is_real(sock: socket.socket) -> bool:
    """Return whether the operating system has this socket."""
    # The stand-ins of tests take only the calls that the protocol needs. They
    # replace socket.socket; SocketType is the class from which it inherits.
    return isinstance(sock, socket.SocketType)


def _send(
    sock: socket.socket, address: tuple[str, int], payload: bytes
) -> None:
    # On a busy machine, also the stand-ins of tests may be slow.
    timeout = TURN_TIMEOUT if _is_real(sock) else -1
    host, port = address
    with _TURNS.take(timeout), _checked_host(host), _doubting(host):
        _NAMES.connect(sock, host, port)
        sock.sendall(payload)
    if _is_real(sock):
        _NAMES.keep(sock, host)


@contextlib.contextmanager
def _doubting(host: str) -> Iterator[None]:
    """Doubt the address of a host if it can't be reached."""
    try:
        yield
    except OSError as error:
        if not is_own_failure(error):
            _NAMES.doubt(host)
        raise


@contextlib.contextmanager
def _checked_host(host: str) -> Iterator[None]:
    """Raise OSError for a host that Python refuses to look up."""
    try:
        yield
    # Too long or empty labels, and NUL, raise these instead of OSError.
    except (UnicodeError, TypeError) as error:
        raise OSError(f"no host name: {host!r}") from error


def _limit_recv(sock: socket.socket, seconds: float) -> None:
    """Give recv a timeout of the operating system instead of Python's."""
    # With Python's timeout, recv is a poll and a recv that does not block.
    # For UDP on Linux, a shutdown ends only a recv that blocks.
    sock.settimeout(None)
    whole, fraction = divmod(seconds, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack(
        "ll", int(whole), int(fraction * 1e6)))


@contextlib.contextmanager
def udp_server(host: str, port: int) -> Iterator[UdpServer]:
    """Bind a UDP port until the end of the block; raise OSError if it fails.

    The port is free for other processes afterwards.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        # No SO_REUSEADDR: on Linux it would let two Managers share the port,
        # and each would miss heartbeats.
        with _checked_host(host):
            sock.bind((host, port))
        sock.settimeout(STOP_INTERVAL)
        if _is_real(sock):
            _limit_recv(sock, STOP_INTERVAL)
        yield UdpServer(sock, lambda: _end_wait(sock))


@contextlib.contextmanager
def tcp_server(host: str, port: int) -> Iterator[TcpServer]:
    """Listen on a TCP port until the end of the block, or raise OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        # Allows a restart while old connections are in TIME_WAIT. For TCP it
        # does not let two servers share a port.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with _checked_host(host):
            sock.bind((host, port))
        sock.listen()
        sock.settimeout(STOP_INTERVAL)
        yield TcpServer(sock, lambda: _end_wait(sock))


def _end_wait(sock: socket.socket) -> None:
    """End the wait of recv or accept in another thread."""
    # Linux wakes the thread although a listening socket is not connected, and
    # although it reports an error for UDP. On a system that does not wake it,
    # the thread looks at its stop flag after STOP_INTERVAL.
    if _is_real(sock):
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def is_only_local(host: str) -> bool:
    """Return whether no other machine can reach a host by this name.

    False if the name can't be resolved.
    """
    address = _address_of(host)
    return address.startswith("127.") or address == "0.0.0.0"


def is_this_machine(host: str) -> bool:
    """Return whether a host is this machine, or can't be resolved."""
    address = _address_of(host)
    if not address or address.startswith("127."):
        return True
    try:
        # Only an address of this machine can be bound.
        with udp_server(address, 0):
            return True
    except OSError as error:
        return error.errno != errno.EADDRNOTAVAIL


def _address_of(host: str) -> str:
    """Return, e.g., 127.0.0.1; an empty text if the name is unknown."""
    try:
        with _checked_host(host):
            return socket.gethostbyname(host)
    except OSError:
        return ""


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach what listens on a host.

    Raises OSError if the host can't be looked up.
    """
    with _checked_host(host):
        # As bind does it: an empty host stands for all addresses.
        return ipaddress.ip_address(socket.gethostbyname(host)).is_loopback


def free_port(host: str) -> int:
    """Return a port that is free for TCP and UDP at this moment.

    Another process may bind it before the caller does. Raises OSError if no
    port was found, or if the host is not an address of this machine.
    """
    for _ in range(FREE_PORT_TRIES):
        # At random: two daemons that start together try different ports.
        port = random.choice(FREE_PORTS)
        try:
            with udp_server(host, port), tcp_server(host, port):
                return port
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    raise OSError(errno.EADDRINUSE, "no port was found free")
