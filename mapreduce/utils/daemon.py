"""What the commands of the daemons share: options, log, signals, errors."""
from __future__ import annotations

import contextlib
import errno
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import click

from mapreduce.utils import logs

Command = TypeVar("Command", bound=Callable[..., Any])

# What ends a daemon, with exit code 0 and nothing left behind.
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

LEVELS = ("debug", "info", "warning", "error", "critical")

PORT = click.IntRange(1, 65535)


def options(default_port: int) -> Callable[[Command], Command]:
    """Add the options host, port, logfile and loglevel to a command."""
    def decorate(command: Command) -> Command:
        for option in reversed((
            click.option("--host", default="localhost", show_default=True,
                         help="Address to listen on."),
            click.option("--port", default=default_port, show_default=True,
                         type=PORT, help="Port to listen on."),
            click.option("--logfile", type=click.Path(dir_okay=False),
                         help="Append the log to this file instead of "
                         "standard error."),
            click.option("--loglevel", default="info", show_default=True,
                         type=click.Choice(LEVELS, case_sensitive=False),
                         help="Log this and what is more important."),
        )):
            command = option(command)
        return command
    return decorate


@contextlib.contextmanager
def running(
    name: str, address: tuple[str, int], loglevel: str, logfile: str | None
) -> Iterator[None]:
    """Prepare this process for a daemon, and run it in the block.

    Its log lines begin with the name and the port. An ending signal ends it
    with code 0, also before the daemon sees to signals itself. An OSError
    becomes a line for the user.
    """
    host, port = address
    for number in ENDING_SIGNALS:
        signal.signal(number, lambda *_: sys.exit(0))
    # Whoever ignores it can't wait for child processes.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        logs.configure(f"{name}:{port}", loglevel, logfile)
    except OSError as error:
        raise click.ClickException(
            f"cannot write the log: {error}") from error
    try:
        yield
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise click.ClickException(f"port {port} is in use") from error
        raise click.ClickException(
            f"cannot run on {host}:{port}: {error.strerror or error}"
        ) from error


@contextlib.contextmanager
def ending_on(
    signals: tuple[signal.Signals, ...], end: Callable[[], None]
) -> Iterator[None]:
    """Call end when one of these signals comes, until the end of the block.

    It is called between any two steps of the main thread, so it may only
    leave a note where that thread will find it. After the block, the process
    is about to end anyway, and the signals are ignored.
    """
    for number in signals:
        signal.signal(number, lambda *_: end())
    try:
        yield
    finally:
        for number in signals:
            signal.signal(number, signal.SIG_IGN)
