"""Serve a socket that is bound: receive messages until a stop flag is set.

The sockets are made in utils/network; `serve` runs in a thread of its own.
"""
from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from mapreduce.utils.connections import (
    Connection,
    SlowConnections,
    Socket,
)
from mapreduce.utils.incoming import BLOCK, MaxSize, any_size

LOGGER = logging.getLogger(__name__)

TcpHandler = Callable[[bytes, Connection], None]
UdpHandler = Callable[[bytes], None]

RETRY_DELAY = 0.1  # seconds until the next try if accept or recv fails


class _Server:
    """What both kinds of server have: a socket, and an end to its waiting."""

    def __init__(self, sock: Socket, wake: Callable[[], object]) -> None:
        """Use a socket that is bound and has a timeout.

        `wake` ends the wait of its recv or accept in another thread.
        """
        self._sock = sock
        self._wake = wake

    def wake(self) -> None:
        """End the wait of `serve` in another thread; it then looks at stop.

        Nothing is received afterwards.
        """
        self._wake()


class UdpServer(_Server):
    """A bound UDP socket; udp_server makes and closes it."""

    def serve(self, handle: UdpHandler, stop: threading.Event) -> None:
        """Call handle with each datagram until stop is set."""
        while not stop.is_set():
            try:
                payload = self._sock.recv(BLOCK)
            # The timeouts of Python and of the operating system.
            except (TimeoutError, BlockingIOError):
                continue
            except OSError as error:
                if stop.is_set():
                    return
                LOGGER.warning("Cannot receive a datagram: %s", error)
                # The error may last: without a pause the thread would spin.
                stop.wait(RETRY_DELAY)
                continue
            if payload:
                handle(payload)


class TcpServer(_Server):
    """A listening TCP socket; tcp_server makes and closes it."""

    def serve(
        self, handle: TcpHandler, stop: threading.Event,
        max_size: MaxSize = any_size,
    ) -> None:
        """Call handle with each message and its connection until stop is set.

        Messages are read one after the other, in this thread. The connection
        of a slow peer is given to a second thread, SlowConnections, which then
        calls `handle`, too: a slow peer delays no other. `max_size` decides
        on long messages.
        """
        with SlowConnections(handle, max_size) as slow_connections:
            while not stop.is_set():
                try:
                    connection, peer = self._sock.accept()
                except TimeoutError:
                    continue
                except OSError as error:
                    if stop.is_set():
                        return
                    LOGGER.warning("Cannot accept a connection: %s", error)
                    # No free file descriptor, for example: the connection
                    # stays in the backlog, so without a pause this would spin.
                    stop.wait(RETRY_DELAY)
                    continue
                Connection(connection, slow_connections, peer).read(handle)
