"""Collect the bytes of one message, and refuse one that becomes too long.

Incomplete messages are kept in memory, perhaps a thousand at once, and any
program can send them. So the first bytes of a long message decide how long it
may become (see utils/door).
"""
from __future__ import annotations

from collections.abc import Callable

MAX_MESSAGE = 64 * 2**20  # bytes
BLOCK = 64 * 2**10  # bytes to request from one recv

# Returns how many bytes a message of more than BLOCK bytes may have; called
# with those that came first. Raises OSError for one that must not go on.
MaxSize = Callable[[bytes], int]


def any_size(_: bytes) -> int:
    """Accept every long message, up to MAX_MESSAGE bytes."""
    return MAX_MESSAGE


class Incoming:
    """What was received of a message."""

    def __init__(self, max_size: MaxSize) -> None:
        """Start without bytes; max_size decides on a long message."""
        self.chunks: list[bytes] = []
        self.size = 0
        self._decide = max_size
        self._max_size = MAX_MESSAGE

    def add(self, chunk: bytes) -> None:
        """Add what was received; raise OSError if it must not go on."""
        self.chunks.append(chunk)
        before, self.size = self.size, self.size + len(chunk)
        if before <= BLOCK < self.size:
            self._max_size = self._decide(self.whole())
        if self.size > self._max_size:
            raise OSError(f"a message of more than {self._max_size} bytes")

    def whole(self) -> bytes:
        """Return all that was received."""
        return b"".join(self.chunks)

    def take(self) -> bytes:
        """Return all that was received, and keep nothing of it."""
        whole = self.whole()
        self.chunks.clear()
        self.size = 0
        return whole
