"""Make jobs fail, cancel them, and end the one that is over. Pure.

A job that has failed or was cancelled ends later: when no Worker holds one of
its tasks. Here is also how one task ends early: the attempt that is not needed
is cancelled, and the log says what becomes of the task of a dead Worker.
"""
from __future__ import annotations

import logging
from collections.abc import Iterator

from mapreduce.manager.scheduling import events
from mapreduce.manager.scheduling.job import Job
from mapreduce.manager.scheduling.jobs import Jobs
from mapreduce.manager.scheduling.remote_worker import RemoteWorker
from mapreduce.manager.scheduling.workers import Workers
from mapreduce.protocol import messages
from mapreduce.protocol.status import JobState

LOGGER = logging.getLogger(__name__)


def abort_job(
    job: Job, workers: Workers, reason: str, task_id: int | None = None
) -> Iterator[events.Action]:
    """Make a job fail; `task_id` is the task that caused it, if one did."""
    LOGGER.error("Job %d failed: %s", job.job_id, reason)
    job.abort(JobState.FAILED, task_id, reason)
    yield from _cancel_tasks(job, workers)


def block_job(
    event: events.JobBlocked, jobs: Jobs, workers: Workers
) -> Iterator[events.Action]:
    """Make a job fail, running or not, that can't start or continue."""
    if job := jobs.active(event.job_id):
        yield from abort_job(job, workers, event.reason)
    else:
        jobs.end_waiting(event.job_id, JobState.FAILED, event.reason)


def cancel_job(
    job_id: int, jobs: Jobs, workers: Workers
) -> Iterator[events.Action]:
    """Cancel a job, running or not."""
    if job := jobs.active(job_id):
        job.abort(JobState.CANCELLED)
        yield from _cancel_tasks(job, workers)
    elif not jobs.end_waiting(job_id, JobState.CANCELLED):
        LOGGER.warning("Cannot cancel job %d: no such job, or it is over",
                       job_id)
        return
    LOGGER.info("Cancelled job %d", job_id)


def _cancel_tasks(
    job: Job, workers: Workers
) -> Iterator[events.Action]:
    # All busy Workers have tasks of this job: jobs run one at a time.
    for worker in workers.busy:
        assert worker.task_id is not None
        yield _cancel(job, worker, worker.task_id)


def _cancel(job: Job, worker: RemoteWorker, task_id: int) -> events.Send:
    # As its task has them: one that is late must not end a task of the next
    # job.
    return events.Send(worker, messages.CancelMessage(
        task_id, worker.token, None if worker.token is None else job.job_id))


def task_note(job: Job | None, task_id: int | None) -> str:
    """Return what to log of the task of a Worker that died.

    For example: "; map task 3 of job 0 waits for another Worker".
    """
    if job is None or task_id is None:
        return ""
    if job.over:
        state = "was cancelled"
    elif job.tasks.is_done(task_id):
        state = "is done"
    elif len(job.tasks.holders(task_id)) > 1:
        state = "runs on another Worker"
    else:
        state = "waits for another Worker"
    return f"; {job.stage.value} task {task_id} of job {job.job_id} {state}"


def cancel_others(
    job: Job, workers: Workers, task_id: int
) -> Iterator[events.Action]:
    """Cancel the other attempt at a task that is done, if it runs."""
    for address in job.tasks.holders(task_id):
        if worker := workers.get(address):
            yield _cancel(job, worker, task_id)


def end_job(job: Job, jobs: Jobs, now: float) -> Iterator[events.Action]:
    """End the running job, which is over, and remove its directories."""
    jobs.end_running(job, now)
    if job.state is JobState.DONE:
        LOGGER.info("Finished job %d", job.job_id)
    elif job.owns_output:
        yield events.DiscardOutput(job.submission.output_directory)
    yield events.CleanUpJob(job.job_id)
    jobs.archive(job)
