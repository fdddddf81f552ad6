"""Convert messages and answers to JSON and back. No sockets, no files.

Bytes on one side, frozen dataclasses on the other. The fields of a JSON
object, and their order on the wire, are those of the class. Only this module
and long_json, which it uses, handle JSON.

A JSON object that cannot be used raises ProtocolError; the code that receives
from a peer catches it, logs it and continues. Unknown fields are ignored, as
the specification requires; only a field with a default may be missing.
"""
from __future__ import annotations

import dataclasses
import functools
import json
import reprlib
import types
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from mapreduce.protocol import long_json
from mapreduce.protocol.conversion import Field, build, fields_of
from mapreduce.protocol.extensions import (
    ADDED_FIELDS,
    ExtendedJobMessage,
    ExtendedMapTaskMessage,
    ExtendedReduceTaskMessage,
    ProgressMessage,
)
from mapreduce.protocol.fields import ProtocolError
from mapreduce.protocol.messages import (
    CancelJobMessage,
    CancelMessage,
    DialectMessage,
    FailedMessage,
    FinishedMessage,
    GetJobMessage,
    GetMessageTypesMessage,
    GetReceiptMessage,
    GetTaskMessage,
    GetStatusMessage,
    HeartbeatMessage,
    ManagerJobMessage,
    MapTaskMessage,
    Message,
    ReduceTaskMessage,
    RegisterAckMessage,
    RegisterAgainMessage,
    RegisterMessage,
    ShutdownMessage,
)
from mapreduce.protocol.status import (
    ClusterStatus,
    JobDetails,
    JobStatus,
    MessageTypes,
    Receipt,
    Record,
    TaskStatus,
    TaskCommand,
)

Answer = TypeVar(
    "Answer", ClusterStatus, JobDetails, MessageTypes, Receipt, TaskCommand)

# The only list of all message types, but for those of another dialect; every
# other table is made from it.
CLASSES: Mapping[str, type[Message]] = types.MappingProxyType({
    "register": RegisterMessage,
    "register_ack": RegisterAckMessage,
    "register_again": RegisterAgainMessage,
    "heartbeat": HeartbeatMessage,
    "new_manager_job": ManagerJobMessage,
    "new_extended_job": ExtendedJobMessage,
    "get_status": GetStatusMessage,
    "get_job": GetJobMessage,
    "get_message_types": GetMessageTypesMessage,
    "get_receipt": GetReceiptMessage,
    "get_task": GetTaskMessage,
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
})
_TYPES = {cls: name for name, cls in CLASSES.items()}
# Bytes of a message that is parsed at once. Its cost is small, whatever is in
# it: other threads wait for a few milliseconds.
SHORT = 64 * 2**10
# Fields of answers that are left out if they are None: they were added later,
# for what a user must ask for.
OMITTED = {"manager"}
MAX_SHOWN = 200  # bytes of a payload, for errors, which shorten it further
_ENCODED = "_encoded"  # the attribute that keeps the JSON of a TaskStatus


def name_of(cls: type[Message]) -> str:
    """Return the message_type of a class, e.g., heartbeat."""
    if issubclass(cls, DialectMessage):
        return cls.message_type
    return _TYPES[cls]


def may_be_long(cls: type[Message]) -> bool:
    """Return whether messages of a class list the files of a job or a task."""
    if issubclass(cls, DialectMessage):
        return cls.is_long
    return _TYPES[cls].startswith("new_")


def capabilities(cls: type[Message], options: object = None) -> set[str]:
    """Return the names that a receiver of a message must accept.

    That is its message_type and, as TYPE.FIELD, each of ADDED_FIELDS that it
    has. With options, which have fields of the same names, only those count
    that are set there.
    """
    name = _TYPES[cls]
    return {name, *(
        f"{name}.{field.name}" for field in dataclasses.fields(cls)
        if field.name in ADDED_FIELDS
        and (options is None or getattr(options, field.name) is not None))}


# Encoding

def to_document(record: Message | Record) -> dict[str, Any]:
    """Return, e.g., {"message_type": "heartbeat", "worker_host": …}.

    Fields of a message that are None are left out. Answers have all fields.
    """
    if isinstance(record, Message):
        # Only our extensions can be None. Without them, every byte is as in
        # the specification, so that foreign peers accept the message.
        return {"message_type": name_of(type(record)), **{
            name: value for name, value in vars(record).items()
            if value is not None}}
    return {field.key: _to_json(getattr(record, field.name))
            for field in _sent_fields(record)}


def _sent_fields(record: Any) -> list[Field]:
    """Return the fields of an answer that are sent: almost always all."""
    return [field for field in fields_of(type(record)) if not (
        field.name in OMITTED and getattr(record, field.name) is None)]


def _to_json(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_to_json(item) for item in value]
    if isinstance(value, Record | Message):
        return to_document(value)
    if dataclasses.is_dataclass(value):
        return _dumped(value)
    return value


def dump(record: Any) -> bytes:
    """Return the JSON of a dataclass, from which `build` makes it again.

    Its fields have the types of those of messages and answers, or are
    messages, answers and other such dataclasses. Those that may be left out
    are, if they are None.
    """
    return json.dumps(_dumped(record)).encode("utf-8")


