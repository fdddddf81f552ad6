"""Which task is next, and which Worker gets it. Pure, as all of this room."""
from __future__ import annotations

import logging
from collections.abc import Iterator

from mapreduce.manager.scheduling import events
from mapreduce.manager.scheduling.job import Job
from mapreduce.manager.scheduling.remote_worker import RemoteWorker
from mapreduce.manager.scheduling.workers import Workers

LOGGER = logging.getLogger(__name__)

LOOKAHEAD = 100  # waiting tasks among which a Worker finds one for it


def assign_next(
    job: Job, workers: Workers, now: float
) -> Iterator[events.Action]:
    """Assign a task to a ready Worker, if there are both.

    One task at a time: whether it could be sent comes back as an event, and
    that decides which Worker gets the next one. A Worker that does not take
    such tasks is passed over; one that has not said what it takes is asked.
    """
    while choice := _choose(job, workers):
        task_id, worker = choice
        known = workers.message_types(worker)
        if job.needed_type and job.needed_type not in (known or ()):
            workers.pass_over(worker)
            if known is None:  # When it answers, it will be ready again.
                yield events.Ask(worker)
            continue
        task = job.assign(task_id, worker.address, now)
        workers.assign(worker, task_id)
        LOGGER.info("Assigned task to Worker %r %r", task, worker)
        yield events.Send(worker, task)
        return


def _choose(
    job: Job, workers: Workers
) -> tuple[int, RemoteWorker] | None:
    """Return the next task and the Worker that gets it: the first of each.

    If the task failed there, another ready Worker comes first, and then other
    tasks, as long as any Worker is alive on which this one has not failed.
    """
    first_worker = workers.first_ready()
    if first_worker is None:
        return None
    tasks = job.tasks
    for task_id in tasks.waiting(LOOKAHEAD):
        worker = workers.first_ready(tasks.failed_on(task_id))
        if worker:
            return task_id, worker
    for task_id in tasks.waiting(1):
        return task_id, first_worker
    return None
