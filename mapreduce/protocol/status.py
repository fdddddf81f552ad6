"""What a Manager tells clients of its Workers, jobs and tasks.

Frozen records, and the names of all states. The codec makes JSON objects of
the records; the names of the fields are the same in both. No sockets, files,
threads, locks or clocks.
"""
from __future__ import annotations

import dataclasses
import enum


class WorkerState(str, enum.Enum):
    """What can be said of a Worker."""

    READY = "ready"
    BUSY = "busy"
    DEAD = "dead"


class Stage(str, enum.Enum):
    """One half of a job."""

    MAP = "map"
    REDUCE = "reduce"


class JobState(str, enum.Enum):
    """Where a job stands.

    PREPARING and KEEPING are never shown to clients: such a job is shown as
    queued, or in the stage that it began last.
    """

    QUEUED = "queued"
    PREPARING = "preparing"  # its directories are being made
    MAP = "map"
    KEEPING = "keeping"  # its map output is being put where its user wants it
    REDUCE = "reduce"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether a job stays in this state for ever."""
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class TaskState(str, enum.Enum):
    """Where a task stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclasses.dataclass(frozen=True)
class WorkerTask:
    """The task that a Worker has: which one of which job."""

    job_id: int
    stage: Stage
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
    state: WorkerState
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
    state: JobState
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
        return self.state.is_final


@dataclasses.dataclass(frozen=True)
class _TaskState:
    """Which task of a job it is, and how it fares."""

    stage: Stage
    task_id: int
    state: TaskState


@dataclasses.dataclass(frozen=True)
class TaskStatus(_TaskState):
    """A task of a job, and its last attempt."""

    worker: WorkerAddress | None  # who has it, or had it last
    attempts: int
    seconds: float | None  # of the attempt that runs, or else the last one
    reason: str | None  # why the last attempt that failed has failed
    # What its executable last said of itself. In JSON it keeps its first name,
    # which scripts know.
    message: str | None = dataclasses.field(
        default=None, metadata={"json": "status"})


@dataclasses.dataclass(frozen=True)
class ClusterStatus:
    """The answer to get_status."""

    workers: tuple[WorkerStatus, ...]
    jobs: tuple[JobStatus, ...]
    directory: str  # the working directory of the Manager

    @property
    def is_stuck(self) -> bool:
        """Whether there are jobs to be done, and no Worker lives."""
        any_alive = any(
            worker.state is not WorkerState.DEAD for worker in self.workers)
        return not any_alive and not all(job.ended for job in self.jobs)


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
