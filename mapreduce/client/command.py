"""What all client commands share: exit codes, signals, a few options.

A client prints results on standard output and talk on standard error. It
exits with 0 when it is done, 1 when the job failed or was cancelled, 2 when it
was used wrongly, 3 when there is no Manager that answers, 130 on Ctrl-C,
143 on SIGTERM and 129 on SIGHUP.
"""
from __future__ import annotations

import atexit
import contextlib
import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import IO, Any, NoReturn, TypeVar

import click

from mapreduce.client.errors import Interrupted
from mapreduce.system.command_line import CommandLine

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

NO_WORKER = "No Worker lives; mapreduce-worker starts one"
MAX_WORKERS = 1_000  # of mapreduce-run
PORT = click.IntRange(1, 65535)
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Command(CommandLine):
    """A command that ends on signals with their exit code and no traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; its process ends soon after."""
        _handle_signals(_interrupt)
        try:
            result = super().invoke(ctx)
            ignore_signals()
        except OSError as error:
            if error.errno == errno.EPIPE:  # Click ends quietly.
                raise
            raise click.ClickException(
                f"cannot go on: {error.strerror or error}") from error
        except Interrupted as interrupted:
            with contextlib.suppress(OSError):  # The terminal may be gone.
                if interrupted.note:
                    click.echo(interrupted.note, err=True)
            ctx.exit(128 + interrupted.number)
        return result


class JobCommand(Command):
    """A command whose options take what a shell expands, or splits."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the arguments; tell whose words they may be."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            if "unexpected extra argument" not in error.message:
                raise
            raise click.UsageError(
                f"{error.message}; quote a pattern, and a command with its "
                "arguments", error.ctx) from error


def _interrupt(number: int, _: object) -> NoReturn:
    """Raise Interrupted at the first of the signals, once."""
    ignore_signals()
    raise Interrupted(number)


def ignore_signals() -> None:
    """Let no signal end this process any more: what is done stays done.

    Not by SIG_IGN, which child processes would inherit. But at its end Python
    removes its handlers some milliseconds before the process is gone: then
    there are no more children, and SIG_IGN it is.
    """
    _handle_signals(lambda number, frame: None)
    atexit.register(_handle_signals, signal.SIG_IGN)


def _handle_signals(
    handle: Callable[[int, Any], object] | signal.Handlers
) -> None:
    """Have all signals that end a client handled in one way.

    What the caller ignores stays ignored, as nohup wants it.
    """
    for number in SIGNALS:
        if number is signal.SIGTERM or (
                signal.getsignal(number) != signal.SIG_IGN):
            signal.signal(number, handle)


@contextlib.contextmanager
def postponed_signals() -> Iterator[None]:
    """Have signals that end a client wait until the end of the block."""
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    came: list[int] = []
    _handle_signals(lambda number, frame: came.append(number))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if came:
        signal.raise_signal(came[0])


def manager_options(command: Decorated) -> Decorated:
    """Add the options that name the Manager."""
    for option in (
        click.option("-p", "--port", default=6000, show_default=True,
                     type=PORT,
                     help="Port of the Manager."),
        click.option("-h", "--host", default="localhost", show_default=True,
                     help="Address of the Manager."),
    ):
        command = option(command)
    return command


def common_options(command: Decorated) -> Decorated:
    """Add the options --quiet and --version."""
    for option in (
        click.version_option(package_name="mapreduce"),
        click.option("--quiet", is_flag=True, help="Print nothing but "
                     "results and errors."),
    ):
        command = option(command)
    return command


def workers_option(command: Decorated) -> Decorated:
    """Add the option --workers."""
    return click.option(
        "--workers", metavar="N", type=click.IntRange(1, MAX_WORKERS),
        help="Number of Workers, and so of tasks at a time.  "
        "[default: the cores]")(command)


def is_terminal(stream: IO[str]) -> bool:
    """Tell whether a stream is a terminal on which one can draw."""
    # A stream that was closed from the start is None.
    return (bool(stream) and stream.isatty()
            and os.environ.get("TERM", "dumb") not in ("dumb", "unknown"))


def print_text(text: str) -> None:
    """Print a result on standard output, whatever characters it has."""
    encoding = sys.stdout.encoding or "utf-8"
    click.echo(text.encode(encoding, "backslashreplace"))
