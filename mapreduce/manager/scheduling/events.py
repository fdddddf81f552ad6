"""Define the events that the Scheduler handles, and the actions it returns.

The messages of Workers and clients are events themselves. The others, defined
here, come from the clock or are the outcome of an action:

    action             outcome, one of
    Send               MessageSent, WorkerUnreachable, FailedMessage; if none
                       is known at once, MessageDelayed, and later one of them
    AskToRegister      none
    ProbeCapabilities  CapabilitiesKnown, ProbeFailed; later, perhaps never
    PrepareJob         JobPrepared, JobBlocked
    CheckOutput        OutputChecked
    KeepMapOutput      MapOutputKept, JobBlocked
    PublishResult      ResultPublished, JobBlocked
    CleanUpJob, DiscardOutput, Exit: none
    a fact             none (see manager/scheduling/facts)

The Manager performs the actions in order, and handles the outcomes before
anything else that happened, except those that come later.
"""
from __future__ import annotations

from mapreduce.manager.scheduling.facts import Fact
from mapreduce.manager.scheduling.job import ExpectedOutput
from mapreduce.manager.scheduling.remote_worker import RemoteWorker
from mapreduce.protocol.dataclass import dataclass
from mapreduce.protocol.extensions import ExtendedJobMessage, ProgressMessage
from mapreduce.protocol.fields import Split
from mapreduce.protocol.messages import (
    Address,
    CancelJobMessage,
    FailedMessage,
    FinishedMessage,
    HeartbeatMessage,
    Message,
    RegisterMessage,
    ShutdownMessage,
)


@dataclass(frozen=True)
class Tick:
    """Time has passed: a Worker may have been silent for too long."""


@dataclass(frozen=True)
class Paused:
    """The Manager stood still; signed messages may have become too old."""


# Outcomes name a RemoteWorker, not an address: a Worker that registers again
# is another one, and an old outcome must not affect it.
@dataclass(frozen=True)
class MessageSent:
    """A message was sent to a Worker."""

    worker: RemoteWorker


@dataclass(frozen=True)
class MessageDelayed:
    """A message takes long to send; its outcome is a later event."""

    worker: RemoteWorker


@dataclass(frozen=True)
class WorkerUnreachable:
    """A message could not be sent to a Worker."""

    worker: RemoteWorker


@dataclass(frozen=True)
class CapabilitiesKnown:
    """A Worker answered which message types it accepts."""

    worker: RemoteWorker
    message_types: frozenset[str]  # empty for a strict Worker


@dataclass(frozen=True)
class ProbeFailed:
    """The query of a probe could not be sent to a Worker.

    Unlike after WorkerUnreachable, the Worker may hold a task by now.
    """

    worker: RemoteWorker


# These outcomes have the id of the job, which may have been cancelled.
@dataclass(frozen=True)
class JobPrepared:
    """The directories of a job were made, and its input was split."""

    job_id: int
    job_directory: str
    splits: list[Split]
    # Where its tasks put the parts; None: in the directory of the submission.
    output_directory: str | None = None
    # Of the directory of the parts: the numbers of its device and its inode.
    identity: tuple[int, ...] = ()


@dataclass(frozen=True)
class OutputChecked:
    """The directory was listed in which a stage must have left its files."""

    job_id: int
    # By the id of each task that lacks a file: the name of the first of them.
    missing: dict[int, str]


@dataclass(frozen=True)
class MapOutputKept:
    """The map output of a job was copied to the directory of its user."""

    job_id: int


@dataclass(frozen=True)
class ResultPublished:
    """The result of a job replaced the old one."""

    job_id: int


@dataclass(frozen=True)
class JobBlocked:
    """A job can't start or continue; the reason is for its user."""

    job_id: int
    reason: str


@dataclass(frozen=True)
class Resumed:
    """The Manager was interrupted, and goes on with what it had begun."""


Event = (
    RegisterMessage | HeartbeatMessage | ExtendedJobMessage
    | CancelJobMessage | FinishedMessage | FailedMessage
    | ProgressMessage | ShutdownMessage | Tick | MessageSent
    | MessageDelayed | WorkerUnreachable | CapabilitiesKnown | ProbeFailed
    | JobPrepared | OutputChecked | MapOutputKept | ResultPublished
    | JobBlocked | Resumed | Paused
)


@dataclass(frozen=True)
class Send:
    """Send a message to a Worker."""

    worker: RemoteWorker
    message: Message


@dataclass(frozen=True)
class AskToRegister:
    """Ask a process to register; a Worker gives up its tasks first."""

    address: Address


@dataclass(frozen=True)
class ProbeCapabilities:
    """Query a Worker for the message types that it accepts."""

    worker: RemoteWorker


@dataclass(frozen=True)
class PrepareJob:
    """Make the directories of a job."""

    job_id: int
    submission: ExtendedJobMessage
    # Whether an interrupted Manager may have made some of them.
    again: bool = False


@dataclass(frozen=True)
class CheckOutput:
    """Find which files of a stage are missing."""

    job_id: int
    expected: ExpectedOutput
    # The tasks whose files must first be taken from their backup attempts.
    backups: tuple[int, ...] = ()


@dataclass(frozen=True)
class KeepMapOutput:
    """Copy the map output of a job to a directory."""

    job_id: int
    directory: str


@dataclass(frozen=True)
class PublishResult:
    """Replace an old result by that of a job, which is complete."""

    job_id: int


@dataclass(frozen=True)
class CleanUpJob:
    """Remove the directories that only a running job needs."""

    job_id: int


@dataclass(frozen=True)
class DiscardOutput:
    """Remove the incomplete result of a failed or cancelled job."""

    output_directory: str


@dataclass(frozen=True)
class Exit:
    """End the Manager."""


Action = (
    Send | AskToRegister | ProbeCapabilities | PrepareJob | CheckOutput
    | KeepMapOutput | PublishResult | CleanUpJob | DiscardOutput | Exit
    | Fact
)
