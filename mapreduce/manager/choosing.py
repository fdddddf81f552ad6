"""Which task is next, and which Worker gets it."""
from __future__ import annotations

import logging

from mapreduce.manager.job import Job
from mapreduce.manager.remote_worker import RemoteWorker
from mapreduce.manager.workers import Workers
from mapreduce.utils.messages import name_of

LOGGER = logging.getLogger(__name__)

LOOKAHEAD = 100  # waiting tasks among which a Worker finds one for it

Choice = tuple[int, RemoteWorker]


def choose(job: Job, workers: Workers) -> Choice | None:
    """Return the next task and the Worker that gets it.

    Workers that are known not to know such tasks are set aside; who was not
    asked yet may be chosen.
    """
    while choice := _first(job, workers):
        _, worker = choice
        known = workers.message_types(worker)
        if job.needed_type is None or known is None or (
                name_of(job.needed_type) in known):
            return choice
        LOGGER.info("Set aside %r: it does not know such tasks", worker)
        workers.set_aside(worker)
    return None


def helplessness(job: Job) -> str:
    """Return why a job must fail if all Workers are set aside."""
    assert job.needed_type
    return (f"no living Worker knows {name_of(job.needed_type)}, which "
            "options of this job need: start mapreduce-worker of this version")


def _first(job: Job, workers: Workers) -> Choice | None:
    """Return the first task and the first Worker.

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
