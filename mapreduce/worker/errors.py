"""How a task can end without a result."""
from __future__ import annotations


class TaskError(Exception):
    """A task can't be done; the text tells the job's owner why."""


class TaskInterrupted(Exception):
    """A task is to end at once, done or not."""
