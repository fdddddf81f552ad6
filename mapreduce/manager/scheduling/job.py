"""Keep the state of a started job, why it failed, and its tasks. Pure.

    PREPARING --begin--> MAP --> CHECKING -----> REDUCE --> CHECKING --> DONE
                                  |                ^
                                  +--> KEEPING ----+   with keep_intermediate
                                  |
                                  +--> DONE            without reduce tasks

    CHECKING --files are missing--> MAP or REDUCE, as before

    CHECKING begins when no Worker holds a task any more: also a backup attempt
    that is not needed may still replace files.

    With keep_old, PUBLISHING comes before DONE.

    any state except DONE --abort--> FAILED or CANCELLED

A failed or cancelled job may still have running tasks; their Workers were sent
CancelMessage. The job ends when the last of them has answered or died: before
that, a late part or message could be taken for one of the next job.

Tasks are numbered from 0 in each stage. Their messages are made only when they
are assigned, so that a job of 100,000 tasks needs little memory.
"""
from __future__ import annotations

import dataclasses
import logging
from typing import NamedTuple

from mapreduce.manager.scheduling import facts, reasons
from mapreduce.manager.scheduling.plan import Plan
from mapreduce.manager.scheduling.remote_worker import RemoteWorker
from mapreduce.manager.scheduling.tasks import Counters, Tasks
from mapreduce.protocol import layout
from mapreduce.protocol.codec import capabilities
from mapreduce.protocol.extensions import (
    ExtendedJobMessage,
    ExtendedMapTaskMessage,
    ExtendedReduceTaskMessage,
)
from mapreduce.protocol.fields import MAX_REASON, OptionalCounters
from mapreduce.protocol.messages import Address, TaskMessage
from mapreduce.protocol.status import JobState, Stage, WorkerAddress

LOGGER = logging.getLogger(__name__)

MAX_ATTEMPTS = 4  # of a task, unless the user gives another number
HEADLINE_LENGTH = 500  # characters in the log, for a task that is tried again
MAX_REASONS = 128 * 2**20  # characters of the reasons of all tasks, about
# Workers lost with one task, which is then taken for the cause: one bad job
# must not kill all Workers.
MAX_LOSSES = 4


@dataclasses.dataclass(frozen=True)
class ExpectedOutput:
    """The files that a stage must leave in a directory."""

    directory: str
    num_tasks: int
    num_partitions: int  # of each task; 0: it leaves a part of the result
    compress: str | None = None  # such a part


class WallTimes(NamedTuple):
    """For people: by the clock on the wall, e.g., 2026-11-26T07:15:24+0000."""

    submitted: str | None = None
    started: str | None = None


@dataclasses.dataclass
class _Start:
    job_id: int
    submission: ExtendedJobMessage
    started: float = 0.0  # seconds, of a monotonic clock
    wall_times: WallTimes = WallTimes()
    # How often it was started, at restarts of the Manager, too.
    starts: int = 1
    # The number of the first attempt of each task.
    first_attempt: int = 0
    # Whether an interrupted Manager has told clients that it ended.
    ended_before: bool = False


