"""What can happen to a Manager, and what it can do about it.

The messages of Workers and clients are events themselves; here are the other
events, which come from the clock and from the outcome of an action, and all
actions. Nothing here does anything.
"""
from __future__ import annotations

import dataclasses

from mapreduce.manager.remote_worker import RemoteWorker
from mapreduce.utils.messages import (
    CancelJobMessage,
    FailedMessage,
    FinishedMessage,
    HeartbeatMessage,
    ManagerJobMessage,
    Message,
    RegisterMessage,
    ShutdownMessage,
)


@dataclasses.dataclass(frozen=True)
class Tick:
    """The clock moved on, and somebody may have been silent for too long."""


@dataclasses.dataclass(frozen=True)
class MessageSent:
    """A message went to a Worker."""

    worker: RemoteWorker


@dataclasses.dataclass(frozen=True)
class WorkerUnreachable:
    """A message could not be sent to a Worker."""

    worker: RemoteWorker


@dataclasses.dataclass(frozen=True)
class JobPrepared:
    """The directories of a job are there, and its input files are known."""

    job_id: int
    job_directory: str
    input_paths: list[str]


@dataclasses.dataclass(frozen=True)
class JobUnprepared:
    """A job cannot start, for a reason that its owner will read."""

    job_id: int
    reason: str


Event = (
    RegisterMessage | HeartbeatMessage | ManagerJobMessage | CancelJobMessage
    | FinishedMessage | FailedMessage | ShutdownMessage | Tick | MessageSent
    | WorkerUnreachable | JobPrepared | JobUnprepared
)


@dataclasses.dataclass(frozen=True)
class Send:
    """Send a message to a Worker: MessageSent or WorkerUnreachable."""

    worker: RemoteWorker
    message: Message


@dataclasses.dataclass(frozen=True)
class PrepareJob:
    """Make the directories of a job: JobPrepared or JobUnprepared."""

    job_id: int
    submission: ManagerJobMessage


@dataclasses.dataclass(frozen=True)
class CleanUpJob:
    """Remove what a job needed while it ran."""

    job_id: int


@dataclasses.dataclass(frozen=True)
class DiscardOutput:
    """Remove the parts of a result that a failed job leaves behind."""

    output_directory: str


@dataclasses.dataclass(frozen=True)
class Exit:
    """End the Manager."""


Action = Send | PrepareJob | CleanUpJob | DiscardOutput | Exit
