"""Complete a stage, or repeat the tasks whose files are missing. Pure.

Workers of other implementations report failed tasks as finished. Only a
missing file shows that, and the job must not get a wrong result.
"""
from __future__ import annotations

import logging
from collections.abc import Iterator

from mapreduce.manager.scheduling import events
from mapreduce.manager.scheduling.job import Job
from mapreduce.manager.scheduling.workers import Workers
from mapreduce.protocol.status import JobState, Stage

LOGGER = logging.getLogger(__name__)


def check_stage(
    job: Job, workers: Workers
) -> Iterator[events.CheckOutput]:
    """Begin to check the files of a stage whose tasks are all done."""
    # Also a backup attempt that is not needed may still replace files.
    if workers.any_busy or job.state not in (JobState.MAP, JobState.REDUCE):
        return
    tasks = job.tasks
    if tasks.num_done == tasks.num_tasks:
        job.state = JobState.CHECKING
        backups = (
            task_id for task_id in range(tasks.num_tasks)
            if job.submission.map_speculative
            and tasks.attempt(task_id).is_backup)
        yield events.CheckOutput(
            job.job_id, job.expected_output, tuple(backups))


def complete_stage(
    job: Job, workers: Workers, missing: dict[int, str], now: float
) -> Iterator[tuple[str, int | None]]:
    """Complete the stage of a job whose tasks are all reported as finished.

    `missing` has the name of a file for each task that lacks one. Iterate over
    why the job must fail: a reason and the task that is the cause, if any.
    """
    if len(missing) == job.tasks.num_tasks:
        yield from _complete_without_files(job)
    elif missing:
        yield from _repeat(job, workers, missing, now)
    else:
        job.complete_stage()


def next_action(
    job: Job
) -> Iterator[events.KeepMapOutput | events.PublishResult]:
    """Iterate over what the Manager must do before a job can continue."""
    directory = job.submission.keep_intermediate
    if job.state is JobState.KEEPING and directory is not None:
        yield events.KeepMapOutput(job.job_id, directory)
    if job.state is JobState.PUBLISHING:
        yield events.PublishResult(job.job_id)


def _complete_without_files(job: Job) -> Iterator[tuple[str, None]]:
    # Another attempt would not help: either all Workers are broken, or this
    # machine does not see the directory that they use.
    directory = job.expected_output.directory
    reason = (f"the Workers reported all {job.stage.value} tasks as finished, "
              f"but {directory!r} has none of their files: does this machine "
              "share that directory with them?")
    if job.stage is Stage.REDUCE or not job.submission.num_reducers:
        job.output_unseen = True
        yield reason, None
        return
    # The specification does not make the Manager read that directory. If the
    # reduce tasks can't read it either, they say so.
    LOGGER.warning("Job %d: %s", job.job_id, reason)
    job.complete_stage()


def _repeat(
    job: Job, workers: Workers, missing: dict[int, str], now: float
) -> Iterator[tuple[str, int | None]]:
    # The last one first: each goes to the head of the queue.
    for task_id, name in sorted(missing.items(), reverse=True):
        job.take_back(task_id)
        address = job.tasks.attempt(task_id).address
        if worker := workers.get(address):
            worker.tasks_failed += 1
        reason = job.fail(task_id, address, (
            f"the Worker at {address[0]}:{address[1]} reported it as "
            f"finished, but its file {name} is not there"), now)
        if reason:
            yield reason, task_id
            return
