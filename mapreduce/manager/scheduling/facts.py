"""Define the facts that a Manager keeps for its next start. Pure.

A fact is a decision of the Scheduler, never a request to it. Facts come
among its actions, before the actions that they permit. The facts of a job, in
their order:

    JobAccepted    it waits in the queue
    JobStarted     its directories are made; may come again after a restart
    JobPlanned     its directories are there, and its input is split
    TaskDone, AttemptFailed, TaskLost
    StateReached   keeping, reduce or publishing
    JobAborted     it has failed or was cancelled; Workers may still hold tasks
    JobEnded       its directories are removed next
    JobArchived    all that is kept of it from now on
    JobForgotten   nothing is kept of it from now on

A `durable` fact must be on the disk before the next action. To lose another
one costs work, but no result.
"""
from __future__ import annotations

from typing import ClassVar

from mapreduce.protocol.dataclass import dataclass
from mapreduce.protocol.extensions import ExtendedJobMessage
from mapreduce.protocol.fields import (
    CountOrZero,
    JobId,
    OptionalCompression,
    OptionalCounters,
    OptionalFlag,
    OptionalPath,
    Path,
    Splits,
    TaskId,
    Text,
)
from mapreduce.protocol.status import (
    Counter,
    JobState,
    JobStatus,
    Stage,
    WorkerAddress,
)


@dataclass(frozen=True)
class Fact:
    """A fact about a job; `final` ones replace all others of that job."""

    durable: ClassVar[bool] = False
    final: ClassVar[bool] = False

    job_id: JobId


@dataclass(frozen=True)
class JobAccepted(Fact):
    """A job waits in the queue."""

    durable = True

    submission: ExtendedJobMessage
    submitted_at: str | None


@dataclass(frozen=True)
class JobStarted(Fact):
    """A job has started: its directories are made next."""

    durable = True

    start: int  # 1 at first, 2 after a Manager died before JobPlanned, …
    started_at: str | None


@dataclass(frozen=True)
class JobPlanned(Fact):
    """The directories of a job are there, and its map stage begins."""

    durable = True

    splits: Splits
    result_directory: Path  # where the parts of the result are put
    num_partitions: CountOrZero  # of each map task; 0: it leaves a part
    # Of the result directory: the numbers of its device and its inode.
    identity: tuple[int, ...]
    output_directory: OptionalPath = None  # a hidden one; None: its user's
    compress: OptionalCompression = None  # of the parts


@dataclass(frozen=True)
class _OfTask(Fact):
    stage: Stage
    task_id: TaskId
    worker: WorkerAddress


@dataclass(frozen=True)
class TaskDone(_OfTask):
    """A task is done."""

    seconds: float  # that it took
    passed: float  # seconds since the start of its job
    counters: OptionalCounters = None
    size: int | None = None  # bytes of its files; the Scheduler has no files
    by_backup: OptionalFlag = None  # the files are those of a backup attempt


@dataclass(frozen=True)
class AttemptFailed(_OfTask):
    """An attempt of a task has failed; the task was done, perhaps."""

    reason: str


@dataclass(frozen=True)
class TaskLost(_OfTask):
    """A Worker has died while it held a task."""


@dataclass(frozen=True)
class StateReached(Fact):
    """A job has reached KEEPING, REDUCE or PUBLISHING."""

    # From REDUCE on, no map task is done again: a reducer may have read its
    # output.
    durable = True

    state: JobState


@dataclass(frozen=True)
class JobAborted(Fact):
    """A job has failed or was cancelled."""

    durable = True

    state: JobState
    task_id: int | None  # the task that made it fail, if one did
    reason: str | None
    output_unseen: bool  # see Job


@dataclass(frozen=True)
class JobEnded(Fact):
    """A job has ended, and its directories must be removed."""

    durable = True

    state: JobState
    ended_at: str | None
    seconds: float


@dataclass(frozen=True)
class PlanFacts:
    """What the tasks of a job ran that has ended."""

    number: Text  # see Plan
    submission: ExtendedJobMessage  # without values of its environment
    splits: Splits
    output_directory: OptionalPath = None  # see JobPlanned
    first_attempt: int = 0
    # By stage and task, of tasks with more than one.
    attempts: OptionalCounters = None


@dataclass(frozen=True)
class JobArchived(Fact):
    """A job has ended, and its directories were removed."""

    final = True

    status: JobStatus
    counters: tuple[Counter, ...]
    plan: PlanFacts | None = None


@dataclass(frozen=True)
class JobForgotten(Fact):
    """An old job was removed from the history."""

    final = True


CLASSES: dict[str, type[Fact]] = {cls.__name__: cls for cls in (
    JobAccepted, JobStarted, JobPlanned, TaskDone, AttemptFailed, TaskLost,
    StateReached, JobAborted, JobEnded, JobArchived, JobForgotten)}


class FactLog:
    """The facts that are not returned as actions yet."""

    def __init__(self, enabled: bool = False) -> None:
        """Start empty; a log that is not enabled stays empty."""
        self.enabled = enabled
        self._facts: list[Fact] = []

    def add(self, fact: Fact) -> None:
        """Add a fact."""
        if self.enabled:
            self._facts.append(fact)

    def drain(self) -> list[Fact]:
        """Return all facts, in their order, and remove them."""
        facts, self._facts = self._facts, []
        return facts
