"""Decide who does what next. No sockets, files, threads, locks or clocks.

Like the Manager's Scheduler: an event comes in, actions go out, and what comes
of an action is an event. A Worker is known by its process id. It has its ack
before its registration is an event here.
"""
from __future__ import annotations

import dataclasses
import itertools
import logging
from collections.abc import Iterator
from typing import NamedTuple

from mapreduce.manager.scheduling import events
from mapreduce.manager.scheduling.remote_worker import RemoteWorker
from mapreduce.manager.scheduling.workers import Workers
from mapreduce.protocol import messages_2017 as messages
from mapreduce.protocol.messages import MasterJobMessage, ShutdownMessage
from mapreduce.spec2017.plan import NO_TIME, Job, Profile, Step, Steps

LOGGER = logging.getLogger(__name__)

WORKER_TIMEOUT = 10.0  # seconds of silence: five heartbeats
MAX_LOSSES = 4  # Workers that die over a task; then it is taken for the cause

# A Worker sent a status. The paths are the files of the task that it holds
# (see task_of), or None if they are not all there.
Reported = NamedTuple(
    "Reported", [("pid", int), ("paths", list[str] | None)])
# What comes of a Step, perhaps later, if it is not JobBlocked.
StepDone = NamedTuple("StepDone", [("job", Job), ("paths", list[str])])
MakeFolders = NamedTuple("MakeFolders", [("job", Job)])  # or else JobBlocked

Event = (
    messages.RegisterMessage | messages.HeartbeatMessage | Reported
    | MasterJobMessage | ShutdownMessage | StepDone | events.Tick
    | events.MessageSent | events.WorkerUnreachable | events.JobBlocked
)
Action = MakeFolders | Step | events.Send | events.Exit


