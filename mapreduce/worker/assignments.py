"""The tasks that a Worker has received and not ended.

Any thread may use them. The listener adds tasks, and cancels what the Manager
no longer wants; the thread that does the tasks asks what became of them. No
task is done here; only its output directory is opened.
"""
from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
from collections.abc import Iterator

from mapreduce.protocol.messages import TaskMessage
from mapreduce.worker.errors import TaskInterrupted
from mapreduce.worker.output import OutputDirectory
from mapreduce.worker.processes.interruption import Interruption

LOGGER = logging.getLogger(__name__)

MAX_ASSIGNMENTS = 100  # tasks; a Manager sends one at a time


@dataclasses.dataclass(eq=False)
class Assignment:
    """A task that was received, and whether its result is still wanted."""

    task: TaskMessage
    output: OutputDirectory
    void: bool  # The Manager gave it up; nothing may be reported.
    cancelled: bool = False  # The Manager waits to hear that it has ended.


class Assignments:
    """What a Worker has to do.

    A Worker that registers again has lost its tasks: the Manager gives them
    to others. What comes before that registration is acknowledged was sent to
    the Worker of before, and is void from the start.
    """

    def __init__(self, interruption: Interruption) -> None:
        """Start empty; the interruption ends the current task."""
        self.terminated = False
        self.num_received = 0
        self._interruption = interruption
        self._lock = threading.Lock()
        self._assignments: list[Assignment] = []
        self._current: Assignment | None = None
        self._closed = False

    def receive(self, task: TaskMessage) -> Assignment | None:
        """Put a task on the desk, or drop it if there are far too many.

        Its output directory is opened now: if another one gets this name
        before the task has ended, the task must not reach into that.
        """
        with self._lock:
            if len(self._assignments) >= MAX_ASSIGNMENTS:
                LOGGER.warning("Ignored a task: too many wait already")
                return None
            self.num_received += 1
            assignment = Assignment(
                task, OutputDirectory(task.output_directory), self._closed)
            self._assignments.append(assignment)
        return assignment

    def cancel(self, task_id: int) -> None:
        """End a task that the Manager no longer wants."""
        with self._lock:
            for assignment in self._assignments:
                if assignment.task.task_id == task_id:
                    assignment.cancelled = True
                    self._interrupt(assignment)

    def close(self) -> None:
        """End all tasks, and take no more until reopened."""
        with self._lock:
            self._closed = True
            for assignment in self._assignments:
                assignment.void = True
                self._interrupt(assignment)

    def finish_first(self) -> None:
        """Give up all tasks but the first, which runs or is about to."""
        with self._lock:
            for assignment in self._assignments[1:]:
                assignment.void = True

    def reopen(self) -> None:
        """Take tasks again: the Manager knows that the desk is empty."""
        with self._lock:
            self._closed = False

    def terminate(self) -> None:
        """End the current task for good; signal handlers may call this."""
        self.terminated = True
        self._interruption.set()

    def _interrupt(self, assignment: Assignment) -> None:
        if assignment is self._current:
            self._interruption.set()

    @contextlib.contextmanager
    def work_on(self, assignment: Assignment) -> Iterator[None]:
        """Make a task the current one, and take it off the desk at the end.

        Raises TaskInterrupted if it is not wanted any more.
        """
        with self._lock:
            self._current = assignment
            wanted = not (assignment.cancelled or assignment.void)
        try:
            if not wanted or self.terminated:
                raise TaskInterrupted
            yield
        finally:
            with self._lock:
                self._current = None
                self._assignments.remove(assignment)
                self._interruption.clear()
            assignment.output.close()
