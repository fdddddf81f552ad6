"""Make the records for clients: snapshots, and statuses from snapshots. Pure.

The Manager's main thread makes a snapshot, which is cheap. Its parts are
immutable, so another thread may make the status, which takes longer.
"""
from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

from mapreduce.manager.scheduling.job import Job
from mapreduce.manager.scheduling.tasks import Tasks
from mapreduce.protocol import codec
from mapreduce.protocol.extensions import ExtendedJobMessage
from mapreduce.protocol.status import (
    ClusterStatus,
    JobOption,
    JobState,
    JobStatus,
    ManagerStatus,
    Stage,
    TaskStatus,
    WorkerState,
    WorkerStatus,
)


# A status is below 4 MiB, whatever clients and Workers name.
MAX_LISTED = 300  # waiting jobs in the list of all jobs
MAX_WORKERS = 2_000  # in a status
MAX_CLIPPED = 240  # bytes of a text there, in JSON
CLIPPED = ("name", "key", "submitted_by", "reason", "input_directory",
           "output_directory", "mapper_executable", "reducer_executable")


@dataclasses.dataclass(frozen=True)
class QueuedJob:
    """A job that has not started."""

    job_id: int
    submission: ExtendedJobMessage
    submitted_at: str | None
    # How often it has started: its Manager may have died soon after that.
    starts: int = 0


@dataclasses.dataclass(frozen=True)
class JobsSnapshot:
    """All jobs at one moment."""

    ended: tuple[JobStatus, ...]
    queued: tuple[QueuedJob, ...]
    running: JobStatus | None
    working_directory: str

    def statuses(
        self, age: float = 0.0, key: str | None = None
    ) -> tuple[JobStatus, ...]:
        """Return the statuses of all jobs, or of the one with the key.

        They are sorted by id. `age` is in seconds, since the snapshot. Of
        all jobs, long texts are clipped and the last ones of a long queue
        left out: a status must not grow with what clients submit.
        """
        started = list(self.ended)
        if self.running:
            # Only the running time changes while nothing else happens.
            started.append(dataclasses.replace(
                self.running, seconds=round(self.running.seconds + age, 3)))
        statuses = [job for job in started if key in (None, job.key)]
        statuses += [
            queued_job_status(job, self.working_directory)
            for job in (
                self.queued[:MAX_LISTED] if key is None else self.queued)
            if key in (None, job.submission.job_key)]
        if key is None:
            statuses = [_clipped(status) for status in statuses]
        return tuple(sorted(statuses, key=lambda status: status.id))


def _clipped(status: JobStatus) -> JobStatus:
    """Return the status of a job without the ends of long texts."""
    long: dict[str, Any] = {
        name: clipped for name in CLIPPED
        if (value := getattr(status, name)) and (
            clipped := _clip(value)) != value}
    return dataclasses.replace(status, **long) if long else status


