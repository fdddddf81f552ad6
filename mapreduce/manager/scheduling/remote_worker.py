"""A Worker as the Manager sees it."""
from __future__ import annotations

from mapreduce.protocol.messages import Address
from mapreduce.protocol.status import (
    Stage,
    WorkerState,
    WorkerStatus,
    WorkerTask,
)


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
    def state(self) -> WorkerState:
        """Ready, busy with the task task_id, or dead."""
        if self._dead:
            return WorkerState.DEAD
        return WorkerState.READY if self.task_id is None else WorkerState.BUSY

    def mark_dead(self) -> int | None:
        """Be dead for ever; return the id of the task that it held."""
        self._dead = True
        task_id, self.task_id = self.task_id, None
        return task_id

    def status(
        self, running: tuple[int, Stage] | None, now: float
    ) -> WorkerStatus:
        """Return what clients are told.

        The task that it has, if any, is of the running job: its id and stage.
        """
        task = (WorkerTask(*running, self.task_id)
                if running and self.task_id is not None else None)
        return WorkerStatus(
            *self.address, self.state, task,
            round(now - self.last_heard, 3), self.tasks_done,
            self.tasks_failed)
