"""Send what executables say of themselves, from a thread of its own.

A send may take seconds. It must hold up neither the loop that reads and writes
the pipes of an executable, nor the heartbeats.
"""
from __future__ import annotations

import threading
from collections.abc import Callable

from mapreduce.protocol.extensions import ProgressMessage

INTERVAL = 1.0  # seconds, at the least, from one message to the next


class ProgressSender:
    """The last message of the running task, until it was sent.

    The thread of the tasks calls `offer`, `flush` and `discard`; `run` is the
    whole life of another thread, which `start` starts with the first message.
    """

    def __init__(
        self, send: Callable[[ProgressMessage], object],
        start: Callable[[Callable[[], None]], object],
        stop: threading.Event,
    ) -> None:
        """Start without a message and without a thread.

        The thread ends after stop was set and `close` was called.
        """
        self._send = send
        self._start = start
        self._stop = stop
        self._sending = threading.Lock()
        self._condition = threading.Condition()
        self._message: ProgressMessage | None = None
        self._started = False

    def offer(self, message: ProgressMessage) -> None:
        """Have a message sent, unless a newer one replaces it before."""
        with self._condition:
            self._message = message
            self._condition.notify()
        if not self._started:
            self._started = True
            self._start(self.run)

    def flush(self) -> None:
        """Send now, in this thread, what was not sent yet."""
        # The lock is held over the send: no older message may come later.
        with self._sending:
            message = self.discard()
            if message:
                self._send(message)

    def discard(self) -> ProgressMessage | None:
        """Forget what was not sent yet, and return it."""
        with self._condition:
            message, self._message = self._message, None
        return message

    def close(self) -> None:
        """Have the thread look at stop, which was set."""
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
