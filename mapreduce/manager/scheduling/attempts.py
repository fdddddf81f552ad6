"""Keep the attempts at one task, and what is known of the task. Pure.

Only the module tasks changes a record.
"""
from __future__ import annotations

import dataclasses

from mapreduce.protocol.messages import Address
from mapreduce.protocol.status import (
    AttemptState,
    AttemptStatus,
    WorkerAddress,
)


# By identity, since two may have the same content.
@dataclasses.dataclass(slots=True, eq=False)
class Attempt:
    """An attempt at a task, by one Worker."""

    address: Address  # of the Worker
    started: float
    ended: float | None = None  # None while the attempt runs
    state: AttemptState = AttemptState.RUNNING
    is_backup: bool = False

    def end(self, state: AttemptState, now: float) -> None:
        """Note how the attempt ended, and when."""
        self.state = state
        self.ended = now

    def status(self, start: float) -> AttemptStatus:
        """Return the record for clients; `start` is when the job started."""
        return AttemptStatus(
            WorkerAddress(*self.address), self.state,
            round(self.started - start, 3),
            None if self.ended is None else round(self.ended - start, 3),
            self.is_backup)


@dataclasses.dataclass(slots=True)
class _Failures:
    reason: str | None = None  # of the last failure
    is_fatal: bool = False  # whether it made the job fail
    failed_on: list[Address] = dataclasses.field(default_factory=list)
    # The Workers that died while they held it. These are not failures: a
    # Worker may die for reasons of its own.
    lost_with: list[Address] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True)
class Record(_Failures):
    """The history of a task that was assigned at least once."""

    # Those that were sent to a Worker; after `abort`, also one that was not.
    history: list[Attempt] = dataclasses.field(default_factory=list)
    message: str | None = None  # the last status line of its executable
    is_counted: bool = False  # whether counters of it were added
    # The records and bytes that it read, if its Worker counted them.
    input: tuple[int | None, int | None] = (None, None)

    @property
    def attempt(self) -> Attempt:
        """The attempt that is done, or one that runs, or the last one."""
        if len(self.history) == 1:  # As almost always.
            return self.history[0]
        return next((
            attempt for state in (AttemptState.DONE, AttemptState.RUNNING)
            for attempt in self.history if attempt.state is state),
            self.history[-1])

    @property
    def is_running(self) -> bool:
        """Whether an attempt runs, also at a task that is done."""
        # Not by `any`: a job may have 100,000 tasks.
        for attempt in self.history:
            if attempt.ended is None:
                return True
        return False

    def at(self, address: Address | None) -> Attempt:
        """Return the last attempt of a Worker; None: of the one that has it.

        Raises LookupError if there is none.
        """
        if address is None:
            return self.attempt
        return [attempt for attempt in self.history
                if attempt.address == address][-1]

    def history_status(self, start: float) -> tuple[AttemptStatus, ...]:
        """Return the records of all attempts; none if one is enough.

        `start` is when the job started.
        """
        if len(self.history) == 1 and self.attempt.state in (
                AttemptState.RUNNING, AttemptState.DONE):
            return ()
        return tuple(attempt.status(start) for attempt in self.history)
