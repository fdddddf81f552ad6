"""The messages of the protocol, as frozen dataclasses.

The fields of each message, and their order on the wire, are those of its
class; what may be in a field is the rule in its annotation. The codec turns
messages into bytes and back.
"""
from __future__ import annotations

import dataclasses

from mapreduce.protocol.extensions import (
    ExtendedJobMessage,
    ExtendedMapTaskMessage,
    ExtendedReduceTaskMessage,
    ProgressMessage,
)
from mapreduce.protocol.fields import (
    Count,
    Host,
    JobId,
    OptionalCounters,
    OptionalName,
    Path,
    Paths,
    Port,
    Split,
    TaskId,
    Text,
)

Address = tuple[str, int]  # a host and a port, as their owner gave them


@dataclasses.dataclass(frozen=True)
class RegisterMessage:
    """A Worker tells the Manager where it listens."""

    worker_host: Host
    worker_port: Port


@dataclasses.dataclass(frozen=True)
class RegisterAckMessage:
    """The Manager has the Worker in its books."""


@dataclasses.dataclass(frozen=True)
class HeartbeatMessage:
    """A Worker lives; the only message that goes over UDP."""

    worker_host: Host
    worker_port: Port


@dataclasses.dataclass(frozen=True)
class _JobFields:
    """What the specification lets a client say of a job."""

    input_directory: Path
    output_directory: Path
    mapper_executable: Path
    reducer_executable: Path
    num_mappers: Count
    num_reducers: Count


@dataclasses.dataclass(frozen=True)
class ManagerJobMessage(_JobFields):
    """A client submits a job.

    Beyond the specification, the client may make a key for the job, by which
    it can be asked for, and name it for its user. Of two submissions with one
    key, the second is ignored.
    """

    job_key: OptionalName = None
    job_name: OptionalName = None


@dataclasses.dataclass(frozen=True)
class GetStatusMessage:
    """A client asks for all Workers and jobs, or for the job with a key.

    Not in the specification; the answer is a ClusterStatus.
    """

    job_key: OptionalName = None


@dataclasses.dataclass(frozen=True)
class GetJobMessage:
    """A client asks for a job and its tasks.

    Not in the specification; the answer is JobDetails.
    """

    job_id: JobId


@dataclasses.dataclass(frozen=True)
class GetMessageTypesMessage:
    """Somebody asks a daemon which messages it takes.

    Not in the specification; the answer is MessageTypes.
    """


@dataclasses.dataclass(frozen=True)
class CancelJobMessage:
    """A client wants a job to end, or not to start.

    Not in the specification.
    """

    job_id: JobId


@dataclasses.dataclass(frozen=True)
class MapTaskMessage:
    """The Manager gives a Worker a map task."""

    task_id: TaskId
    input_paths: Paths
    executable: Path
    output_directory: Path
    num_partitions: Count


@dataclasses.dataclass(frozen=True)
class ReduceTaskMessage:
    """The Manager gives a Worker a reduce task."""

    task_id: TaskId
    executable: Path
    input_paths: Paths
    output_directory: Path


@dataclasses.dataclass(frozen=True)
class FinishedMessage:
    """A Worker has done its task, and every file of it is in place.

    Beyond the specification, and only of a task that is, it tells what the
    executables have counted, if anything: amounts by groups and names.
    """

    task_id: TaskId
    worker_host: Host
    worker_port: Port
    counters: OptionalCounters = None


@dataclasses.dataclass(frozen=True)
class FailedMessage:
    """A Worker could not do its task; the reason is for the job's owner.

    Not in the specification, whose Managers ignore it.
    """

    task_id: TaskId
    worker_host: Host
    worker_port: Port
    reason: Text


@dataclasses.dataclass(frozen=True)
class CancelMessage:
    """The Manager no longer wants a task; the answer is FailedMessage.

    Not in the specification, whose Workers ignore it and finish the task.
    """

    task_id: TaskId


@dataclasses.dataclass(frozen=True)
class ShutdownMessage:
    """The receiver is to end; a Manager passes it on to its Workers."""


JobMessage = ManagerJobMessage | ExtendedJobMessage
ExtendedTaskMessage = ExtendedMapTaskMessage | ExtendedReduceTaskMessage
TaskMessage = MapTaskMessage | ReduceTaskMessage | ExtendedTaskMessage
# What is answered at once.
Query = GetStatusMessage | GetJobMessage | GetMessageTypesMessage
Message = (
    RegisterMessage | RegisterAckMessage | HeartbeatMessage
    | JobMessage | Query | CancelJobMessage
    | TaskMessage | FinishedMessage | FailedMessage | ProgressMessage
    | CancelMessage | ShutdownMessage
)


def extended_job(submission: JobMessage) -> ExtendedJobMessage:
    """Return a submission in the form that can carry options.

    The Manager keeps every job in this one form.
    """
    if isinstance(submission, ExtendedJobMessage):
        return submission
    fields = dict(vars(submission))
    return ExtendedJobMessage(
        input_paths=[fields.pop("input_directory")], **fields)


def extended_task(task: TaskMessage) -> ExtendedTaskMessage:
    """Return a task in the form that can carry options, with none set.

    The Worker does every task in this one form.
    """
    if isinstance(task, MapTaskMessage):
        return ExtendedMapTaskMessage(
            task.task_id, list(map(Split, task.input_paths)), task.executable,
            task.output_directory, task.num_partitions, environment={})
    if isinstance(task, ReduceTaskMessage):
        return ExtendedReduceTaskMessage(
            task.task_id, task.executable, task.input_paths,
            task.output_directory, environment={})
    return task
