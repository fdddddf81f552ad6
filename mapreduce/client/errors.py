"""How a command can fail: one class for each exit code of the clients."""
from __future__ import annotations

import click

from mapreduce.display import text


class JobFailed(click.ClickException):
    """The job failed or was cancelled; or it can't be, for it has ended."""

    exit_code = 1


class UsageError(click.ClickException):
    """What the user named can't be used; one line says what to do."""

    exit_code = 2

    def __init__(self, message: str) -> None:
        """Show nothing that a terminal might obey."""
        super().__init__(text.clean(message))


class UnknownJob(click.ClickException):
    """The user named a job that the Manager doesn't know."""

    exit_code = 2


class NoManager(click.ClickException):
    """No Manager can be reached, or it is one that can't answer."""

    exit_code = 3


class Interrupted(KeyboardInterrupt):
    """A signal asks the client to end, with exit code 128 + its number.

    The note is printed for the user.
    """

    def __init__(self, number: int) -> None:
        """Keep the number of the signal."""
        super().__init__()
        self.number = number
        self.note = ""
