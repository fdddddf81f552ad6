"""Send the status lines of executables from a thread of their own.

A send may take seconds. It must delay neither the loop that reads and writes
the pipes of an executable, nor the heartbeats.
"""
from __future__ import annotations

import threading
from collections.abc import Callable

from mapreduce.protocol.extensions import ProgressMessage

INTERVAL = 1.0  # seconds at least from one message to the next


class ProgressSender:
    """Keeps the last message of the running task until it was sent.

    The main thread calls `offer`, `flush` and `discard`. Another thread, which
    the first message starts, runs `run`.
    """

    def __init__(
        self, send: Callable[[ProgressMessage], object],
        start: Callable[[Callable[[], None]], object],
        stop: threading.Event,
    ) -> None:
        """Start without a message and without a thread.

        `start` runs a function in a thread. The thread ends when `stop` was
        set and `close` was called.
        """
        self._send = send
        self._start = start
        self._stop = stop
        self._sending = threading.Lock()
        self._condition = threading.Condition()
        self._message: ProgressMessage | None = None
        self._started = False

    def offer(self, message: ProgressMessage) -> None:
        """Send a message soon, unless a newer one replaces it before."""
        with self._condition:
            self._message = message
            self._condition.notify()
        # Most jobs send no status lines, and need no thread.
        if not self._started:
            self._started = True
            self._start(self.run)

    def flush(self) -> None:
        """Send the message now, in the calling thread, if there is one."""
        # The lock is held during the send: otherwise the other thread could
        # still be sending an older message after this returns.
        with self._sending:
            message = self.discard()
            if message:
                self._send(message)

    def discard(self) -> ProgressMessage | None:
        """Remove and return the message that was not sent yet, if any."""
        with self._condition:
            message, self._message = self._message, None
        return message

    def close(self) -> None:
        """Make the thread check `stop`, which must be set before."""
        with self._condition:
            self._condition.notify()

    def run(self) -> None:
        """Send messages until stop is set."""
        while not self._stop.is_set():
            with self._condition:
                self._condition.wait_for(
                    lambda: self._message or self._stop.is_set())
            self.flush()
            self._stop.wait(INTERVAL)
