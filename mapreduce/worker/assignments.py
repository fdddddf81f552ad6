"""Keep the tasks that a Worker has received and not yet ended.

No task is done here; only its output directory is opened. A lock protects the
state:

    listener          receive, cancel, reopen, finish_first
    main thread       work_on, close
    any thread        close, when it finds that the Manager is lost
    signal handlers   terminate, which takes no lock
"""
from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
from collections.abc import Iterator
from typing import Any

from mapreduce.protocol.messages import CancelMessage
from mapreduce.worker.errors import TaskInterrupted
from mapreduce.worker.output import OutputDirectory
from mapreduce.worker.processes.interruption import Interruption

LOGGER = logging.getLogger(__name__)

MAX_ASSIGNMENTS = 100  # tasks; a Manager sends one at a time


@dataclasses.dataclass(eq=False)
class Assignment:
    """A task that was received, and whether it is still needed."""

    task: Any  # a message of the dialect, with an output_directory
    output: OutputDirectory | None  # None: it is opened when its turn comes.
    void: bool  # The Manager has requeued it and expects no outcome.
    cancelled: bool = False  # The Manager expects the outcome "cancelled".
    hopeless: bool = False  # Another attempt would fail in the same way.


class Assignments:
    """The queue of a Worker and its current task.

    When a Worker registers again, the Manager requeues its tasks, so all of
    them become void. A task that arrives before the new registration is
    acknowledged was sent to the old one, and is void from the start.
    """

    # A subclass may take more: then an open directory for each is too much.
    max_assignments = MAX_ASSIGNMENTS
    opens_output = True

    def __init__(self, interruption: Interruption) -> None:
        """Start empty; the interruption ends the current task."""
        # Set by signal handlers; never unset.
        self.terminated = False
        self.num_received = 0
        self._interruption = interruption
        self._lock = threading.Lock()
        self._assignments: list[Assignment] = []
        self._current: Assignment | None = None
        self._closed = False

    def receive(self, task: Any) -> Assignment | None:
        """Add a task and return it; None if there are too many.

        Its output directory is opened now.
        """
        with self._lock:
            # Only against a faulty Manager: each task holds a descriptor.
            if len(self._assignments) >= self.max_assignments:
                LOGGER.warning("Ignored a task: too many wait already")
                return None
            self.num_received += 1
            output = (OutputDirectory(task.output_directory)
                      if self.opens_output else None)
            assignment = Assignment(task, output, self._closed)
            self._assignments.append(assignment)
        return assignment

    def cancel(self, message: CancelMessage) -> None:
        """Cancel a task, waiting or current."""
        with self._lock:
            for assignment in self._assignments:
                if _is_meant(message, assignment.task):
                    assignment.cancelled = True
                    self._interrupt(assignment)

    def close(self) -> None:
        """Make all tasks void, now and until `reopen`."""
        with self._lock:
            self._closed = True
            for assignment in self._assignments:
                assignment.void = True
                self._interrupt(assignment)

    def finish_first(self) -> None:
        """Make all tasks void except the first, which may be running."""
        # After a shutdown, a Worker ends its current task and no other.
        with self._lock:
            for assignment in self._assignments[1:]:
                assignment.void = True

    def reopen(self) -> None:
        """Accept tasks again: the new registration was acknowledged."""
        with self._lock:
            self._closed = False

    def terminate(self) -> None:
        """End the current task and start no other; for signal handlers."""
        # No lock: the handler may interrupt the code that holds it.
        self.terminated = True
        self._interruption.set()

    def _interrupt(self, assignment: Assignment) -> None:
        if assignment is self._current:
            self._interruption.set()

    @contextlib.contextmanager
    def work_on(self, assignment: Assignment) -> Iterator[None]:
        """Make a task the current one; remove it at the end of the block.

        Raises TaskInterrupted if it is void or cancelled.
        """
        with self._lock:
            self._current = assignment
            is_needed = not (assignment.cancelled or assignment.void)
        try:
            if not is_needed or self.terminated:
                raise TaskInterrupted
            yield
        finally:
            with self._lock:
                self._current = None
                self._assignments.remove(assignment)
                # Under the lock: otherwise `cancel` could set it for this task
                # after it was cleared, and so end the next one.
                self._interruption.clear()
            if assignment.output:
                assignment.output.close()


def _is_meant(message: CancelMessage, task: Any) -> bool:
    """Return whether a message cancels a task, not one of another job."""
    # Without a secret, another Manager may have fields of its own there.
    return message.task_id == task.task_id and (
        task.token is None or message.token is None
        or (message.token, message.job_id) == (task.token, task.job_id))
