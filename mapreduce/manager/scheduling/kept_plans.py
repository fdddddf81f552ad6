"""Keep what the tasks of ended jobs ran, for users who run one again. Pure.

The plans of many jobs, with their splits, would fill the memory: the oldest
are dropped. The last one always stays.
"""
from __future__ import annotations

import collections
import dataclasses

from mapreduce.manager.scheduling.facts import PlanFacts
from mapreduce.manager.scheduling.job import Job
from mapreduce.manager.scheduling.plan import Plan, no_command
from mapreduce.protocol.extensions import ExtendedJobMessage
from mapreduce.protocol.status import Stage, TaskCommand

MAX_SIZE = 16 * 2**20  # bytes of all plans, about
MAX_STORED = 2**20  # of one that is also stored for the next Manager
OBJECT_SIZE = 100  # bytes of a small object, about
MAX_ATTEMPTS_KEPT = 1_000  # tasks of which the number of attempts is kept


@dataclasses.dataclass(frozen=True)
class KeptPlan:
    """What the last attempt at each task of one job ran."""

    plan: Plan
    first_attempt: int = 0
    # By stage and task; left out: those with one attempt.
    attempts: dict[str, dict[str, int]] = dataclasses.field(
        default_factory=dict)

    @property
    def size(self) -> int:
        """The bytes that it takes in memory, about."""
        paths = {split.path for split in self.plan.splits}
        return (_size(self.plan.submission) + sum(map(len, paths))
                + OBJECT_SIZE * (len(paths) + 2 * len(self.plan.splits)))

    def command(
        self, stage: str, task_id: int, directory: str
    ) -> TaskCommand:
        """Return what the last attempt at a task ran, if it is known.

        The directory is the working directory of the Workers.
        """
        num_tasks = (self.plan.num_mappers if stage == Stage.MAP.value
                     else self.plan.submission.num_reducers)
        if stage not in {known.value for known in Stage} or (
                task_id >= num_tasks):
            return no_command(directory)
        attempts = self.attempts.get(stage, {}).get(str(task_id), 1)
        return self.plan.command(
            Stage(stage), task_id, self.first_attempt + attempts - 1,
            directory)

    def facts(self) -> PlanFacts | None:
        """Return what must outlive the Manager; None if that is too large."""
        if self.size > MAX_STORED:
            return None
        return PlanFacts(
            self.plan.number, self.plan.submission, self.plan.splits,
            self.plan.output_directory, self.first_attempt, self.attempts)


def restored(facts: PlanFacts) -> KeptPlan:
    """Return the plan that an earlier Manager kept."""
    return KeptPlan(
        Plan(facts.number, facts.submission, "", facts.splits,
             facts.output_directory),
        facts.first_attempt, facts.attempts or {})


def kept_plan(job: Job) -> KeptPlan | None:
    """Return what to keep of a job; None if its tasks were not planned."""
    plan = job.plan
    if plan is None:
        return None
    repeated = ((stage.value, task_id, number)
                for stage, tasks in job.stages.items()
                for task_id, number in tasks.repeated())
    attempts: dict[str, dict[str, int]] = {}
    for _, (stage, task_id, number) in zip(
            range(MAX_ATTEMPTS_KEPT), repeated):
        attempts.setdefault(stage, {})[str(task_id)] = number
    return KeptPlan(
        dataclasses.replace(plan, submission=_public(plan.submission)),
        job.first_attempt, attempts)


def _public(submission: ExtendedJobMessage) -> ExtendedJobMessage:
    """Return a submission without the values of its environment."""
    environment = submission.environment
    if environment is None:
        return submission
    # They may be secret.
    return dataclasses.replace(
        submission, environment=dict.fromkeys(environment, ""))


def _size(submission: ExtendedJobMessage) -> int:
    texts = [*submission.input_paths, *(submission.environment or {}),
             *(text for links in (submission.files, submission.archives)
               for link in links or () for text in link),
             *(value for value in vars(submission).values()
               if isinstance(value, str))]
    return sum(map(len, texts)) + OBJECT_SIZE * (len(texts) + 10)


class KeptPlans:
    """The plans of the jobs that ended last, by job id."""

    def __init__(self) -> None:
        """Start empty."""
        self._plans: collections.OrderedDict[int, tuple[KeptPlan, int]] = (
            collections.OrderedDict())
        self._size = 0

    def add(self, job_id: int, plan: KeptPlan) -> None:
        """Keep a plan; drop the oldest ones if there is no room for all."""
        size = plan.size
        self._plans[job_id] = plan, size
        self._size += size
        while self._size > MAX_SIZE and len(self._plans) > 1:
            _, (_, dropped) = self._plans.popitem(last=False)
            self._size -= dropped

    def remove(self, job_id: int) -> None:
        """Keep the plan of a job no more, if it is there."""
        _, size = self._plans.pop(job_id, (None, 0))
        self._size -= size

    def get(self, job_id: int) -> KeptPlan | None:
        """Return the plan of a job; None if it is not kept."""
        plan, _ = self._plans.get(job_id, (None, 0))
        return plan
