"""Let one send follow the other, but none wait for one that is slow."""
from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator


class Turns:
    """The order of sends: one after the other, except after a slow one.

    Tests record calls on one mock for all sockets, and expect that the connect
    of a message is followed by its own sendall. With real sockets, an address
    that swallows packets must not delay the messages to others.
    """

    def __init__(self) -> None:
        """Start with no send on its way."""
        self._lock = threading.Lock()
        self._replacing = threading.Lock()

    @contextlib.contextmanager
    def take(self, timeout: float) -> Iterator[None]:
        """Wait for the end of the send before, at most `timeout` seconds.

        With a timeout of -1, wait without limit.
        """
        while not (lock := self._lock).acquire(timeout=timeout):
            # The slow send keeps the old lock, and delays only this one.
            with self._replacing:
                if self._lock is lock:
                    self._lock = threading.Lock()
        try:
            yield
        finally:
            lock.release()