def _dumped(record: Any) -> dict[str, Any]:
    return {field.key: _to_json(getattr(record, field.name))
            for field in fields_of(type(record))
            if not (field.is_optional
                    and getattr(record, field.name) is None)}


def encode(
    record: (Message | ClusterStatus | JobDetails | MessageTypes | Receipt
             | TaskCommand)
) -> bytes:
    """Return the bytes of a message or an answer, as they are sent.

    They are the default output of json.dumps, in UTF-8.
    """
    if isinstance(record, Message):
        return json.dumps(to_document(record)).encode("utf-8")
    # Field by field: an answer may list 10,000 tasks, whose JSON is cached.
    items = ", ".join(f'"{field.key}": {_encode(getattr(record, field.name))}'
                      for field in _sent_fields(record))
    return f"{{{items}}}".encode("utf-8")


def _encode(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_encode, value))}]"
    if isinstance(value, TaskStatus):
        return _encode_task(value)
    if isinstance(value, JobStatus) and value.ended:
        return _encode_ended(value)
    return json.dumps(_to_json(value))


def _encode_task(task: TaskStatus) -> str:
    # Most of 10,000 tasks have not changed since the last query, and their
    # records are the same objects. The cache is an attribute of the record,
    # as with functools.cached_property: it is freed together with it.
    attributes = vars(task)
    if _ENCODED not in attributes:
        attributes[_ENCODED] = json.dumps(to_document(task))
    encoded: str = attributes[_ENCODED]
    return encoded


@functools.lru_cache(maxsize=1_000)
def _encode_ended(job: JobStatus) -> str:
    # May be cached by value: the record of an ended job never changes.
    return json.dumps(to_document(job))


def text_size(text: str) -> int:
    """Return how many bytes a text takes in JSON, without its quotes."""
    return len(json.dumps(text)) - 2


class Indented:
    """A JSON object for the log, formatted only if it is really logged."""

    def __init__(self, document: dict[str, Any]) -> None:
        """Keep a JSON object that to_document or parse returned."""
        self._document = document

    def __str__(self) -> str:
        """Return the output of json.dumps with an indent of 2.

        The values of an environment are not shown: they may be passwords.
        """
        document = self._document
        if "environment" in document:
            document = {**document, "environment": "(not shown)"}
        try:
            return json.dumps(document, indent=2)
        # The C encoder recurses; a peer may send thousands of brackets.
        except RecursionError:
            return "(a document nested too deeply to show)"


# Decoding

def has_too_many_values(payload: bytes) -> bool:
    """Return whether a receiver may refuse a message for its many values."""
    # Each of these begins one, or they stand in texts.
    return sum(map(payload.count, (b"[", b"{", b","))) > long_json.MAX_VALUES


def parse(payload: bytes) -> dict[str, Any]:
    """Return the JSON object that a message holds, or raise ProtocolError.

    Any program may have sent it, so its cost is limited.
    """
    return _parse(payload, (
        long_json.parse if len(payload) > SHORT else _loads))


def parse_trusted(payload: bytes) -> dict[str, Any]:
    """Return a JSON object, as `parse` does, but without a limit.

    For what this program has kept, and for answers of the Manager that a user
    has chosen: they may list 100,000 tasks.
    """
    return _parse(payload, _loads)


def _parse(
    payload: bytes, loads: Callable[[bytes], Any]
) -> dict[str, Any]:
    start = payload[:MAX_SHOWN]
    try:
        document = loads(payload)
    except UnicodeDecodeError as error:
        raise ProtocolError(f"no UTF-8: {reprlib.repr(start)}") from error
    except long_json.TooMuch as error:
        raise ProtocolError(str(error)) from error
    # RecursionError: thousands of nested brackets. ValueError: not JSON, or
    # an integer with more digits than Python accepts (4,300).
    except (ValueError, RecursionError, MemoryError) as error:
        raise ProtocolError(f"no JSON: {reprlib.repr(start)}") from error
    if not isinstance(document, dict):
        raise ProtocolError(f"no JSON object: {reprlib.repr(start)}")
    return document


def _loads(payload: bytes) -> Any:
    return json.loads(payload.decode("utf-8"))


def decode(payload: bytes) -> Message:
    """Return the message in a payload, or raise ProtocolError."""
    return from_document(parse(payload))


def from_document(
    document: dict[str, Any],
    classes: Mapping[str, type[Message]] = CLASSES,
) -> Message:
    """Return the message that a JSON object represents.

    The classes are those of the dialect, by message_type.

    Raises ProtocolError for an unknown message_type, and for a field that is
    missing or breaks its rule.
    """
    message_type = document.get("message_type")
    if not isinstance(message_type, str) or message_type not in classes:
        raise ProtocolError(
            f"unknown message_type {reprlib.repr(message_type)}")
    return build(classes[message_type], document, message_type)


def answer_from_document(
    cls: type[Answer], document: dict[str, Any]
) -> Answer:
    """Return the answer, of the given class, that a JSON object represents.

    Raises ProtocolError, as from_document does.
    """
    return build(cls, document)
