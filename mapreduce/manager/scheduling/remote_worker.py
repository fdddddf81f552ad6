"""Keep what the Manager knows about one registered Worker. Pure.

    READY --assign--> BUSY --release--> READY
    READY or BUSY --mark_dead--> DEAD, for ever

Only workers.Workers changes the state, because its indexes depend on it.
"""
from __future__ import annotations

import dataclasses

from mapreduce.protocol.messages import Address
from mapreduce.protocol.status import (
    Stage,
    WorkerState,
    WorkerStatus,
    WorkerTask,
)


@dataclasses.dataclass(eq=False, repr=False)
class _Registration:
    address: Address
    registration: int
    token: str | None  # None without a secret


class RemoteWorker(_Registration):
    """One registration of a Worker, with its state and its task.

    A Worker that registers again is a new RemoteWorker. So an event about the
    old registration, which may come late, can't change the new one.
    """

    def __init__(
        self, address: Address, registration: int, now: float,
        token: str | None = None,
    ) -> None:
        """Start as ready; `now` is in seconds, of a monotonic clock.

        `registration` is the number of the registration among those of all
        Workers. With a secret, its messages carry the token.
        """
        super().__init__(address, registration, token)
        self.last_seen = now  # its registration or its last heartbeat
        # Of the running job and its current stage; None unless busy. A
        # `finished` counts only if it names this task.
        self.task_id: int | None = None
        self.was_silent = False  # … already when it got that task
        self.tasks_done = 0
        self.tasks_failed = 0
        # Whether it was asked for its capabilities before it gets a backup.
        self.was_asked = False
        self._dead = False

    def __repr__(self) -> str:
        """Return, e.g., RemoteWorker('localhost', 6001)."""
        host, port = self.address
        return f"RemoteWorker({host!r}, {port!r})"

    @property
    def state(self) -> WorkerState:
        """The state, derived from the task, so that both always agree."""
        if self._dead:
            return WorkerState.DEAD
        return WorkerState.READY if self.task_id is None else WorkerState.BUSY

    def mark_dead(self) -> int | None:
        """Mark this registration dead; return the task id that it held."""
        self._dead = True
        task_id, self.task_id = self.task_id, None
        return task_id

    def status(
        self, running: tuple[int, Stage] | None, now: float
    ) -> WorkerStatus:
        """Return the record for clients.

        `running` is the id of the running job and its stage, to which the
        task of a busy Worker belongs.
        """
        task = (WorkerTask(*running, self.task_id)
                if running and self.task_id is not None else None)
        return WorkerStatus(
            *self.address, self.state, task,
            round(now - self.last_seen, 3), self.tasks_done,
            self.tasks_failed)
