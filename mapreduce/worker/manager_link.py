"""The contact of a Worker with its Manager: registration and heartbeats.

It is lost when the Manager refuses a message that it took before, and when
this process was held up for so long that the Manager must think it dead. Then
the Worker has to register again, after a moment, and again until the Manager,
or the next one at its address, takes it.
"""
from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from mapreduce.protocol.extensions import ProgressMessage
from mapreduce.protocol.messages import (
    Address,
    FailedMessage,
    FinishedMessage,
    HeartbeatMessage,
    RegisterMessage,
)
from mapreduce.utils import outbox

LOGGER = logging.getLogger(__name__)

HEARTBEAT_INTERVAL = 2.0  # seconds
MAX_GAP = 9.0  # seconds without a heartbeat; a Manager waits for 10
MAX_REFUSALS = 3  # heartbeats refused by a Manager that has taken none yet
MIN_DELAY = 1.0  # seconds until a Manager that is away is tried again
MAX_DELAY = 30.0  # seconds; the delay doubles until then


class ManagerLink:
    """What a Worker knows of its Manager, and what it tells it.

    The thread that does the tasks registers and reports; a thread of its own
    sends the heartbeats; the listener's passes acknowledgements on.
    """

    def __init__(
        self, manager: Address, worker: Address, stop: threading.Event,
        on_loss: Callable[[str], None],
    ) -> None:
        """Begin without contact; on_loss is called when it is lost.

        That happens in any thread, with a reason.
        """
        self._manager = manager
        self._worker = worker
        self._stop = stop
        self._on_loss = on_loss
        self._registration = _Registration()
        self._chances = MAX_REFUSALS
        # Set for ever when the Manager has taken the first registration.
        self._known = threading.Event()

    def seconds_to_registration(self) -> float | None:
        """Return when register is to be called; None if not at all."""
        if self._registration.due is None:
            return None
        return max(0.0, self._registration.due - time.monotonic())

    def plan_registration(self) -> None:
        """Have the Worker register again, in a moment."""
        self._registration.plan()

    def register(self) -> None:
        """Register, or plan the next try if the Manager can't be reached."""
        self._registration.begin()
        try:
            outbox.send_tcp(*self._manager, RegisterMessage(*self._worker))
        except OSError as error:
            delay = self._registration.plan()
            LOGGER.warning(
                "Cannot reach the Manager at %s:%d: %s; next try in %g s",
                *self._manager, error, delay)

    def acknowledge(self) -> bool:
        """Note an acknowledgement; tell whether one was due."""
        if not self._registration.complete():
            return False
        self._known.set()
        return True

    def send_outcome(self, message: FinishedMessage | FailedMessage) -> None:
        """Tell what became of a task."""
        try:
            outbox.send_tcp(*self._manager, message)
        except OSError as error:
            self._on_loss(f"cannot report task {message.task_id}: {error}")

    def send_progress(self, message: ProgressMessage) -> None:
        """Tell how a task gets on; nothing is lost if that fails."""
        try:
            outbox.send_tcp(*self._manager, message)
        except OSError as error:
            LOGGER.warning("Cannot tell of task %d: %s",
                           message.task_id, error)

    def keep(self) -> None:
        """Send heartbeats from the first acknowledgement on.

        The whole life of a thread, until stop is set and wake was called.
        """
        last = time.monotonic()
        news = self._known
        while True:
            news.wait(max(0.0, last + HEARTBEAT_INTERVAL - time.monotonic()))
            if self._stop.is_set():
                return
            now = time.monotonic()
            if now - last > MAX_GAP:
                self._on_loss(f"this process stood still for {now - last:g} s")
            last = now
            if self._known.is_set():
                news = self._stop
                self._beat()

    def wake(self) -> None:
        """Have keep see at once that stop is set."""
        self._known.set()

    def _beat(self) -> None:
        """Send a heartbeat.

        A refusal says that the Manager is gone. But one that has never taken
        a heartbeat may just be slow to listen for them: it has more chances.
        """
        try:
            outbox.send_udp(
                *self._manager, HeartbeatMessage(*self._worker),
                linger=lambda: self._stop.wait(HEARTBEAT_INTERVAL / 10))
        except ConnectionRefusedError as error:
            self._chances -= 1
            if self._chances <= 0:
                self._chances = MAX_REFUSALS
                self._on_loss(f"cannot send a heartbeat: {error}")
        except OSError as error:
            LOGGER.warning("Cannot send a heartbeat: %s", error)
        else:
            self._chances = 1


class _Registration:
    """Where the registration of a Worker stands."""

    def __init__(self) -> None:
        self.due: float | None = None
        self._delay = MIN_DELAY
        self._open = True

    def plan(self) -> float:
        """Plan the next try, if none is planned; return its delay."""
        delay = self._delay
        if self.due is None:
            self._open = False
            self.due = time.monotonic() + delay
            self._delay = min(2 * delay, MAX_DELAY)
        return delay

    def begin(self) -> None:
        """Expect an acknowledgement from now on."""
        self.due = None
        self._open = True

    def complete(self) -> bool:
        """Take the acknowledgement; tell whether it was expected."""
        was_open, self._open = self._open, False
        if was_open:
            self._delay = MIN_DELAY
        return was_open
