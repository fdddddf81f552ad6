"""What the commands of the daemons share: options, log, signals, errors."""
from __future__ import annotations

import contextlib
import dataclasses
import errno
import functools
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import click

from mapreduce.system.command_line import check_working_directory
from mapreduce.utils import network

Command = TypeVar("Command", bound=Callable[..., Any])

# The life of a daemon: runs it on a port, and calls the function once the
# daemon listens there. Raises OSError if it can't.
Serve = Callable[[int, Callable[[], None]], object]

# What ends a daemon, with exit code 0 and nothing left behind.
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

LEVELS = ("debug", "info", "warning", "error", "critical")

PORT = click.IntRange(1, 65535)
PORT_OR_ANY = click.IntRange(0, 65535)
PORT_TRIES = 10  # ports found free that somebody else then was faster to take


@dataclasses.dataclass(frozen=True)
class Options:
    """What the user wants of a daemon, whichever it is."""

    host: str
    port: int  # 0: any that is free
    logfile: str | None
    loglevel: str
    end_with_stdin: bool


def options(default_port: int) -> Callable[[Command], Command]:
    """Add the options that make up Options to a command, and --version."""
    def decorate(command: Command) -> Command:
        for option in reversed((
            click.option("--host", default="localhost", show_default=True,
                         help="Address to listen on."),
            click.option("--port", default=default_port, show_default=True,
                         type=PORT_OR_ANY, help="Port to listen on; 0 takes "
                         "a free one, and prints it."),
            click.option("--logfile", type=click.Path(dir_okay=False),
                         help="Append the log to this file instead of "
                         "standard error."),
            click.option("--loglevel", default="info", show_default=True,
                         type=click.Choice(LEVELS, case_sensitive=False),
                         help="Log this and what is more important."),
            click.option("--end-with-stdin", is_flag=True, hidden=True),
            click.version_option(package_name="mapreduce"),
        )):
            command = option(command)
        return command
    return decorate


def run(name: str, wanted: Options, serve: Serve) -> None:
    """Run a daemon, as its command, from start to end.

    Its log lines begin with the name and the port. An ending signal ends it
    with code 0, also before the daemon sees to signals itself. An OSError
    becomes a line for the user.
    """
    for number in ENDING_SIGNALS:
        signal.signal(number, lambda *_: sys.exit(0))
    check_working_directory()
    # Whoever ignores it can't wait for child processes.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    tries = 1 if wanted.port else PORT_TRIES
    while not _runs(name, wanted, serve):
        tries -= 1
        if not tries:
            raise click.ClickException(
                f"port {wanted.port} is in use" if wanted.port
                else "every port that was tried is in use")


def _runs(name: str, wanted: Options, serve: Serve) -> bool:
    """Run a daemon to its end; tell whether its port was free."""
    try:
        port = wanted.port or network.free_port(wanted.host)
        _configure_log(f"{name}:{port}", wanted)
        serve(port, functools.partial(_greet, port, wanted))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        raise click.ClickException(
            f"cannot run on {wanted.host}:{wanted.port}: "
            f"{error.strerror or error}") from error
    return True


def _configure_log(name: str, wanted: Options) -> None:
    try:
        configure_log(name, wanted.loglevel, wanted.logfile)
    except OSError as error:
        raise click.ClickException(
            f"cannot write the log: {error}") from error


def _greet(port: int, wanted: Options) -> None:
    """Do what is due when the daemon listens on its port."""
    if not wanted.port:
        click.echo(port)
    if wanted.end_with_stdin:
        # Of the process, not of the daemon: nobody can join it, as it may
        # wait in its read for ever.
        threading.Thread(target=_end_with_stdin, daemon=True).start()


def _end_with_stdin() -> None:
    """Wait for the end of standard input, then end this process politely."""
    with contextlib.suppress(OSError):  # It was closed from the start.
        while os.read(0, 4096):
            pass
    # To that thread, so that it hears it while it waits for something.
    ident = threading.main_thread().ident
    assert ident is not None
    signal.pthread_kill(ident, signal.SIGTERM)


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


def configure_log(name: str, level: str, logfile: str | None = None) -> None:
    """Log lines like ``Worker:6001 [INFO] Received task …`` from now on.

    The name is what stands before the level; the level is one of logging's
    names, in any case. Raises OSError if the file can't be written.
    """
    # A log may name files that are no UTF-8: they must not break it.
    handler = (
        logging.FileHandler(
            logfile, encoding="utf-8", errors="backslashreplace")
        if logfile else logging.StreamHandler()
    )
    handler.setFormatter(logging.Formatter(
        name.replace("%", "%%") + " [%(levelname)s] %(message)s"))
    # In place of one that another call has set.
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
