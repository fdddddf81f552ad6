"""Provide what all commands of this project share, clients and daemons."""
from __future__ import annotations

import contextlib
import difflib
import errno
import io
import math
import os
import signal
import sys
from collections.abc import Iterable
from typing import Any, TextIO

import click


# Variables of the environment that name the Manager, for every command.
HOST_VARIABLE, PORT_VARIABLE = "MAPREDUCE_HOST", "MAPREDUCE_PORT"


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
    _context: click.Context | None, _option: click.Parameter | None, host: str
) -> str:
    """Return a host; refuse an empty one, which means all addresses."""
    if not host:
        raise click.BadParameter("a host has no empty name")
    if " " in host or not host.isprintable():
        raise click.BadParameter(f"{host!r} is no host")
    return host


SIMILARITY = 0.8  # from 0 to 1, of an option that is named in an error


class CommandLine(click.Command):
    """A command that shows no traceback if its output can't be written."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command as the whole program; exit with its code."""
        with contextlib.redirect_stderr(_without_errors(sys.stderr)):
            return self._main(*args, **kwargs)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; name only an option that is nearly the same."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            name = error.option_name
            known = [known for option in self.get_params(ctx)
                     if isinstance(option, click.Option) and not option.hidden
                     for known in option.opts if known.startswith("--")]
            near = difflib.get_close_matches(
                name, known, n=1, cutoff=SIMILARITY)
            hint = (f"; the nearest one is {near[0]}" if near
                    else "; --help shows all options")
            raise click.UsageError(
                f"there is no option {name}{hint}", ctx) from error

    def _main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().main(*args, **kwargs)
        except OSError as error:
            if error.errno == errno.EPIPE:  # Click has handled it.
                raise
            click.echo(f"Error: cannot write the output: "
                       f"{error.strerror or error}", err=True)
            drop_output()
            sys.exit(1)


class Number(click.IntRange):
    """A whole number in a range."""

    name = "integer"  # in help and errors; not "integer range"


class RealNumber(click.FloatRange):
    """A number in a range."""

    name = "number"

    def convert(
        self, value: Any, param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:
        """Return the number; fail also for nan, which no range excludes."""
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is no number", param, ctx)
        return number


class _LossyFile(io.RawIOBase):
    """A file that drops what can't be written, and raises no error.

    The terminal may be closed, the disk full, the reader of a pipe gone.
    """

    def __init__(self, descriptor: int) -> None:
        """Write to an open file; leave it open at the end."""
        super().__init__()
        self._descriptor = descriptor

    def fileno(self) -> int:
        """Return the descriptor of the file."""
        return self._descriptor

    def isatty(self) -> bool:
        """Return whether the file is a terminal."""
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        """Return True: the file is only for writing."""
        return True

    def write(self, data: Any) -> int:
        """Write some bytes; return how many were written or dropped."""
        try:
            return os.write(self._descriptor, data)
        except OSError:
            return len(data)


def _without_errors(stream: TextIO | None) -> TextIO | None:
    """Return a stream for messages to the user whose writes never fail.

    What a command tells its user must not end what it does for the user.
    """
    try:
        # None if it was closed when the process started.
        descriptor = stream.fileno() if stream else None
    except (OSError, ValueError):  # It is in memory, or was closed.
        return stream
    if stream is None or descriptor is None:
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(_LossyFile(descriptor)), encoding=stream.encoding,
        errors="backslashreplace", line_buffering=True)


def check_working_directory() -> None:
    """Raise click.ClickException if the working directory was deleted."""
    try:
        os.getcwd()
    except FileNotFoundError as error:
        raise click.ClickException(
            "the working directory is gone; cd to one that exists"
        ) from error


def drop_output() -> None:
    """Discard the buffer of standard output."""
    # Python would write it when it ends, fail again, and show a traceback.
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
