"""What a Manager tells clients of its Workers, jobs and tasks.

Frozen records and the JSON objects that stand for them; the names of the
fields are the same in both. No sockets, files, threads, locks or clocks.
"""
from __future__ import annotations

import dataclasses
import functools
import json
import reprlib
import types
import typing
from typing import Any, TypeVar

from mapreduce.utils.messages import ProtocolError

ENDED = ("done", "failed", "cancelled")  # the states in which a job stays


@dataclasses.dataclass(frozen=True)
class WorkerTask:
    """The task that a Worker has: which one of which job."""

    job_id: int
    stage: str  # map or reduce
    task_id: int


@dataclasses.dataclass(frozen=True)
class WorkerAddress:
    """Where a Worker listens."""

    host: str
    port: int


@dataclasses.dataclass(frozen=True)
class WorkerStatus:
    """A Worker, also a dead one."""

    host: str
    port: int
    state: str  # ready, busy or dead
    task: WorkerTask | None
    silent_seconds: float  # since the Manager last heard of it
    tasks_done: int
    tasks_failed: int


@dataclasses.dataclass(frozen=True)
class _JobState:
    """Which job it is, and how it fares."""

    id: int
    name: str  # empty where none was given
    key: str | None  # the id that its client made for it
    state: str  # queued, map, reduce or one of ENDED
    seconds: float  # of running: until now, or to its end
    reason: str | None  # why it failed, with the tail of standard error


@dataclasses.dataclass(frozen=True)
class _JobProgress:
    """How many of its tasks are done."""

    tasks_done: int
    tasks: int  # of both stages together
    map_tasks_done: int
    map_tasks: int
    reduce_tasks_done: int
    reduce_tasks: int


@dataclasses.dataclass(frozen=True)
class _JobPaths:
    """What it reads, runs and writes."""

    input_directory: str
    output_directory: str
    mapper_executable: str
    reducer_executable: str
    directory: str  # where relative paths are meant


# The fields of the last base come first.
@dataclasses.dataclass(frozen=True)
class JobStatus(_JobPaths, _JobProgress, _JobState):
    """A job: queued, running or ended."""

    @property
    def ended(self) -> bool:
        """Whether nothing will happen to the job any more."""
        return self.state in ENDED


@dataclasses.dataclass(frozen=True)
class _TaskState:
    """Which task of a job it is, and how it fares."""

    stage: str  # map or reduce
    task_id: int
    state: str  # waiting, running or one of ENDED


@dataclasses.dataclass(frozen=True)
class TaskStatus(_TaskState):
    """A task of a job, and its last attempt."""

    worker: WorkerAddress | None  # who has it, or had it last
    attempts: int
    seconds: float | None  # of the attempt that runs, or else the last one
    reason: str | None  # why the last attempt that failed has failed
    status: str | None = None  # what its executable last said of itself

    @functools.cached_property
    def encoded(self) -> str:
        """Its JSON, which is made once: most tasks are shown again."""
        return json.dumps(to_document(self))


@dataclasses.dataclass(frozen=True)
class ClusterStatus:
    """The answer to get_status."""

    workers: tuple[WorkerStatus, ...]
    jobs: tuple[JobStatus, ...]
    directory: str  # the working directory of the Manager

    @property
    def is_stuck(self) -> bool:
        """Whether there are jobs to be done, and no Worker lives."""
        return (all(worker.state == "dead" for worker in self.workers)
                and not all(job.ended for job in self.jobs))


@dataclasses.dataclass(frozen=True)
class Counter:
    """What the executables of a job have counted under a name."""

    group: str
    name: str
    amount: int


@dataclasses.dataclass(frozen=True)
class JobDetails:
    """The answer to get_job."""

    job: JobStatus | None  # None: the Manager knows no such job
    tasks: tuple[TaskStatus, ...]  # empty where none are kept
    # Sums over the tasks that are done, by group and name.
    counters: tuple[Counter, ...] = ()


@dataclasses.dataclass(frozen=True)
class MessageTypes:
    """The answer to get_message_types, of a Manager or a Worker."""

    message_types: tuple[str, ...]


Record = (
    WorkerTask | WorkerAddress | WorkerStatus | JobStatus | TaskStatus
    | Counter | ClusterStatus | JobDetails | MessageTypes
)
R = TypeVar("R", bound=Record)


def to_document(status: Record) -> dict[str, Any]:
    """Return, e.g., {"job": {"id": 0, …}, "tasks": […]}."""
    return {name: _to_json(getattr(status, name))
            for name in _FIELDS[type(status)]}


def _to_json(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_to_json(item) for item in value]
    if isinstance(value, Record):
        return to_document(value)
    return value


def encode(status: ClusterStatus | JobDetails | MessageTypes) -> bytes:
    """Return an answer as it goes over the wire: JSON in UTF-8."""
    fields = ", ".join(f'"{name}": {_encode(value)}'
                       for name, value in vars(status).items())
    return f"{{{fields}}}".encode("utf-8")


def _encode(value: Any) -> str:
    """Return the JSON of a field of an answer, or of an item of it."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(_encode, value))}]"
    if isinstance(value, TaskStatus):
        return value.encoded
    if isinstance(value, JobStatus) and value.ended:
        return _encode_ended(value)
    return json.dumps(_to_json(value))


@functools.lru_cache(maxsize=1_000)
def _encode_ended(job: JobStatus) -> str:
    """Return the JSON of a job that ended, which will be asked for again."""
    return json.dumps(to_document(job))


def cluster_from_document(document: dict[str, Any]) -> ClusterStatus:
    """Return the answer to get_status, or raise ProtocolError."""
    return _record(ClusterStatus, document)


def message_types_from_document(document: dict[str, Any]) -> MessageTypes:
    """Return the answer to get_message_types, or raise ProtocolError."""
    return _record(MessageTypes, document)


def details_from_document(document: dict[str, Any]) -> JobDetails:
    """Return the answer to get_job, or raise ProtocolError."""
    return _record(JobDetails, document)


_FIELDS: dict[Any, dict[str, Any]] = {
    cls: typing.get_type_hints(cls) for cls in typing.get_args(Record)}


def _record(cls: type[R], document: Any) -> R:
    """Return the record that a JSON object stands for.

    Fields that it does not know are ignored. Only a field with a default may
    be missing: an older Manager does not know it.
    """
    if not isinstance(document, dict):
        raise ProtocolError(f"no JSON object: {reprlib.repr(document)}")
    values = {}
    for name, kind in _FIELDS[cls].items():
        if name not in document:
            if hasattr(cls, name):
                continue
            raise ProtocolError(f"{cls.__name__} lacks field {name!r}")
        values[name] = _from_json(kind, document[name])
    return cls(**values)


def _from_json(kind: Any, value: Any) -> Any:
    """Return a value of a kind that a field of a record may have."""
    if isinstance(kind, types.UnionType):  # Of something and None.
        return None if value is None else _from_json(kind.__args__[0], value)
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise ProtocolError(f"no list: {reprlib.repr(value)}")
        return tuple(_from_json(kind.__args__[0], item) for item in value)
    if dataclasses.is_dataclass(kind):
        return _record(typing.cast(type[Record], kind), value)
    kinds = (int, float) if kind is float else kind
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise ProtocolError(f"no {kind.__name__}: {reprlib.repr(value)}")
    return value