class Scheduler:
    """What a Master knows: its Workers, its running job, its queue."""

    def __init__(self, profile: Profile) -> None:
        """Start with no Workers and no jobs."""
        self.workers = Workers()
        self._by_pid: dict[int, RemoteWorker] = {}
        # Workers that are busy with a task of a job that has failed.
        self._stragglers: set[RemoteWorker] = set()
        self._profile = profile
        self._job_ids = itertools.count()
        self._queue: dict[int, Job] = {}
        self._running: tuple[Job, Steps] | None = None

    def task_of(self, pid: int) -> messages.TaskMessage | None:
        """Return the task of the running job that a Worker holds."""
        worker = self._by_pid.get(pid)
        if (self._running is None or worker is None
                or worker.task_id is None or worker in self._stragglers):
            return None
        return self._running[0].messages[worker.task_id]

    def handle(self, event: Event, now: float) -> list[Action]:
        """Return the actions to perform, in order, after an event.

        The time is that of a monotonic clock, in seconds.
        """
        actions = list(self._react(event, now))
        # What comes of a message is an event, and decides how to go on.
        if not any(isinstance(action, events.Send) for action in actions):
            actions += self._go_on()
        return actions

    def _react(self, event: Event, now: float) -> Iterator[Action]:
        match event:
            case Reported(pid, paths):
                yield from self._note(pid, paths)
            case MasterJobMessage():
                yield self._enqueue(event)
            case StepDone(_, paths):
                yield from self._advance(paths)
            case events.JobBlocked(job_id, reason):
                self._fail(job_id, reason)
            case ShutdownMessage():
                for worker in self.workers.living:
                    yield events.Send(worker, event)
                yield events.Exit()
            case _:
                self._note_worker(event, now)

    def _note_worker(self, event: Event, now: float) -> None:
        """Note an event that shows that a Worker lives, or is dead."""
        match event:
            case messages.RegisterMessage():
                self._register(event, now)
            case messages.HeartbeatMessage(pid) if pid in self._by_pid:
                self.workers.note_heartbeat(self._by_pid[pid], now)
            case messages.HeartbeatMessage(pid):
                LOGGER.warning("Heartbeat from unregistered Worker %d", pid)
            case events.WorkerUnreachable(worker):
                LOGGER.warning("Worker died: cannot reach %r", worker)
                self._mark_dead(worker, got_task=False)
            case events.Tick():
                for worker in self.workers.silent_since(now - WORKER_TIMEOUT):
                    LOGGER.warning("Worker died: no heartbeat from %r", worker)
                    self._mark_dead(worker)

    def _go_on(self) -> Iterator[Action]:
        """Start a job, or assign a task, if that can be done now."""
        if not self._running and self._queue and self.workers.any_alive:
            job = self._queue.pop(min(self._queue))
            LOGGER.info("Started job %d", job.job_id)
            self._running = job, job.steps(lambda: (
                len(self.workers.living) - len(self.workers.busy)))
            yield from self._advance()
        worker = self.workers.first_ready()
        if self._running and worker:
            yield from self._assign(self._running[0], worker)

    def _assign(self, job: Job, worker: RemoteWorker) -> Iterator[Action]:
        for task_id in list(job.tasks.waiting(1)):
            [pid] = [pid for pid, its in self._by_pid.items() if its is worker]
            task = dataclasses.replace(job.messages[task_id], worker_pid=pid)
            job.tasks.assign(task_id, worker.address, NO_TIME)
            self.workers.assign(worker, task_id, NO_TIME)
            LOGGER.info("Assigned task to Worker %r %r", task, worker)
            yield events.Send(worker, task)

    def _register(
        self, message: messages.RegisterMessage, now: float
    ) -> None:
        """Add a Worker; remove any other with its process id or port."""
        pid = message.worker_pid
        address = message.worker_host, message.worker_port
        for worker in (self._by_pid.get(pid), self.workers.get(address)):
            if worker:
                self._mark_dead(worker)
        self._by_pid[pid] = self.workers.register(address, now)
        LOGGER.info("Registered Worker %d: %r", pid, self._by_pid[pid])

    def _mark_dead(self, worker: RemoteWorker, got_task: bool = True) -> None:
        task_id = self.workers.mark_dead(worker)
        if worker in self._stragglers:
            self._stragglers.remove(worker)
        elif self._running and task_id is not None and got_task:
            self._requeue(self._running[0], task_id, worker)
        elif self._running and task_id is not None:
            self._running[0].tasks.put_back(task_id, NO_TIME)

    def _requeue(self, job: Job, task_id: int, worker: RemoteWorker) -> None:
        """Give a task to another Worker, or give it up after a few."""
        lost = job.tasks.requeue_lost(task_id, worker.address, NO_TIME)
        if len(lost) >= MAX_LOSSES:
            self._fail(job.job_id, (
                f"{len(lost)} Workers died over a task or did not make its "
                f"files; their logs say why: {job.messages[task_id]!r}"))

    def _enqueue(self, submission: MasterJobMessage) -> MakeFolders:
        job = Job(next(self._job_ids), submission, self._profile)
        LOGGER.info("Received job %d: %r", job.job_id, submission)
        self._queue[job.job_id] = job
        return MakeFolders(job)

    def _advance(self, paths: list[str] | None = None) -> Iterator[Action]:
        """Continue the running job with what its last step made."""
        assert self._running
        job, steps = self._running
        try:
            step = next(steps) if paths is None else steps.send(paths)
        except StopIteration:
            LOGGER.info("Finished job %d", job.job_id)
            self._running = None
            return
        if not isinstance(step, list):
            yield step
            return
        job.begin(step)
        if not step:
            yield from self._advance([])

    def _fail(self, job_id: int, reason: str) -> None:
        """Go on without a job; the tasks of it that run are of no use."""
        LOGGER.error("Job %d failed: %s", job_id, reason)
        if self._queue.pop(job_id, None) is None:
            self._running = None
            self._stragglers.update(self.workers.busy)

    def _note(self, pid: int, paths: list[str] | None) -> Iterator[Action]:
        worker = self._by_pid.get(pid)
        if worker is None or worker.task_id is None:
            LOGGER.info("Ignored a status: Worker %d holds no task", pid)
            return
        task_id = worker.task_id
        self.workers.release(worker)
        if worker in self._stragglers:
            self._stragglers.remove(worker)
        elif self._running and paths is None:
            LOGGER.warning("%r has not made all files of its task", worker)
            self._requeue(self._running[0], task_id, worker)
        elif self._running and self._running[0].finish(task_id, paths or []):
            yield from self._advance(self._running[0].outputs)
