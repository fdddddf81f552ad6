"""A Worker as the Manager sees it."""
from __future__ import annotations

import enum

from mapreduce.utils.messages import Address
from mapreduce.utils.status import WorkerStatus, WorkerTask


class State(enum.Enum):
    """What can be said of a Worker."""

    READY = "ready"
    BUSY = "busy"
    DEAD = "dead"


class RemoteWorker:
    """One registration of a Worker: its state, its task, its last sign.

    A Worker that registers again is a new RemoteWorker, so that nothing of
    its past clings to it.
    """

    def __init__(
        self, address: Address, registration: int, now: float
    ) -> None:
        """Register a Worker, ready, at a time in seconds.

        The registrations of all Workers are numbered in their order.
        """
        self.address = address
        self.registration = registration
        self.last_heard = now
        self.task_id: int | None = None
        self.tasks_done = 0
        self.tasks_failed = 0
        self._dead = False

    def __repr__(self) -> str:
        """Return, e.g., RemoteWorker('localhost', 6001)."""
        host, port = self.address
        return f"RemoteWorker({host!r}, {port!r})"

    @property
    def state(self) -> State:
        """Ready, busy with the task task_id, or dead."""
        if self._dead:
            return State.DEAD
        return State.READY if self.task_id is None else State.BUSY

    def die(self) -> int | None:
        """Be dead for ever; return the id of the task that it held."""
        self._dead = True
        task_id, self.task_id = self.task_id, None
        return task_id

    def status(self, job_id: int, stage: str, now: float) -> WorkerStatus:
        """Return what clients are told; its task is of a job and a stage."""
        task = (WorkerTask(job_id, stage, self.task_id)
                if self.task_id is not None else None)
        return WorkerStatus(
            *self.address, self.state.value, task,
            round(now - self.last_heard, 3), self.tasks_done,
            self.tasks_failed)
