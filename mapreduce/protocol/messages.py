"""Define the messages of the protocol, as frozen dataclasses.

The fields of a message, and their order on the wire, are those of its class.
The annotation of a field holds the rule for its value. The codec converts
messages to bytes and back.
"""
from __future__ import annotations

from typing import ClassVar

from mapreduce.protocol.dataclass import dataclass
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
    OptionalFlag,
    OptionalJobId,
    OptionalName,
    OptionalToken,
    OptionalSeconds,
    Path,
    Paths,
    Port,
    Split,
    TaskId,
    Text,
    hidden,
)


# A host and a port exactly as the Worker sent them. They are its identity:
# "localhost" and "127.0.0.1" are two Workers.
Address = tuple[str, int]


@dataclass(frozen=True)
class RegisterMessage:
    """A Worker announces the address at which it listens."""

    worker_host: Host
    worker_port: Port
    token: OptionalToken = hidden()


@dataclass(frozen=True)
class RegisterAckMessage:
    """The Manager has registered the Worker.

    With a secret, each registration has a token, which the messages of the
    Worker repeat. So what belongs to another registration does not count.
    """

    token: OptionalToken = hidden()


@dataclass(frozen=True)
class RegisterAgainMessage:
    """The receiver sends messages, but is no living Worker here.

    Not in the specification. The Worker gives up its tasks and registers; a
    strict Worker ignores it.
    """


@dataclass(frozen=True)
class HeartbeatMessage:
    """A Worker is alive; the only message that is sent over UDP."""

    worker_host: Host
    worker_port: Port
    token: OptionalToken = hidden()


@dataclass(frozen=True)
class _JobFields:
    input_directory: Path
    output_directory: Path
    mapper_executable: Path
    reducer_executable: Path
    num_mappers: Count
    num_reducers: Count


@dataclass(frozen=True)
class ManagerJobMessage(_JobFields):
    """A client submits a job.

    Beyond the specification, a job may have a name, shown to people, and a
    key. The client makes the key, and later queries the job by it. The Manager
    ignores a second submission with the same key. A client that makes a key
    also tells who submits the job, such as ann@host1, shown to people.
    """

    # Submissions are not answered, so the client never receives the job's id.
    job_key: OptionalName = None
    job_name: OptionalName = None
    submitted_by: OptionalName = None


@dataclass(frozen=True)
class DialectMessage:
    """A message of another dialect, whose class has its message_type."""

    message_type: ClassVar[str]
    is_long: ClassVar[bool] = False  # if it may list very many files


@dataclass(frozen=True)
class MasterJobMessage(_JobFields, DialectMessage):
    """A client submits a job to a Master of the 2017 dialect."""

    message_type = "new_master_job"


@dataclass(frozen=True)
class GetStatusMessage:
    """A client queries all Workers, and all jobs or the job with a key.

    Not in the specification. The answer is ClusterStatus. With `hold`, the
    Manager answers when a job ends, or after so many seconds, but no later
    than a second, and at once if the job with the key has ended.
    """

    job_key: OptionalName = None
    hold: OptionalSeconds = None


@dataclass(frozen=True)
class GetJobMessage:
    """A client queries a job and its tasks.

    Not in the specification. The answer is JobDetails.
    """

    job_id: JobId


@dataclass(frozen=True)
class GetTaskMessage:
    """A client queries what a task of a job runs, and on what.

    Not in the specification. The answer is TaskCommand.
    """

    job_id: JobId
    stage: Text  # map or reduce
    task_id: TaskId


@dataclass(frozen=True)
class GetMessageTypesMessage:
    """The sender queries which types of messages a daemon accepts.

    Not in the specification. The answer is MessageTypes.
    """


@dataclass(frozen=True)
class GetReceiptMessage:
    """A client queries the id of the job that it has just submitted.

    It names the address of its end of the connection that carried the job,
    because the message of the specification has no key. Not in the
    specification. The answer is Receipt.
    """

    client_host: Host
    client_port: Port


@dataclass(frozen=True)
class CancelJobMessage:
    """A client cancels a job, queued or running.

    Not in the specification.
    """

    job_id: JobId


@dataclass(frozen=True)
class MapTaskMessage:
    """The Manager assigns a map task to a Worker."""

    task_id: TaskId
    input_paths: Paths
    executable: Path
    output_directory: Path
    num_partitions: Count
    token: OptionalToken = hidden()
    job_id: OptionalJobId = hidden()


@dataclass(frozen=True)
class ReduceTaskMessage:
    """The Manager assigns a reduce task to a Worker."""

    task_id: TaskId
    executable: Path
    input_paths: Paths
    output_directory: Path
    token: OptionalToken = hidden()
    job_id: OptionalJobId = hidden()


@dataclass(frozen=True)
class FinishedMessage:
    """A Worker has done its task, and every output file is in place.

    Beyond the specification, and only for an extended task, it may carry the
    counters of the executables: amounts by group and name.
    """

    task_id: TaskId
    worker_host: Host
    worker_port: Port
    counters: OptionalCounters = None
    token: OptionalToken = hidden()
    job_id: OptionalJobId = hidden()


# Sent only when a task fails. This and CancelMessage are the only extensions
# that are used without an option of the user.
@dataclass(frozen=True)
class FailedMessage:
    """A Worker could not do its task; the reason is for the user.

    Not in the specification. A strict Manager ignores it.
    """

    task_id: TaskId
    worker_host: Host
    worker_port: Port
    reason: Text
    # Another attempt would fail in the same way. Sent only for a job that may
    # skip bad records, and has too many.
    final: OptionalFlag = hidden()
    token: OptionalToken = hidden()
    job_id: OptionalJobId = hidden()


@dataclass(frozen=True)
class CancelMessage:
    """The Manager cancels a task; the Worker then sends FailedMessage.

    Not in the specification. A strict Worker ignores it and finishes the task.
    """

    task_id: TaskId
    token: OptionalToken = hidden()
    job_id: OptionalJobId = hidden()


@dataclass(frozen=True)
class ShutdownMessage:
    """The receiver must end; a Manager first forwards this to its Workers."""


JobMessage = ManagerJobMessage | ExtendedJobMessage
ExtendedTaskMessage = ExtendedMapTaskMessage | ExtendedReduceTaskMessage
TaskMessage = MapTaskMessage | ReduceTaskMessage | ExtendedTaskMessage
# Answered on the same connection. All other messages have no answer.
Query = (
    GetStatusMessage | GetJobMessage | GetMessageTypesMessage
    | GetReceiptMessage | GetTaskMessage
)
Message = (
    RegisterMessage | RegisterAckMessage | RegisterAgainMessage
    | HeartbeatMessage
    | JobMessage | Query | CancelJobMessage
    | TaskMessage | FinishedMessage | FailedMessage | ProgressMessage
    | CancelMessage | ShutdownMessage | DialectMessage
)


def extended_job(submission: JobMessage) -> ExtendedJobMessage:
    """Return a submission in the form that can hold options.

    The Manager keeps every job in this one form.
    """
    if isinstance(submission, ExtendedJobMessage):
        return submission
    fields = dict(vars(submission))
    return ExtendedJobMessage(
        input_paths=[fields.pop("input_directory")], **fields)


def extended_task(task: TaskMessage) -> ExtendedTaskMessage:
    """Return a task in the form that can hold options, with none set.

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