class Job(_Start):
    """A job that has started."""

    def __init__(
        self, job_id: int, submission: ExtendedJobMessage, now: float = 0.0,
        log: facts.FactLog | None = None,
    ) -> None:
        """Start a job; it has no tasks until it is prepared.

        What must outlive the Manager is added to the log.
        """
        super().__init__(job_id, submission, now)
        self._log = log or facts.FactLog()
        self.state = JobState.PREPARING
        # Why the job failed, else None. No other object keeps this.
        self.reason: str | None = None
        # Of the stages that have begun, in order. The tasks of a map stage
        # that is over are kept, because clients can still query them.
        self.stages: dict[Stage, Tasks] = {}
        self.counters = Counters()
        # None before the job is prepared, and again some time after its end.
        self.plan: Plan | None = None
        # Whether this machine seems to see another output directory than the
        # Workers do.
        self.output_unseen = False

    @property
    def prepared(self) -> bool:
        """Whether its directories were made."""
        return bool(self.stages)

    @property
    def owns_output(self) -> bool:
        """Whether what is in the output directory is of this job."""
        # Before it is prepared, an older result is there; with keep_old, until
        # it is done.
        return self.prepared and not (
            self.output_unseen or self.submission.keep_old)

    @property
    def over(self) -> bool:
        """Whether no more of its tasks will be assigned."""
        return self.state.is_final

    @property
    def stage(self) -> Stage:
        """The stage that began last, even when the job is over."""
        return next(reversed(self.stages), Stage.MAP)

    @property
    def tasks(self) -> Tasks:
        """The tasks of the stage that began last; none before the first."""
        return next(reversed(self.stages.values()), Tasks(0))

    @property
    def num_mappers(self) -> int:
        """The number of map tasks; 0 while it is not known."""
        # With max_mappers, it depends on the input.
        if self.prepared:
            return self.stages[Stage.MAP].num_tasks
        return self.submission.num_mappers or 0

    @property
    def needed_capabilities(self) -> set[str]:
        """What a Worker must know to do its tasks; empty if nothing."""
        if self.plan is None or not self.plan.is_extended:
            return set()
        return capabilities(
            ExtendedReduceTaskMessage if self.stage is Stage.REDUCE
            else ExtendedMapTaskMessage, self.submission)

    @property
    def max_attempts(self) -> int:
        """The attempts that a task of this stage has."""
        allowed = (self.submission.max_reduce_attempts
                   if self.stage is Stage.REDUCE
                   else self.submission.max_map_attempts)
        return allowed or MAX_ATTEMPTS

    def begin(self, plan: Plan) -> None:
        """Begin the map stage."""
        self.plan = plan
        self._log.add(facts.JobPlanned(
            self.job_id, plan.splits, plan.result_directory,
            self.submission.num_reducers, plan.identity,
            plan.output_directory, self.submission.compress))
        self._begin_stage(Stage.MAP, plan.num_mappers)

    def _begin_reduce(self) -> None:
        """Begin the reduce stage."""
        self._reach(JobState.REDUCE)
        self._begin_stage(Stage.REDUCE, self.submission.num_reducers)

    def _begin_stage(self, stage: Stage, num_tasks: int) -> None:
        self.state = JobState(stage.value)
        self.stages[stage] = Tasks(num_tasks)

    def _reach(self, state: JobState) -> None:
        self.state = state
        self._log.add(facts.StateReached(self.job_id, state))

    def assign(
        self, task_id: int, address: Address, now: float
    ) -> TaskMessage:
        """Assign one of the first waiting tasks; return its message."""
        is_backup = bool(self.tasks.holders(task_id))
        attempt = self.first_attempt + self.tasks.assign(
            task_id, address, now)
        assert self.plan
        # The first failure may be the fault of its Worker, and no record's.
        skips = self.max_attempts == 1 or bool(
            self.tasks.failed_on(task_id))
        if self.stage is Stage.MAP:
            return self.plan.map_task(task_id, attempt, skips, is_backup)
        return self.plan.reduce_task(task_id, attempt, skips)

    def finish(
        self, task_id: int, address: Address, now: float,
        counters: OptionalCounters = None,
    ) -> None:
        """Note that a Worker has done a task.

        `counters` are those of the task, see count.
        """
        # Workers exist that report what they could not do as finished.
        self.tasks.note_input(task_id, counters)
        self.tasks.finish(task_id, now, address)
        if not self.over:
            attempt = self.tasks.attempt(task_id)
            self._log.add(facts.TaskDone(
                self.job_id, self.stage, task_id, WorkerAddress(*address),
                round(now - attempt.started, 3), round(now - self.started, 3),
                counters, by_backup=attempt.is_backup or None))

    @property
    def expected_output(self) -> ExpectedOutput:
        """What the stage must leave before it is complete."""
        num_reducers = self.submission.num_reducers
        assert self.plan
        if self.stage is Stage.MAP and num_reducers:
            return ExpectedOutput(
                self.plan.directory, self.num_mappers, num_reducers)
        return ExpectedOutput(
            self.plan.result_directory, self.tasks.num_tasks, 0,
            self.submission.compress)

    def take_back(self, task_id: int) -> None:
        """Take back that a task is done; `fail` must follow."""
        self.state = JobState(self.stage.value)
        self.tasks.reopen(task_id)

    def complete_stage(self) -> None:
        """Go on after all files of the stage were found."""
        if self.stage is Stage.REDUCE or not self.submission.num_reducers:
            if self.submission.keep_old:
                self._reach(JobState.PUBLISHING)
            else:
                self.state = JobState.DONE
        elif self.submission.keep_intermediate is not None:
            self._reach(JobState.KEEPING)
        else:
            self._begin_reduce()

    def fail(
        self, task_id: int, address: Address, reason: str, now: float,
        final: bool = False,
    ) -> str | None:
        """Note that an attempt failed; return why the job fails now, if so.

        After a `final` one, no other attempt is made.
        """
        reason, stage = reason[:MAX_REASON], self.stage.value
        # The tasks of a job may be many, and each may fail.
        kept = reason[:max(
            HEADLINE_LENGTH, MAX_REASONS // self.tasks.num_tasks)]
        failed_on = self.tasks.fail(task_id, address, kept, now)
        if self.over:
            return None
        self._log.add(facts.AttemptFailed(
            self.job_id, self.stage, task_id, WorkerAddress(*address),
            kept))
        LOGGER.warning("Attempt %d of %s task %d failed on %s:%d: %s",
                       len(failed_on), stage, task_id, *address,
                       reason.partition("\n")[0][:HEADLINE_LENGTH])
        if len(failed_on) < self.max_attempts and not final:
            return None
        return reasons.failed(
            stage, task_id, len(failed_on), reason) + layout.log_note(
                self.submission.logs, stage, task_id, self.first_attempt
                + self.tasks.number(task_id, address) + 1)

    def requeue_lost(
        self, task_id: int, worker: RemoteWorker, now: float
    ) -> str | None:
        """Note that a Worker died; return why the job fails now, if so."""
        # An outage of the network silences many Workers at once. The task
        # would go from one to the next, and seem to be the cause.
        may_be_cause = not worker.was_silent
        lost = self.tasks.requeue_lost(
            task_id, worker.address, now, may_be_cause)
        # Another attempt may have done it.
        if self.over or self.tasks.is_done(task_id) or not may_be_cause:
            return None
        self._log.add(facts.TaskLost(
            self.job_id, self.stage, task_id,
            WorkerAddress(*worker.address)))
        if len(lost) < MAX_LOSSES:
            return None
        return reasons.lost(self.stage, task_id, lost)

    def proceed(self) -> None:
        """Continue after KEEPING or PUBLISHING."""
        if self.state is JobState.KEEPING:
            self._begin_reduce()
        else:
            self.state = JobState.DONE

    def continue_at(self, state: JobState) -> None:
        """Continue at KEEPING, REDUCE or PUBLISHING."""
        if state is JobState.REDUCE:
            self._begin_reduce()
        else:
            self._reach(state)

    def abort(
        self, state: JobState, task_id: int | None = None,
        reason: str | None = None,
    ) -> None:
        """Change to FAILED or CANCELLED; no more tasks are assigned.

        `task_id` is the task that made the job fail, if one did.
        """
        self.state = state
        self.reason = reason
        self._log.add(facts.JobAborted(
            self.job_id, state, task_id, reason, self.output_unseen))
        self.tasks.abort(task_id, reason or "")

    def forget_plan(self) -> None:
        """Free the memory that only new tasks would need."""
        # It holds the splits: the ended jobs would add up to many megabytes.
        self.plan = None


def count(job: Job, task_id: int, counters: OptionalCounters) -> str:
    """Add the counters of a task; return an error, or an empty text.

    Those of a task that is repeated, because its files are missing, were added
    the first time.
    """
    if job.over or not counters or job.tasks.note_counted(task_id):
        return ""
    return job.counters.add(counters) or job.counters.too_many_skipped(
        job.submission.skip_bad_records)
