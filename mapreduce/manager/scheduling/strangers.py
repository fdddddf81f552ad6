"""Decide which processes to ask to register. Pure.

A Worker that was marked dead by mistake (the network was away, its machine was
suspended), or whose Manager was restarted, still sends heartbeats, but gets no
tasks. So the Manager asks it to register, if it goes on for some time: one
message may just be late, or come before a registration that is on its way.

After a long pause of the Manager, it asks the busy Workers, too.
"""
from __future__ import annotations

import collections
import dataclasses
import logging
from collections.abc import Iterator

from mapreduce.manager.scheduling import events
from mapreduce.manager.scheduling.claims import is_from
from mapreduce.manager.scheduling.workers import Workers
from mapreduce.protocol.messages import (
    Address,
    FailedMessage,
    FinishedMessage,
    HeartbeatMessage,
)
from mapreduce.protocol.status import WorkerState

LOGGER = logging.getLogger(__name__)

MIN_TIME = 4.0  # seconds of messages before the first question: 3 heartbeats
MAX_SILENCE = 10.0  # seconds after which an address begins anew
# After a restart of the Manager, the first message of a Worker shows that it
# has not noticed the restart. In so many seconds, each Worker has sent one.
HURRY = 30.0
ASK_INTERVAL = 10.0  # seconds between two questions to one address
# Addresses that are kept. Any program can send heartbeats that name any
# address, and each address costs a connection in ten seconds.
MAX_STRANGERS = 100


@dataclasses.dataclass
class _Stranger:
    since: float
    last_seen: float
    asked: float = float("-inf")


class Strangers:
    """The addresses that sent messages without being living Workers."""

    def __init__(self, workers: Workers) -> None:
        """Start without any; the Workers tell which of them live."""
        self._workers = workers
        # The one that was silent for longest comes first.
        self._strangers: collections.OrderedDict[Address, _Stranger] = (
            collections.OrderedDict())
        self._hurry_until = float("-inf")

    def hurry(self, now: float) -> None:
        """Ask at the first message, for some time after a restart."""
        self._hurry_until = now + HURRY

    def answer(
        self, message: HeartbeatMessage | FinishedMessage | FailedMessage,
        now: float,
    ) -> Iterator[events.AskToRegister]:
        """Ask the sender to register, if it is no living Worker."""
        address = message.worker_host, message.worker_port
        worker = self._workers.get(address)
        lives = worker and worker.state is not WorkerState.DEAD
        if worker and lives and is_from(worker, message):
            return
        # A late message of a Worker that has registered since the restart is
        # no reason to hurry.
        min_time = MIN_TIME if lives or now >= self._hurry_until else 0.0
        if self._note(address, now, min_time):
            LOGGER.info("Asked %s:%d to register again", *address)
            yield events.AskToRegister(address)

    def ask_busy(self) -> Iterator[events.AskToRegister]:
        """Ask all busy Workers: the outcome of a task may be lost."""
        for worker in self._workers.busy:
            LOGGER.info("Asked %s:%d to register again", *worker.address)
            yield events.AskToRegister(worker.address)

    def _note(self, address: Address, now: float, min_time: float) -> bool:
        """Note a message; return whether to ask its sender to register."""
        stranger = self._strangers.pop(address, None)
        if stranger is None or now - stranger.last_seen > MAX_SILENCE:
            stranger = _Stranger(now, now)
        stranger.last_seen = now
        self._strangers[address] = stranger
        if len(self._strangers) > MAX_STRANGERS:
            self._strangers.popitem(last=False)
        if (now - stranger.since < min_time
                or now - stranger.asked < ASK_INTERVAL):
            return False
        stranger.asked = now
        return True

    def forget(self, address: Address) -> None:
        """Forget an address: a Worker has registered there."""
        self._strangers.pop(address, None)
