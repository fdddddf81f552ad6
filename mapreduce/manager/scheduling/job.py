"""One job that has started: where it stands, and the tasks of each stage.

    PREPARING --begin--> MAP ----------> REDUCE ----------> DONE
                          |                ^
                          +--> KEEPING ----+   only with keep_intermediate
                          |
                          +--> DONE            only without reduce tasks

    any of them but DONE --abort--> FAILED or CANCELLED

A job in a final state may still have running tasks, whose Workers were told
to cancel them. It ends when the last of them has answered or died.

Tasks are known by their ids, from 0 in each stage. Their messages are made
when they are assigned, so that a job of many tasks is no more than ids.
"""
from __future__ import annotations

import dataclasses

from mapreduce.manager.scheduling.plan import Plan
from mapreduce.manager.scheduling.tasks import Counters, Tasks
from mapreduce.protocol.codec import name_of
from mapreduce.protocol.extensions import (
    ExtendedJobMessage,
    ExtendedMapTaskMessage,
    ExtendedReduceTaskMessage,
)
from mapreduce.protocol.messages import Address, TaskMessage
from mapreduce.protocol.status import JobState, Stage


@dataclasses.dataclass
class _Start:
    """What was known of a job when it started."""

    job_id: int
    submission: ExtendedJobMessage
    started: float = 0.0  # seconds, of a monotonic clock


class Job(_Start):
    """A job that has started.

    `stages` holds the tasks of the stages that have begun, in order, and
    `reason` is why the job failed.
    """

    def __init__(
        self, job_id: int, submission: ExtendedJobMessage, now: float = 0.0
    ) -> None:
        """Start a job; it has no tasks until it is prepared."""
        super().__init__(job_id, submission, now)
        self.state = JobState.PREPARING
        self.reason: str | None = None
        self.stages: dict[Stage, Tasks] = {}
        self.counters = Counters()
        self._plan: Plan | None = None

    @property
    def prepared(self) -> bool:
        """Whether it ever had its directories."""
        return bool(self.stages)

    @property
    def over(self) -> bool:
        """Whether none of its tasks will be assigned any more."""
        return self.state.is_final

    @property
    def stage(self) -> Stage:
        """The stage that began last, also when the job is over."""
        return next(reversed(self.stages), Stage.MAP)

    @property
    def tasks(self) -> Tasks:
        """The tasks of the stage that began last; none before the first."""
        return next(reversed(self.stages.values()), Tasks(0))

    @property
    def num_mappers(self) -> int:
        """The number of map tasks, as far as it is known."""
        if self.prepared:
            return self.stages[Stage.MAP].num_tasks
        return self.submission.num_mappers or 0

    @property
    def needed_type(self) -> str | None:
        """The type of message for its tasks; None: one that all know."""
        if self._plan is None or not self._plan.is_extended:
            return None
        return name_of(
            ExtendedReduceTaskMessage if self.stage is Stage.REDUCE
            else ExtendedMapTaskMessage)

    @property
    def max_attempts(self) -> int | None:
        """How often a task of this stage is tried, if its user said so."""
        if self.stage is Stage.REDUCE:
            return self.submission.max_reduce_attempts
        return self.submission.max_map_attempts

    def begin(self, plan: Plan) -> None:
        """Begin the map stage."""
        self._plan = plan
        self._begin_stage(Stage.MAP, plan.num_mappers)

    def begin_reduce(self) -> None:
        """Begin the reduce stage."""
        self._begin_stage(Stage.REDUCE, self.submission.num_reducers)

    def _begin_stage(self, stage: Stage, num_tasks: int) -> None:
        self.state = JobState(stage.value)
        self.stages[stage] = Tasks(num_tasks)

    def assign(
        self, task_id: int, address: Address, now: float
    ) -> TaskMessage:
        """Assign one of the first tasks that wait; return its message."""
        attempt = self.tasks.assign(task_id, address, now)
        assert self._plan
        if self.stage is Stage.MAP:
            return self._plan.map_task(task_id, attempt)
        return self._plan.reduce_task(task_id, attempt)

    def finish(self, task_id: int, now: float) -> None:
        """Note that a task is done; after the last one, go a stage on."""
        if not self.tasks.finish(task_id, now):
            return
        if self.stage is Stage.REDUCE or not self.submission.num_reducers:
            self.state = JobState.DONE
        elif self.submission.keep_intermediate is not None:
            self.state = JobState.KEEPING
        else:
            self.begin_reduce()

    def abort(
        self, state: JobState, task_id: int | None = None,
        reason: str | None = None,
    ) -> None:
        """Give up, failed or cancelled: no task waits any more.

        The task, if one is named, cannot be done for that reason.
        """
        self.state = state
        self.reason = reason
        self.tasks.abort(task_id, reason or "")

    def forget_plan(self) -> None:
        """Keep no more of an ended job than what is shown of it."""
        self._plan = None
