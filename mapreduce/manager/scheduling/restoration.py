"""Rebuild the jobs of a Manager from the facts that it kept. Pure.

Facts are repeated by the methods that made them, while the log of facts is
off. A job whose facts contradict each other fails; the others go on.
"""
from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence

from mapreduce.manager.scheduling import facts
from mapreduce.manager.scheduling.job import Job, count
from mapreduce.manager.scheduling.jobs import Jobs
from mapreduce.manager.scheduling.plan import Plan
from mapreduce.manager.scheduling.snapshot import QueuedJob
from mapreduce.protocol.status import JobState, Stage

# If the Manager dies so many times between the start of a job and its map
# stage, the job is taken for the cause.
MAX_STARTS = 3
# Between the numbers of the first attempts before and after an interruption:
# far more than a task has attempts.
ATTEMPTS_A_START = 1_000


@dataclasses.dataclass(frozen=True)
class Restart:
    """What a Manager that was interrupted finds at its next start."""

    cluster_id: str  # see Scheduler
    # Return the directory of a job for its map output, by its id.
    job_directory: Callable[[int], str]
    num_starts: int = 0  # of Managers before this one, also failed ones
    num_jobs: int = 0  # that were ever accepted: the next id
    # Why the running job can't go on; None: it can.
    obstacle: str | None = None


def prune(
    known: Sequence[facts.Fact], is_there: Callable[[facts.TaskDone], bool]
) -> list[facts.Fact]:
    """Return the facts without those of tasks whose files are gone.

    `is_there` returns whether the files of a task are all there. If files of
    a map task are gone, its job has no reduce stage any more: a reducer must
    not read what another attempt of the map task replaces.
    """
    last = {(fact.job_id, fact.stage, fact.task_id): fact
            for fact in known if isinstance(fact, facts.TaskDone)}
    gone = {key for key, fact in last.items() if not is_there(fact)}
    map_again = {job_id for job_id, stage, _ in gone if stage is Stage.MAP}
    return [fact for fact in known if not (
        _is_of_reduce_stage(fact) and fact.job_id in map_again
        or isinstance(fact, facts.TaskDone)
        and (fact.job_id, fact.stage, fact.task_id) in gone)]


def _is_of_reduce_stage(fact: facts.Fact) -> bool:
    match fact:
        case facts.StateReached():
            return True
        case facts.TaskDone() | facts.AttemptFailed() | facts.TaskLost():
            return fact.stage is Stage.REDUCE
    return False


def restore_jobs(
    jobs: Jobs, known: Iterable[facts.Fact], restart: Restart, now: float
) -> None:
    """Add the jobs of a Manager that was interrupted; `jobs` is empty."""
    jobs.first_attempt = ATTEMPTS_A_START * restart.num_starts
    was_enabled, jobs.log.enabled = jobs.log.enabled, False
    for fact in known:
        _restore(jobs, fact, restart, now)
    jobs.log.enabled = was_enabled
    jobs.num_jobs = max(jobs.num_jobs, restart.num_jobs)
    job = jobs.running
    if job is None or job.state is JobState.DONE:
        return
    if restart.obstacle:
        # The output directory holds files of another origin now.
        job.output_unseen = True
        if not job.over:
            job.abort(JobState.FAILED, reason=restart.obstacle)
    if job.prepared or job.over:
        return
    if job.starts >= MAX_STARTS:
        job.abort(JobState.FAILED, reason=(
            f"the Manager died {job.starts} times while it made the "
            "directories of this job"))
        return
    jobs.put_back()


def running(known: Iterable[facts.Fact]) -> facts.JobStarted | None:
    """Return the last start of the job that is running, if one is."""
    started = None
    for fact in known:
        if isinstance(fact, facts.JobStarted):
            started = fact
        elif started and fact.job_id == started.job_id and fact.final:
            started = None
    return started


def _restore(
    jobs: Jobs, fact: facts.Fact, restart: Restart, now: float
) -> None:
    match fact:
        case facts.JobAccepted():
            jobs.restore_queued(QueuedJob(
                fact.job_id, fact.submission, fact.submitted_at))
            return
        case facts.JobStarted():
            jobs.restore_started(fact.job_id, fact.started_at, now)
            return
        case facts.JobArchived():
            jobs.restore_ended(fact)
            return
        case facts.JobAborted() if jobs.waits(fact.job_id):
            jobs.end_waiting(fact.job_id, fact.state, fact.reason)
            return
    job = jobs.running
    if job is None or job.job_id != fact.job_id:
        # What says of which job it is could not be read.
        if isinstance(fact, facts.JobAborted):
            jobs.restore_unreadable(fact)
        return
    try:
        _restore_running(job, fact, restart, now)
    except (LookupError, ValueError):
        if not job.over:
            job.abort(JobState.FAILED, reason=(
                "what the Manager kept of this job contradicts itself"))


def _restore_running(
    job: Job, fact: facts.Fact, restart: Restart, now: float
) -> None:
    match fact:
        case facts.JobPlanned():
            job.begin(Plan(
                f"{restart.cluster_id}_{job.job_id:04d}", job.submission,
                restart.job_directory(job.job_id), fact.splits,
                fact.output_directory, fact.identity))
        case facts.StateReached():
            job.continue_at(fact.state)
        case facts.JobAborted():
            job.output_unseen = fact.output_unseen
            job.abort(fact.state, fact.task_id, fact.reason)
        case facts.JobEnded():
            job.state = fact.state
            job.ended_before = True
            job.started = now - fact.seconds
        case facts.TaskDone() | facts.AttemptFailed() | facts.TaskLost() if (
                fact.stage is job.stage and not job.over):
            _restore_task(job, fact, now)


def _restore_task(
    job: Job, fact: facts.TaskDone | facts.AttemptFailed | facts.TaskLost,
    now: float,
) -> None:
    task_id = fact.task_id
    address = fact.worker.host, fact.worker.port
    is_done = job.tasks.is_done(task_id)
    seconds = fact.seconds if isinstance(fact, facts.TaskDone) else 0.0
    if not is_done:
        job.tasks.assign(task_id, address, now - seconds)
    match fact:
        case facts.TaskDone() if not is_done:
            job.started = now - fact.passed
            count(job, task_id, fact.counters)
            job.finish(task_id, address, now)
        case facts.AttemptFailed():
            if is_done:
                job.take_back(task_id)
            job.tasks.fail(task_id, address, fact.reason, now)
        case facts.TaskLost() if not is_done:
            job.tasks.requeue_lost(task_id, address, now)


def summary(jobs: Jobs, now: float) -> Iterator[str]:
    """Iterate over what a Manager goes on with after an interruption."""
    snapshot = jobs.snapshot(now)
    yield (f"jobs that have ended: {len(snapshot.ended)}, that wait: "
           f"{len(snapshot.queued)}")
    if (job := snapshot.running) and not job.ended:
        yield (f"job {job.id} goes on: {job.map_tasks_done} of "
               f"{job.map_tasks} map tasks and {job.reduce_tasks_done} of "
               f"{job.reduce_tasks} reduce tasks are done")
