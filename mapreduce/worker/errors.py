"""Define the errors with which a task can end."""
from __future__ import annotations


class TaskError(Exception):
    """A task can't be done; the text, for the user, says why."""


class TaskInterrupted(Exception):
    """A task was ended from outside, by a cancel or the Worker's end."""
