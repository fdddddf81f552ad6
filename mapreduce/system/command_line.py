"""Provide what all commands of this project share, clients and daemons."""
from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Iterable
from typing import Any

import click


def accept_signals(numbers: Iterable[signal.Signals]) -> list[signal.Signals]:
    """Unblock ending signals; return those that this process is to handle.

    What the parent ignores stays ignored, except SIGTERM: nohup does so with
    SIGHUP, and a script with the SIGINT of what it starts in the background.
    """
    numbers = list(numbers)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)
    return [number for number in numbers
            if number is signal.SIGTERM
            or signal.getsignal(number) is not signal.SIG_IGN]


def check_host(
    _context: click.Context, _option: click.Parameter, host: str
) -> str:
    """Return a host; refuse an empty one, which means all addresses."""
    if not host:
        raise click.BadParameter("a host has no empty name")
    return host


class CommandLine(click.Command):
    """A command that shows no traceback if its output can't be written."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command as the whole program; exit with its code."""
        try:
            return super().main(*args, **kwargs)
        except OSError as error:
            if error.errno == errno.EPIPE:  # Click has handled it.
                raise
            click.echo(f"Error: cannot write the output: "
                       f"{error.strerror or error}", err=True)
            _drop_output()
            sys.exit(1)


def check_working_directory() -> None:
    """Raise click.ClickException if the working directory was deleted."""
    try:
        os.getcwd()
    except FileNotFoundError as error:
        raise click.ClickException(
            "the working directory is gone; cd to one that exists"
        ) from error


def _drop_output() -> None:
    """Discard the buffer of standard output."""
    # Python would write it when it ends, fail again, and show a traceback.
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
