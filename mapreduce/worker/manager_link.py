"""Keep a Worker registered with its Manager: registration and heartbeats.

    (start) --register--> AWAITING --ack--> REGISTERED
                            ^   |               |
                   register |   | can't send    | lost
                            |   v               |
                           PLANNED <------------+

    state       due    _unanswered  heartbeats
    AWAITING    None*  1 or more    only after an earlier registration
    REGISTERED  None   0**          every 2 s
    PLANNED     time   0            none after a register that was not sent

    *  Before the first ack of all, a time: the Manager may have ended between
       a registration and its ack. No heartbeat is sent yet, which would show
       that.
    ** More if the Worker registered several times before the first ack. Its
       Manager may have been slow, and takes each of them as a new Worker. So
       each further ack voids the tasks before it.

The Manager is lost when it refuses an outcome or several heartbeats, when it
asks this Worker to register again, or when no heartbeat could be sent for so
long that it has marked this Worker dead. The Worker then registers again, with
growing delays, until this Manager or the next one at its address accepts it.

Which thread may call what: main registers and sends outcomes; the heartbeat
thread runs `keep`; the listener calls `acknowledge`; the progress thread calls
`send_progress`.
"""
from __future__ import annotations

import dataclasses
import logging
import random
import threading
import time
from collections.abc import Callable

from mapreduce.protocol.extensions import ProgressMessage
from mapreduce.protocol.messages import (
    Address,
    HeartbeatMessage,
    Message,
    RegisterMessage,
)
from mapreduce.utils import outbox
from mapreduce.utils.door import Seal

LOGGER = logging.getLogger(__name__)

HEARTBEAT_INTERVAL = 2.0  # seconds
MAX_GAP = 9.0  # seconds without a heartbeat; after 10, a Manager gives up
# Seconds after an ack: longer than a message is on its way, but shorter than
# the time between two heartbeats, after which another Manager may ask.
MIN_TRUST = 1.0
ACK_TIMEOUT = 5.0  # seconds without an ack until a warning
# Seconds without a first ack until the Manager counts as ended. Long, since a
# slow Manager may lose the task of a Worker that registers twice.
LOST_ACK_TIMEOUT = 60.0
MAX_REFUSALS = 3  # of the first heartbeats that a Manager may refuse
OWN_FAILURE_DELAY = 1.0  # seconds until a report is sent again
MAX_OWN_FAILURES = 30  # tries to send a report

# Seconds until a Manager that is away is tried again: at first, then again
# and again, and if none was known and it has been away for LONG_ABSENCE.
FIRST_DELAY, DELAY, LONG_DELAY = 1.0, 3.0, 30.0
LONG_ABSENCE = 600.0  # seconds
# Each delay is shortened by up to this share, at random: otherwise a thousand
# Workers would all connect at once when their Manager is back.
JITTER = 1 / 3

# On Linux only. There, time.monotonic stands still in a suspended machine.
_BOOT_CLOCK: int | None = getattr(time, "CLOCK_BOOTTIME", None)


def clock() -> float:
    """Return the seconds of a clock that goes on while a machine sleeps."""
    if _BOOT_CLOCK is None:
        return time.monotonic()
    return time.clock_gettime(_BOOT_CLOCK)


@dataclasses.dataclass(frozen=True)
class Contact:
    """Where a Manager listens, and how a Worker makes itself known to it."""

    manager: Address
    worker: Address  # where the Worker listens
    heartbeats: Address  # where they go
    registration: Message
    heartbeat: Message
    seal: Seal | None = None  # signs all messages
    advice: str = ""  # on options of this Worker, if no ack comes


def base_contact(
    manager: Address, worker: Address, seal: Seal | None = None
) -> Contact:
    """Return the contact that the specification describes."""
    return Contact(
        manager, worker, manager, RegisterMessage(*worker),
        HeartbeatMessage(*worker), seal, ", see --host, and have the same "
        "secret, if any, see --secret-file")


