"""Which task is next, and which Worker gets it."""
from __future__ import annotations

from mapreduce.manager.job import Job
from mapreduce.manager.remote_worker import RemoteWorker
from mapreduce.manager.workers import Workers

LOOKAHEAD = 100  # waiting tasks among which a Worker finds one for it


def choose(
    job: Job, workers: Workers
) -> tuple[int, RemoteWorker] | None:
    """Return the next task and the Worker that gets it: the first of each.

    If the task failed there, another Worker that is ready comes first, and
    then other tasks, as long as somebody lives who may yet do this one.
    """
    first_worker = workers.first_ready()
    if first_worker is None:
        return None
    for task_id in job.waiting(LOOKAHEAD):
        worker = workers.first_ready(job.failed_on(task_id))
        if worker:
            return task_id, worker
    for task_id in job.waiting(1):
        return task_id, first_worker
    return None
