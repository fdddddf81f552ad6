"""Define all states, and the records that a Manager sends to clients.

The records are frozen: one thread makes them and another encodes them. In
JSON, the fields have the same names. No sockets, files, threads, locks or
clocks.
"""
from __future__ import annotations

import dataclasses
import enum

from mapreduce.protocol.dataclass import dataclass
from mapreduce.protocol.fields import Environment, Splits


class WorkerState(str, enum.Enum):
    """The states of a Worker; manager/scheduling shows how they change."""

    READY = "ready"
    BUSY = "busy"
    DEAD = "dead"


class Stage(str, enum.Enum):
    """The two stages of a job."""

    MAP = "map"
    REDUCE = "reduce"


class JobState(str, enum.Enum):
    """The states of a job; manager/scheduling/job shows how they change.

    PREPARING, CHECKING, KEEPING and PUBLISHING are never sent to clients. Such
    a job is shown as queued, or in the stage that it began last.
    """

    QUEUED = "queued"
    PREPARING = "preparing"  # the Manager makes its directories
    MAP = "map"
    CHECKING = "checking"  # the Manager looks for the files of the stage
    KEEPING = "keeping"  # the Manager keeps its map output for the user
    REDUCE = "reduce"
    PUBLISHING = "publishing"  # the Manager replaces an old result
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether a job in this state never changes again."""
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class TaskState(str, enum.Enum):
    """The states of a task; manager/scheduling/tasks shows their changes."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class AttemptState(str, enum.Enum):
    """The states of one attempt at a task."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    LOST = "lost"  # its Worker died, or registered again
    # It ended after its job had failed, or another attempt was done.
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class WorkerTask:
    """The task that a Worker holds."""

    job_id: int
    stage: Stage
    task_id: int


@dataclass(frozen=True)
class WorkerAddress:
    """The address at which a Worker listens."""

    host: str
    port: int


@dataclass(frozen=True)
class WorkerStatus:
    """A Worker, living or dead."""

    host: str
    port: int
    state: WorkerState
    task: WorkerTask | None
    silent_seconds: float  # since its last heartbeat or registration
    tasks_done: int
    tasks_failed: int


@dataclass(frozen=True)
class _JobIdentity:
    id: int
    name: str  # empty if none was given
    key: str | None  # made by the client, to find its job
    state: JobState
    seconds: float  # from its start until now, or until its end
    reason: str | None  # why it failed, with the end of standard error


@dataclass(frozen=True)
class _JobProgress:
    tasks_done: int
    tasks: int  # of both stages together
    map_tasks_done: int
    map_tasks: int
    reduce_tasks_done: int
    reduce_tasks: int


@dataclass(frozen=True)
class _JobPaths:
    input_directory: str
    output_directory: str
    mapper_executable: str
    reducer_executable: str
    directory: str  # the one to which relative paths refer


@dataclass(frozen=True)
class _JobTimes:
    # By the clock and in the time zone of the Manager, e.g.,
    # 2026-11-26T07:15:24+0000. Only for people: no decision depends on them.
    submitted_at: str | None = None
    submitted_by: str | None = None  # a user and a host, as the client told
    started_at: str | None = None
    ended_at: str | None = None


# In four parts, because style limits the fields of one class. A dataclass
# takes the fields of its last base first: this is their order in JSON.
@dataclass(frozen=True)
class JobStatus(_JobTimes, _JobPaths, _JobProgress, _JobIdentity):
    """A job: queued, running or ended."""

    @property
    def ended(self) -> bool:
        """Whether the job is done, failed or cancelled."""
        return self.state.is_final


@dataclass(frozen=True)
class _TaskIdentity:
    stage: Stage
    task_id: int
    state: TaskState


@dataclass(frozen=True)
class AttemptStatus:
    """One attempt at a task. Times are seconds since the job started."""

    worker: WorkerAddress
    state: AttemptState
    started: float
    ended: float | None  # None while it runs
    speculative: bool = False  # begun while another attempt was running


@dataclass(frozen=True)
class _TaskProgress(_TaskIdentity):
    worker: WorkerAddress | None  # the Worker that holds it, or held it last
    attempts: int
    seconds: float | None  # of the running attempt, otherwise the last one
    reason: str | None  # of the last failure
    # The last status line of its executable. In JSON the field has its old
    # name, "status", because scripts of users read it.
    message: str | None = dataclasses.field(
        default=None, metadata={"json": "status"})


@dataclass(frozen=True)
class TaskStatus(_TaskProgress):
    """A task of a job, and its attempts."""

    started: float | None = None  # the last attempt, as in AttemptStatus
    # All attempts, by the times of their starts. Empty for the many tasks
    # with a single attempt that runs or is done: `started` tells the same.
    history: tuple[AttemptStatus, ...] = ()
    # What its executable read, if the Worker counted it.
    input_records: int | None = None
    input_bytes: int | None = None


@dataclass(frozen=True)
class ManagerStatus:
    """A Manager that keeps its jobs in a state directory."""

    started_at: str  # as the times of jobs
    interruptions: int  # after which it went on with its jobs
    problem: str | None = None  # why it refuses jobs now


@dataclass(frozen=True)
class ClusterStatus:
    """The answer to get_status."""

    workers: tuple[WorkerStatus, ...]
    jobs: tuple[JobStatus, ...]
    directory: str  # the working directory of the Manager
    # None, and left out of the JSON, if the Manager keeps no state.
    manager: ManagerStatus | None = None

    @property
    def is_stuck(self) -> bool:
        """Whether jobs wait although no Worker is alive."""
        any_alive = any(
            worker.state is not WorkerState.DEAD for worker in self.workers)
        return not any_alive and not all(job.ended for job in self.jobs)


@dataclass(frozen=True)
class Counter:
    """A sum of what the executables of a job have counted."""

    group: str
    name: str
    amount: int


@dataclass(frozen=True)
class JobOption:
    """One value of a field of the message that submitted a job.

    A field with several values has several options. For a variable of the
    environment, the value is its name only: what it holds may be a password.
    """

    name: str  # of the field, e.g., mapper_executable
    value: str  # e.g., ./map.py, 4 or true


@dataclass(frozen=True)
class JobDetails:
    """The answer to get_job."""

    job: JobStatus | None  # None: the Manager has no such job
    tasks: tuple[TaskStatus, ...]  # empty for old jobs: memory has a limit
    # Sums over the tasks that are done, by group and name.
    counters: tuple[Counter, ...] = ()
    # Empty if the Manager no longer keeps the tasks.
    options: tuple[JobOption, ...] = ()


@dataclass(frozen=True)
class Receipt:
    """The answer to get_receipt."""

    job_id: int | None  # None: no job came lately from that address


@dataclass(frozen=True)
class _TaskProgram:
    executable: str  # empty: the Manager no longer keeps the plan of the job
    variables: Environment  # that the Manager sets, as Hadoop does
    # Of the variables of the user: what they hold may be a password.
    names: tuple[str, ...]


@dataclass(frozen=True)
class _TaskInput(_TaskProgram):
    stage: Stage
    splits: Splits  # of a map task; the sorted input files of a reduce task
    decompress: bool
    concatenate: bool
    directory: str  # the working directory of the Manager


# The fields of the next two were added later: each has a default.
@dataclass(frozen=True)
class _TaskSteps(_TaskInput):
    combiner: str | None = None
    partitioner: str | None = None
    num_partitions: int = 0
    skip_bad_inputs: bool = False
    # Each a path, and its name in the working directory of the task.
    files: tuple[tuple[str, ...], ...] = ()
    archives: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class TaskCommand(_TaskSteps):
    """The answer to get_task: what a task runs, and on what."""

    any_exit_code: bool | None = None
    # As in TaskOptions.
    separator: str | None = None
    key_fields: int | None = None
    key_separator: str | None = None
    sort_options: str | None = None
    reducer_separator: str | None = None


@dataclass(frozen=True)
class MessageTypes:
    """The answer to get_message_types, of a Manager or a Worker.

    Beside the types, it names fields that were added to them later, each as,
    e.g., new_extended_job.keep_old.
    """

    message_types: tuple[str, ...]


Record = (
    WorkerTask | WorkerAddress | WorkerStatus | JobStatus | TaskStatus
    | AttemptStatus | Counter | JobOption | ManagerStatus | ClusterStatus
    | JobDetails | MessageTypes | Receipt | TaskCommand
)