class ManagerLink:
    """Sends all messages from a Worker to its Manager."""

    def __init__(
        self, contact: Contact, stop: threading.Event,
        on_loss: Callable[[str], None],
    ) -> None:
        """Start unregistered.

        When the Manager is lost, on_loss is called with a reason, in the
        thread that noticed it.
        """
        self._contact = contact
        self._stop = stop
        self._on_loss = on_loss
        self._registration = _Registration()
        self._refusals_left = MAX_REFUSALS
        # While register can't be sent: heartbeats would keep void tasks alive.
        self._is_silent = False
        # Set by the first ack. Before it, a heartbeat would be a stranger's.
        self._known = threading.Event()

    def seconds_to_registration(self) -> float | None:
        """Return the seconds until register is due; None if it is not."""
        if self._registration.due is None:
            return None
        return max(0.0, self._registration.due - time.monotonic())

    @property
    def was_acknowledged(self) -> bool:
        """Whether an ack has ever come."""
        return self._known.is_set()

    def plan_registration(self, asked: float | None = None) -> None:
        """Plan to register again, after a delay; `asked`: see ManagerLost."""
        self._registration.plan(asked)

    def register(self) -> None:
        """Register, or plan the next try if the Manager can't be reached."""
        # Before sending: the ack may come before send_tcp returns.
        self._registration.begin()
        try:
            outbox.send_tcp(
                *self._contact.manager,
                self._identified(self._contact.registration),
                self._contact.seal)
            self._is_silent = False
        except OSError as error:
            self._is_silent = True
            delay = self._registration.plan()
            LOGGER.warning(
                "Cannot reach the Manager at %s:%d: %s; next try in %.1f s",
                *self._contact.manager, error.strerror or error, delay)

    def _identified(self, message: Message) -> Message:
        """Return a message with the token of the last registration."""
        token = self._registration.token
        if token and isinstance(message, RegisterMessage | HeartbeatMessage):
            return dataclasses.replace(message, token=token)
        return message

    def acknowledge(self, token: str | None = None) -> bool:
        """Note an ack and its token; return whether one was expected."""
        if not self._registration.complete():
            return False
        LOGGER.info(
            "Registered with the Manager at %s:%d", *self._contact.manager)
        self._registration.token = token
        self._known.set()
        return True

    def may_be_unknown(self) -> bool:
        """Return whether the Manager may not know this Worker as a living one.

        It does for some time after an ack: what says otherwise is older.
        """
        return clock() - self._registration.acknowledged > MIN_TRUST

    def send_outcome(self, message: Message) -> None:
        """Send the outcome of a task; the Manager is lost if that fails."""
        try:
            self._retry(message)
        except OSError as error:
            self._on_loss(f"cannot report a task: {error}")

    def _retry(self, message: Message) -> None:
        """Send a message, repeatedly if this machine fails; raise OSError."""
        for _ in range(MAX_OWN_FAILURES):
            try:
                outbox.send_tcp(
                    *self._contact.manager, message, self._contact.seal)
                return
            except OSError as error:
                if not outbox.is_own_failure(error):
                    raise
                LOGGER.warning("Cannot report a task yet: %s",
                               error.strerror or error)
            if self._stop.wait(OWN_FAILURE_DELAY):
                return
        raise OSError("this machine lacks what is needed to send")

    def send_progress(self, message: ProgressMessage) -> None:
        """Send a status line of a task; it is dropped if that fails."""
        try:
            outbox.send_tcp(
                *self._contact.manager, message, self._contact.seal)
        except OSError as error:
            LOGGER.warning("Cannot tell of task %d: %s",
                           message.task_id, error)

    def keep(self) -> None:
        """Send heartbeats, from the first ack until stop is set.

        Runs in a thread of its own; `wake` ends a wait for the first ack.
        """
        # When the last heartbeat was sent without an error, and the last try.
        sent = tried = clock()
        # What may end a wait: first the ack, later only the stop flag.
        news = self._known
        while True:
            news.wait(max(0.0, tried + HEARTBEAT_INTERVAL - clock()))
            if self._stop.is_set():
                return
            tried = clock()
            self._warn_if_unacknowledged()
            # This process or its machine stood still, or had no network.
            if tried - sent > MAX_GAP:
                self._on_loss(
                    f"no heartbeat was sent for {tried - sent:.4g} s")
                sent = tried
            if self._known.is_set():
                news = self._stop
            if news is self._known or self._is_silent or self._beat():
                sent = tried

    def _warn_if_unacknowledged(self) -> None:
        if self._registration.is_overdue():
            LOGGER.warning(
                "The Manager at %s:%d has not acknowledged this Worker: it "
                "must be able to connect to %s:%d%s", *self._contact.manager,
                *self._contact.worker, self._contact.advice)

    def wake(self) -> None:
        """Make `keep` check the stop flag at once."""
        self._known.set()

    def _beat(self) -> bool:
        """Send a heartbeat; return whether that was possible.

        A refusal may mean that the Manager is gone.
        """
        try:
            # The refusal of a datagram takes a moment to arrive.
            outbox.send_udp(
                *self._contact.heartbeats,
                self._identified(self._contact.heartbeat),
                linger=lambda: self._stop.wait(HEARTBEAT_INTERVAL / 10),
                seal=self._contact.seal)
        except ConnectionRefusedError as error:
            # A Manager that has never accepted a heartbeat may only be slow to
            # open its UDP port, so it may refuse several.
            self._refusals_left -= 1
            if self._refusals_left <= 0:
                self._refusals_left = MAX_REFUSALS
                self._on_loss("cannot send a heartbeat: "
                              f"{error.strerror or error}")
        except OSError as error:
            LOGGER.warning(
                "Cannot send a heartbeat: %s", error.strerror or error)
        else:
            # It listens now, so the next refusal means that it has ended.
            self._refusals_left = 1
            return True
        return False


