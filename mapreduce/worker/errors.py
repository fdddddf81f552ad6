"""Define the errors with which a task can end."""
from __future__ import annotations


class TaskError(Exception):
    """A task can't be done; the text, for the user, says why."""


class BadInput(TaskError):
    """An input file can't be read, or is damaged or not complete."""


class ExecutableDied(TaskError):
    """A process has exited with a code that is a failure, or by a signal."""


class TooManyBadRecords(TaskError):
    """A task has more bad records than its job may skip.

    Another attempt would fail in the same way.
    """


class TaskInterrupted(Exception):
    """A task was ended from outside, by a cancel or the Worker's end."""