def _clip(text: str) -> str:
    start = text[:MAX_CLIPPED]
    # In JSON, a character may take twelve bytes.
    while (size := codec.text_size(start)) > MAX_CLIPPED:
        start = start[:len(start) * MAX_CLIPPED // size]
    return text if start == text else f"{start}…"


def _listed(workers: tuple[WorkerStatus, ...]) -> Iterable[WorkerStatus]:
    """Return the Workers for a status: if they are many, living ones first."""
    if len(workers) <= MAX_WORKERS:
        return workers
    dead = [worker for worker in workers if worker.state is WorkerState.DEAD]
    living = [worker for worker in workers
              if worker.state is not WorkerState.DEAD]
    return (living + dead[::-1])[:MAX_WORKERS]


@dataclasses.dataclass(frozen=True)
class ClusterSnapshot:
    """All Workers and jobs at one moment."""

    taken: float
    workers: tuple[WorkerStatus, ...]
    jobs: JobsSnapshot
    manager: ManagerStatus | None = None

    def has_ended(self, job_key: str | None) -> bool:
        """Return whether the job with the key has ended."""
        return any(job.key == job_key for job in self.jobs.ended)

    def status(self, now: float, job_key: str | None = None) -> ClusterStatus:
        """Return the status at `now`, of all jobs or the one with the key.

        Times since an event grow; everything else is as in the snapshot.
        """
        # Not below 0: a query may have arrived before the snapshot was made.
        age = max(now - self.taken, 0.0)
        workers = tuple(dataclasses.replace(
            worker, host=_clip(worker.host),
            silent_seconds=round(worker.silent_seconds + age, 3)
        ) for worker in _listed(self.workers))
        return ClusterStatus(workers, self.jobs.statuses(age, job_key),
                             self.jobs.working_directory, self.manager)


def queued_job_status(job: QueuedJob, working_directory: str) -> JobStatus:
    """Return the status of a job that has not started."""
    return dataclasses.replace(
        _new_job_status(job.job_id, job.submission, working_directory,
                        JobState.QUEUED),
        submitted_at=job.submitted_at)


def unreadable_job_status(
    job_id: int, state: JobState, reason: str | None, working_directory: str
) -> JobStatus:
    """Return the status of a job of which nothing else is left."""
    unknown = ExtendedJobMessage(
        input_paths=[""], output_directory="", mapper_executable="",
        num_mappers=0, num_reducers=0)
    return dataclasses.replace(
        _new_job_status(job_id, unknown, working_directory, state),
        reason=reason)


def _new_job_status(
    job_id: int, submission: ExtendedJobMessage, working_directory: str,
    state: JobState,
) -> JobStatus:
    # With max_mappers, the number is known only when the input was split.
    map_tasks = submission.num_mappers or 0
    return JobStatus(
        id=job_id,
        name=submission.job_name or "",
        key=submission.job_key,
        state=state,
        seconds=0.0,
        reason=None,
        tasks_done=0,
        tasks=map_tasks + submission.num_reducers,
        map_tasks_done=0,
        map_tasks=map_tasks,
        reduce_tasks_done=0,
        reduce_tasks=submission.num_reducers,
        input_directory=", ".join(submission.input_paths),
        output_directory=submission.output_directory,
        mapper_executable=submission.mapper_executable,
        reducer_executable=submission.reducer_executable or "",
        directory=working_directory,
        submitted_by=submission.submitted_by,
    )


def running_job_status(
    job: Job, working_directory: str, now: float
) -> JobStatus:
    """Return the status of the running job, also while it is being ended."""
    if job.ended_before:
        return ended_job_status(job, working_directory, now)
    # Clients do not know PREPARING, CHECKING and so on. A job whose number
    # of tasks is not known yet is shown as queued: they could show no
    # progress of it.
    if job.prepared:
        state = JobState(job.stage.value)
    elif job.submission.num_mappers:
        state = JobState.MAP
    else:
        state = JobState.QUEUED
    return _started_job_status(job, state, working_directory, now)


def ended_job_status(
    job: Job, working_directory: str, now: float
) -> JobStatus:
    """Return the status of a job that has ended."""
    return dataclasses.replace(
        _started_job_status(job, job.state, working_directory, now),
        reason=job.reason)


def _started_job_status(
    job: Job, state: JobState, working_directory: str, now: float
) -> JobStatus:
    # A stage that has not begun is not in the dict.
    num_done = {stage: tasks.num_done for stage, tasks in job.stages.items()}
    return dataclasses.replace(
        _new_job_status(
            job.job_id, job.submission, working_directory, state),
        submitted_at=job.wall_times.submitted,
        started_at=job.wall_times.started,
        seconds=round(now - job.started, 3),
        tasks_done=sum(num_done.values()),
        tasks=job.num_mappers + job.submission.num_reducers,
        map_tasks_done=num_done.get(Stage.MAP, 0),
        map_tasks=job.num_mappers,
        reduce_tasks_done=num_done.get(Stage.REDUCE, 0))


def task_statuses(job: Job, now: float) -> Iterator[TaskStatus]:
    """Iterate over the statuses of the tasks of a job, in order."""
    for stage, num_tasks in (
            (Stage.MAP, job.num_mappers),
            (Stage.REDUCE, job.submission.num_reducers)):
        tasks = job.stages.get(stage)
        if tasks is None:  # The stage has not begun, and may never begin.
            tasks = Tasks(num_tasks)
            if job.over:
                tasks.abort(None, "")
        yield from tasks.statuses(stage, now, job.started)


def job_options(submission: ExtendedJobMessage) -> Iterator[JobOption]:
    """Iterate over the options with which a job was submitted, in order.

    Its key, its name and its user, which its status has, are left out.
    """
    for field in dataclasses.fields(submission):
        value = getattr(submission, field.name)
        if value is None or field.name in (
                "job_key", "job_name", "submitted_by"):
            continue
        # Of a dict, that is the environment, the keys; values may be secret.
        values = value if isinstance(value, (list, tuple, dict)) else [value]
        for item in values:
            yield JobOption(field.name, str(item).lower()
                            if isinstance(item, bool) else str(item))
