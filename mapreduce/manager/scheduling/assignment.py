"""Choose the next task and the Worker that gets it. Pure."""
from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator

from mapreduce.manager.scheduling import events
from mapreduce.manager.scheduling.job import Job
from mapreduce.manager.scheduling.remote_worker import RemoteWorker
from mapreduce.manager.scheduling.workers import Workers

LOGGER = logging.getLogger(__name__)

# Waiting tasks that are compared with the ready Workers. Without a limit, one
# assignment in a job of 100,000 tasks could look at each of them.
LOOKAHEAD = 100


def assign_next(
    job: Job, workers: Workers, now: float
) -> Iterator[events.Action]:
    """Assign one waiting task to a ready Worker, if there are both.

    Only one, because the outcome of sending it decides which Worker gets the
    next one. A Worker that does not accept the tasks of this job is passed
    over; a Worker whose capabilities are not known is probed first.
    """
    while choice := _choose(job, workers):
        task_id, worker = choice
        known = workers.message_types(worker)
        if not job.needed_capabilities <= (known or frozenset()):
            workers.pass_over(worker)
            # Passed over until it answers: other Workers can start meanwhile.
            if known is None:
                yield events.ProbeCapabilities(worker)
            continue
        task = job.assign(task_id, worker.address, now)
        if worker.token:
            task = dataclasses.replace(
                task, token=worker.token, job_id=job.job_id)
        workers.assign(worker, task_id)
        LOGGER.info("Assigned task to Worker %r %r", task, worker)
        yield events.Send(worker, task)
        return


def _choose(
    job: Job, workers: Workers
) -> tuple[int, RemoteWorker] | None:
    """Return the next task and its Worker: usually the first of each.

    A task avoids the Workers on which it failed, as long as another one is
    alive. If none of these is ready, a later task is chosen.
    """
    first_worker = workers.first_ready()
    if first_worker is None:
        return None
    tasks = job.tasks
    for task_id in tasks.waiting(LOOKAHEAD):
        worker = workers.first_ready(tasks.failed_on(task_id))
        if worker:
            return task_id, worker
    # No ready Worker suits any of these tasks. The rule of the specification
    # comes first: no ready Worker stays idle while a task waits.
    for task_id in tasks.waiting(1):
        return task_id, first_worker
    return None
