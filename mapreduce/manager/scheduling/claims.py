"""Decide to which registration of a Worker a message belongs. Pure.

With a secret, each registration has a token, which only its Worker is told,
because the acknowledgement goes to the address that it names. A message counts
if it carries the token of the present registration. Without a secret there are
no tokens, and the address alone decides.

A registration that does not carry the token of the living Worker at its
address is only a claim: that Worker may have been restarted, or the message
may be wrong. The address gets an acknowledgement with a new token. Only a
process that has registered uses it, and its first heartbeat proves the claim.
"""
from __future__ import annotations

import logging
from collections.abc import Callable

from mapreduce.manager.scheduling.job import Job
from mapreduce.manager.scheduling.remote_worker import RemoteWorker
from mapreduce.manager.scheduling.workers import Workers
from mapreduce.protocol.extensions import ProgressMessage
from mapreduce.protocol.messages import (
    Address,
    FailedMessage,
    FinishedMessage,
    HeartbeatMessage,
    RegisterAckMessage,
    RegisterMessage,
)
from mapreduce.protocol.status import WorkerState

LOGGER = logging.getLogger(__name__)

Outcome = FinishedMessage | FailedMessage
OfWorker = RegisterMessage | HeartbeatMessage | Outcome | ProgressMessage


class Claims:
    """The tokens of registrations that are not proven yet."""

    def __init__(self, make_token: Callable[[], str] | None) -> None:
        """Start without claims; make_token is None without a secret."""
        self._make_token = make_token
        self._acks: dict[Address, RegisterAckMessage] = {}

    def new_ack(self) -> RegisterAckMessage:
        """Return the acknowledgement of a registration, with its token."""
        return RegisterAckMessage(
            self._make_token() if self._make_token else None)

    def challenge(self, address: Address) -> RegisterAckMessage:
        """Return the message with the token that proves a claim."""
        ack = self._acks[address] = self.new_ack()
        return ack

    def proven_by(
        self, message: HeartbeatMessage
    ) -> RegisterAckMessage | None:
        """Return the acknowledgement of the claim that a heartbeat proves.

        The claim is forgotten.
        """
        address = message.worker_host, message.worker_port
        ack = self._acks.get(address)
        if ack is None or ack.token != message.token:
            return None
        return self._acks.pop(address)


def is_from(worker: RemoteWorker, message: OfWorker) -> bool:
    """Return whether a message is from this registration of a Worker."""
    return worker.token in (None, message.token)


def is_proven(worker: RemoteWorker, message: RegisterMessage) -> bool:
    """Return whether a registration may replace this one."""
    return worker.state is WorkerState.DEAD or is_from(worker, message)


def holder(
    message: Outcome | ProgressMessage, workers: Workers, job: Job | None
) -> RemoteWorker | None:
    """Return the sender of a message if it holds its task, else None."""
    # All must match: messages come late, twice, and from Workers marked dead;
    # and task ids start at 0 again in the reduce stage. A Worker that is dead
    # or ready holds no task.
    worker = workers.get((message.worker_host, message.worker_port))
    if job and worker and worker.task_id == message.task_id:
        is_of_job = worker.token is None or message.job_id == job.job_id
        if is_of_job and is_from(worker, message):
            return worker
    LOGGER.info("Ignored %r: that Worker holds no such task", message)
    return None


def release(
    message: Outcome, workers: Workers, job: Job | None, now: float
) -> RemoteWorker | None:
    """Make the sender of an outcome ready; return it if the outcome counts.

    It must hold the task, and no other attempt may have done it before.
    """
    worker = holder(message, workers, job)
    if job is None or worker is None:
        return None
    workers.release(worker)
    if not job.tasks.is_done(message.task_id):
        return worker
    job.tasks.fail(message.task_id, worker.address, "", now)
    return None
