"""What can happen to a Manager, and what it can do about it.

The messages of Workers and clients are events themselves; here are the other
events, which come from the clock and from the outcome of an action, and all
actions. Nothing here does anything.
"""
from __future__ import annotations

import dataclasses

from mapreduce.manager.scheduling.remote_worker import RemoteWorker
from mapreduce.protocol.extensions import ExtendedJobMessage, ProgressMessage
from mapreduce.protocol.fields import Split
from mapreduce.protocol.messages import (
    CancelJobMessage,
    FailedMessage,
    FinishedMessage,
    HeartbeatMessage,
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
class WorkerAnswered:
    """A Worker told which messages it takes; none if it can't tell."""

    worker: RemoteWorker
    message_types: frozenset[str]


@dataclasses.dataclass(frozen=True)
class WorkerGone:
    """A question could not be sent to a Worker, who may have a task by now."""

    worker: RemoteWorker


@dataclasses.dataclass(frozen=True)
class JobPrepared:
    """The directories of a job are there, and its input is divided."""

    job_id: int
    job_directory: str
    splits: list[Split]


@dataclasses.dataclass(frozen=True)
class MapOutputKept:
    """What the map stage of a job made is where its user wants it."""

    job_id: int


@dataclasses.dataclass(frozen=True)
class JobBlocked:
    """A job cannot start or go on, for a reason that its owner will read."""

    job_id: int
    reason: str


Event = (
    RegisterMessage | HeartbeatMessage | ExtendedJobMessage
    | CancelJobMessage | FinishedMessage | FailedMessage
    | ProgressMessage | ShutdownMessage | Tick | MessageSent
    | WorkerUnreachable | WorkerAnswered | WorkerGone | JobPrepared
    | MapOutputKept | JobBlocked
)


@dataclasses.dataclass(frozen=True)
class Send:
    """Send a message to a Worker: MessageSent or WorkerUnreachable."""

    worker: RemoteWorker
    message: Message


@dataclasses.dataclass(frozen=True)
class Ask:
    """Ask a Worker what it takes: WorkerAnswered or WorkerGone, later."""

    worker: RemoteWorker


@dataclasses.dataclass(frozen=True)
class PrepareJob:
    """Make the directories of a job: JobPrepared or JobBlocked."""

    job_id: int
    submission: ExtendedJobMessage


@dataclasses.dataclass(frozen=True)
class KeepMapOutput:
    """Put map output into a directory: MapOutputKept or JobBlocked."""

    job_id: int
    directory: str


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


Action = (
    Send | Ask | PrepareJob | KeepMapOutput | CleanUpJob | DiscardOutput
    | Exit
)
