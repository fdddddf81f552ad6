"""Choose what a job does next: which task, on which Worker. Pure.

When all tasks of a stage are done, their files are checked instead. If no task
waits, a slow one may get a backup attempt on an idle Worker: the first attempt
to be done counts, and the other is cancelled.
"""
from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterable, Iterator

from mapreduce.manager.scheduling import completion, endings, events
from mapreduce.manager.scheduling.job import Job
from mapreduce.manager.scheduling.remote_worker import RemoteWorker
from mapreduce.manager.scheduling.workers import Workers
from mapreduce.protocol import codec, messages
from mapreduce.protocol.status import Stage

LOGGER = logging.getLogger(__name__)

# Waiting tasks that are compared with the ready Workers. Without a limit, one
# assignment in a job of 100,000 tasks could look at each of them.
LOOKAHEAD = 100
# What a Worker must know for a backup attempt, or for an attempt beside one.
CANCEL = codec.name_of(messages.CancelMessage)


def go_on(
    job: Job, workers: Workers, now: float
) -> Iterator[events.Action]:
    """Check the files of a stage that is done, or assign a task."""
    yield from completion.check_stage(job, workers)
    yield from assign_next(job, workers, now)
    # Fail instead of waiting for ever for a suitable Worker.
    if workers.all_passed_over:
        yield from endings.abort_job(job, workers, (
            f"no living Worker knows {max(job.needed_capabilities)}, "
            "which options of this job need: start mapreduce-worker of "
            "this version"))


def assign_next(
    job: Job, workers: Workers, now: float
) -> Iterator[events.Action]:
    """Assign one waiting task to a ready Worker, if there are both.

    Only one, because the outcome of sending it decides which Worker gets the
    next one. A Worker that does not accept the tasks of this job is passed
    over; a Worker whose capabilities are not known is probed first. If no
    task waits, one that is slow gets a backup attempt.
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
        yield _assign(job, workers, task_id, worker, now)
        return
    yield from _back_up(job, workers, now)


def _assign(
    job: Job, workers: Workers, task_id: int, worker: RemoteWorker,
    now: float,
) -> events.Send:
    task = job.assign(task_id, worker.address, now)
    if worker.token:
        task = dataclasses.replace(
            task, token=worker.token, job_id=job.job_id)
    workers.assign(worker, task_id, now)
    LOGGER.info("Assigned task to Worker %r %r", task, worker)
    return events.Send(worker, task)


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


def _back_up(
    job: Job, workers: Workers, now: float
) -> Iterator[events.Action]:
    """Begin one backup attempt, if a task is slow and a Worker is idle."""
    wanted = (job.submission.reduce_speculative if job.stage is Stage.REDUCE
              else job.submission.map_speculative)
    if not wanted or workers.first_ready() is None:
        return
    failed_on = job.tasks.failed_on
    for task_id in job.tasks.pace.slow(now):
        # The attempts at a task must not be more than the user allows.
        if len(failed_on(task_id)) + 2 > job.max_attempts:
            continue
        yield from _probe(workers, [
            *_holders(job, workers, task_id), *workers.ready])
        if worker := _suited(job, workers, task_id):
            LOGGER.info("%s task %d is slow: it gets a backup attempt",
                        job.stage.value.capitalize(), task_id)
            yield _assign(job, workers, task_id, worker, now)
            return


def _suited(
    job: Job, workers: Workers, task_id: int
) -> RemoteWorker | None:
    """Return the idle Worker that gets a backup attempt, if one suits.

    Whichever attempt is not needed must be cancelled: both Workers must know
    that message.
    """
    def knows(worker: RemoteWorker, names: set[str]) -> bool:
        return names <= (workers.message_types(worker) or frozenset())

    if not all(knows(holder, {CANCEL})
               for holder in _holders(job, workers, task_id)):
        return None
    needed = {CANCEL, *job.needed_capabilities}
    avoided = job.tasks.failed_on(task_id)
    return next((worker for worker in workers.ready
                 if worker.address not in avoided
                 and knows(worker, needed)), None)


def _holders(
    job: Job, workers: Workers, task_id: int
) -> Iterator[RemoteWorker]:
    for address in job.tasks.holders(task_id):
        if worker := workers.get(address):
            yield worker


def _probe(
    workers: Workers, involved: Iterable[RemoteWorker]
) -> Iterator[events.ProbeCapabilities]:
    """Ask each Worker once whose capabilities are not known."""
    # Unlike before a task, it is not passed over: it may do any other one.
    for worker in involved:
        if not worker.was_asked and workers.message_types(worker) is None:
            worker.was_asked = True
            yield events.ProbeCapabilities(worker)
