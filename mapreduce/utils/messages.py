"""The messages of the protocol: what may be said, and what is refused.

Bytes come in, frozen dataclasses go out, and back. No sockets, no files. The
fields of each message, and their order on the wire, are those of its class.

A message that cannot be used raises ProtocolError; whoever reads messages of
others catches it, logs it and goes on. Fields that a message does not know
are ignored, as the specification asks.
"""
from __future__ import annotations

import dataclasses
import json
import reprlib
import typing
from typing import Any

from mapreduce.utils import fields
from mapreduce.utils.extensions import (
    ExtendedJobMessage,
    ExtendedMapTaskMessage,
    ExtendedReduceTaskMessage,
    ProgressMessage,
)
from mapreduce.utils.fields import (
    Count,
    Host,
    JobId,
    OptionalCounters,
    OptionalName,
    Path,
    Paths,
    Port,
    Rule,
    TaskId,
    Text,
)

Address = tuple[str, int]  # a host and a port, as their owner gave them
ProtocolError = fields.ProtocolError


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

_CLASSES: dict[str, type[Message]] = {
    "register": RegisterMessage,
    "register_ack": RegisterAckMessage,
    "heartbeat": HeartbeatMessage,
    "new_manager_job": ManagerJobMessage,
    "new_extended_job": ExtendedJobMessage,
    "get_status": GetStatusMessage,
    "get_job": GetJobMessage,
    "get_message_types": GetMessageTypesMessage,
    "cancel_job": CancelJobMessage,
    "new_map_task": MapTaskMessage,
    "new_reduce_task": ReduceTaskMessage,
    "new_extended_map_task": ExtendedMapTaskMessage,
    "new_extended_reduce_task": ExtendedReduceTaskMessage,
    "progress": ProgressMessage,
    "finished": FinishedMessage,
    "failed": FailedMessage,
    "cancel": CancelMessage,
    "shutdown": ShutdownMessage,
}
_TYPES = {cls: name for name, cls in _CLASSES.items()}


def _rules(cls: type[Message]) -> dict[str, Rule]:
    """Return the rule of each field, from its annotation."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items()}


_RULES = {cls: _rules(cls) for cls in _TYPES}


def name_of(cls: type[Message]) -> str:
    """Return the message_type of a class, e.g., heartbeat."""
    return _TYPES[cls]


def to_document(message: Message) -> dict[str, Any]:
    """Return, e.g., {"message_type": "heartbeat", "worker_host": …}."""
    return {"message_type": _TYPES[type(message)], **{
        name: value for name, value in vars(message).items()
        if value is not None}}


class Indented:
    """A document for the log: rendered only if the log takes it."""

    def __init__(self, document: dict[str, Any]) -> None:
        """Keep what to_document or parse returned."""
        self._document = document

    def __str__(self) -> str:
        """Return the document as json.dumps with an indent of 2."""
        try:
            return json.dumps(self._document, indent=2)
        except RecursionError:
            return "(a document nested too deeply to show)"


def encode(message: Message) -> bytes:
    """Return a message as it goes over the wire: json.dumps in UTF-8."""
    return json.dumps(to_document(message)).encode("utf-8")


def parse(payload: bytes) -> dict[str, Any]:
    """Return the JSON object that a payload holds, or raise ProtocolError."""
    try:
        document = json.loads(payload.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ProtocolError(f"no UTF-8: {reprlib.repr(payload)}") from error
    # RecursionError: brackets nested by the thousand; ValueError: no JSON,
    # or an integer of more digits than Python is willing to read.
    except (ValueError, RecursionError, MemoryError) as error:
        raise ProtocolError(f"no JSON: {reprlib.repr(payload)}") from error
    if not isinstance(document, dict):
        raise ProtocolError(f"no JSON object: {reprlib.repr(payload)}")
    return document


def from_document(document: dict[str, Any]) -> Message:
    """Return the message that a JSON object stands for.

    Raises ProtocolError for an unknown type and for a field that is missing
    or not what the protocol says. Only a field with a default may be missing.
    """
    message_type = document.get("message_type")
    if not isinstance(message_type, str) or message_type not in _CLASSES:
        raise ProtocolError(
            f"unknown message_type {reprlib.repr(message_type)}")
    cls = _CLASSES[message_type]
    values = {}
    for name, rule in _RULES[cls].items():
        if name not in document:
            if hasattr(cls, name):  # It has a default.
                continue
            raise ProtocolError(f"{message_type} lacks field {name!r}")
        if not rule.accepts(document[name]):
            raise ProtocolError(
                f"{message_type} has a field {name!r} that is not "
                f"{rule.description}: {reprlib.repr(document[name])}")
        values[name] = rule.convert(document[name])
    return cls(**values)


def decode(payload: bytes) -> Message:
    """Return the message in a payload, or raise ProtocolError."""
    return from_document(parse(payload))
