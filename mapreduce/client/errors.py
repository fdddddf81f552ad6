"""Define the errors of client commands, with their exit codes.

Each is shown as one line on standard error, without a traceback.
"""
from __future__ import annotations

import click

from mapreduce.display import text


def option_of(field: str, otherwise: str, is_long: bool = False) -> str:
    """Return a name of this command's option for a field of the job.

    It is the shortest one, or the longest.
    """
    context = click.get_current_context(silent=True)
    for option in context.command.params if context else ():
        if option.name == field:
            return sorted(option.opts, key=len)[-1 if is_long else 0]
    return otherwise


class JobFailed(click.ClickException):
    """The job failed or was cancelled, or it ended before a cancel."""

    exit_code = 1


class UsageError(click.ClickException):
    """An argument can't be used; the line says what to do."""

    exit_code = 2

    def __init__(self, message: str) -> None:
        """Use a message that may contain names of the user's files."""
        # Control characters in a name could change the terminal.
        super().__init__(text.clean(message))


class UnknownJob(click.ClickException):
    """The Manager has no job with the given id."""

    exit_code = 2


class NoManager(click.ClickException):
    """No Manager can be reached, or it can't answer."""

    exit_code = 3


class NotReceived(NoManager):
    """The Manager has not read yet what it was sent; it still may."""


class Interrupted(KeyboardInterrupt):
    """The client received a signal to end; the exit code is 128 + its number.

    `note` is printed for the user. As a KeyboardInterrupt it passes through
    `except Exception`.
    """

    def __init__(self, number: int) -> None:
        """Keep the number of the signal."""
        super().__init__()
        self.number = number
        self.note = ""


class NoSpark(click.ClickException):
    """Spark can't be started, or its master can't be reached."""

    exit_code = 3