class _Registration:
    """When to register next, and whether an ack is expected."""

    def __init__(self) -> None:
        self.due: float | None = None
        self._away_since: float | None = None  # of the first try that failed
        # Whether an ack has ever come. Then the Manager may be restarted, and
        # goes on with its jobs as soon as its Workers are back.
        self._was_known = False
        self.token: str | None = None  # of the last one, with a secret
        # Registrations that await an ack. The first ack may be handled before
        # `begin` is called: the listener runs already.
        self._unanswered = 1
        self.acknowledged = clock()  # when the last ack came
        # Of the last try, by `clock`; None after that.
        self._ack_deadline: float | None = None

    def plan(self, asked: float | None = None) -> float:
        """Plan the next try, if none is planned; return its delay."""
        now = time.monotonic()
        if asked and self._ack_deadline and asked < self._ack_deadline:
            # A new Manager may ask for what is on its way: its ack ends this.
            if self.acknowledged < asked and self.due is None:
                self.due = now + _shortened(FIRST_DELAY)
        elif self.due is None or self._unanswered:
            # A late ack belongs to a registration that was given up.
            self._unanswered = 0
            self.due = now + self._delay(now)
        return (self.due or now) - now

    def _delay(self, now: float) -> float:
        delay = FIRST_DELAY
        if self._away_since is None:
            self._away_since = now
        elif self._was_known or now - self._away_since < LONG_ABSENCE:
            delay = DELAY
        else:
            delay = LONG_DELAY
        return _shortened(delay)

    def is_overdue(self) -> bool:
        """Return whether an ack is overdue; True once for each try."""
        if not (self._unanswered and self._ack_deadline) or (
                clock() < self._ack_deadline):
            return False
        self._ack_deadline = None
        return True

    def begin(self) -> None:
        """Expect an ack from now on."""
        self._unanswered = 1 if self.due is None else self._unanswered + 1
        self.due = None if self._was_known else (
            time.monotonic() + _shortened(LOST_ACK_TIMEOUT))
        self._ack_deadline = clock() + ACK_TIMEOUT

    def complete(self) -> bool:
        """Note an ack; return whether it was expected."""
        if not self._unanswered:
            return False
        self._unanswered -= 1
        self.acknowledged = clock()
        self.due = self._away_since = None
        self._was_known = True
        return True


def _shortened(delay: float) -> float:
    """Return a delay, shorter by a random share of it."""
    return delay * (1 - random.uniform(0, JITTER))
