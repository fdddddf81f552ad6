"""Run a daemon as a command: its options, log, signals and errors.

Shared by mapreduce-manager and mapreduce-worker. What a daemon does is passed
in as a function; nothing here depends on which daemon it is.

Signal handlers run in the main thread. One extra thread may wait for the end
of standard input; it only sends a signal to the main thread.
"""
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

from mapreduce.protocol import codec
from mapreduce.protocol.signing import Secret
from mapreduce.system import access
from mapreduce.system.command_line import (
    Number,
    accept_signals,
    check_host,
    check_working_directory,
)
from mapreduce.system.log_limit import LogLimit
from mapreduce.utils import network

Command = TypeVar("Command", bound=Callable[..., Any])

# Runs a daemon on a port until it ends, and calls its second argument as soon
# as the daemon listens there. The third is the secret of its cluster, if there
# is one. Raises OSError if it can't listen.
Serve = Callable[[int, Callable[[], None], Secret | None], object]

# Each of them ends a daemon with exit code 0, and no file is left behind.
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

LEVELS = ("debug", "info", "warning", "error", "critical")

LOG_MODE = 0o640
INDENT = "  "  # of the further lines of an entry

PORT = Number(1, 65535)
PORT_OR_ANY = Number(0, 65535)
# Free ports to try: another process may bind one before the daemon does.
PORT_TRIES = 10


@dataclasses.dataclass(frozen=True)
class Options(access.Access):
    """The options that both daemons have."""

    host: str
    port: int  # 0: any free port
    logfile: str | None = None
    loglevel: str = "info"
    log_time: bool = False
    end_with_stdin: bool = False


def options(
    default_port: int, *own: Callable[[Any], Any], build: str = "",
    host_variable: str | None = None, port_variable: str | None = None,
) -> Callable[[Command], Command]:
    """Return a decorator that adds the fields of Options, and --version.

    The options that only one daemon has stand after its own address. The
    version is followed by `build`, e.g., " (compiled loops)". The variables of
    the environment, if any, hold other defaults.
    """
    def decorate(command: Command) -> Command:
        # Reversed: --help lists the options in the reverse order of this loop.
        for option in reversed((
            click.option("--host", default="localhost", show_default=True,
                         metavar="HOST", envvar=host_variable,
                         show_envvar=True,
                         callback=check_host, help="Address to listen on."),
            click.option("--port", default=default_port, show_default=True,
                         metavar="PORT", envvar=port_variable,
                         show_envvar=True,
                         type=PORT_OR_ANY, help="Port to listen on; with 0, "
                         "use a free port and print it."),
            *own,
            click.option("--logfile", type=click.Path(dir_okay=False),
                         help="Append the log to this file instead of "
                         "standard error."),
            click.option("--loglevel", default="info", show_default=True,
                         envvar="MAPREDUCE_LOGLEVEL", show_envvar=True,
                         type=click.Choice(LEVELS, case_sensitive=False),
                         help="Log messages of this level and above."),
            click.option("--log-time", is_flag=True,
                         help="Put the date and the time in front of each "
                         "log entry."),
            # For programs that start a daemon: it ends with its parent, even
            # if that is killed.
            click.option("--end-with-stdin", is_flag=True, hidden=True),
            access.options,
            click.version_option(
                package_name="mapreduce",
                message=f"%(prog)s, version %(version)s{build}"),
        )):
            command = option(command)
        return command
    return decorate


def run(name: str, wanted: Options, serve: Serve) -> None:
    """Run a daemon as a command, from start to end.

    Its log lines begin with the name and the port. An OSError becomes one line
    on standard error.
    """
    # Until the daemon has its own handlers, see ending_on.
    for number in accept_signals(ENDING_SIGNALS):
        signal.signal(number, lambda *_: sys.exit(0))
    check_working_directory()
    # A parent may have set it to be ignored. Then the kernel discards the exit
    # codes of child processes, and a failed task would seem to succeed.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    tries = 1 if wanted.port else PORT_TRIES
    secret = _admit(wanted)
    while not _run_once(name, wanted, secret, serve):
        tries -= 1
        if not tries:
            raise click.ClickException(
                f"port {wanted.port} is in use; choose another one"
                if wanted.port
                else "every port that was tried is in use")


def _admit(wanted: Options) -> Secret | None:
    """Return the secret of the daemon; raise click.ClickException."""
    try:
        return access.admit(wanted.host, wanted)
    except OSError as error:
        raise _cannot_run(wanted, error) from error


def _cannot_run(wanted: Options, error: OSError) -> click.ClickException:
    return click.ClickException(
        f"cannot run on {wanted.host}:{wanted.port}: "
        f"{error.strerror or error}")


def _run_once(
    name: str, wanted: Options, secret: Secret | None, serve: Serve
) -> bool:
    """Run a daemon to its end; return False if its port is in use."""
    try:
        port = wanted.port or network.free_port(wanted.host)
        _configure_log(f"{name}:{port}", wanted)
        serve(port, functools.partial(
            _note_listening, port, wanted, secret), secret)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        raise _cannot_run(wanted, error) from error
    return True


def _configure_log(name: str, wanted: Options) -> None:
    try:
        configure_log(
            name, wanted.loglevel, wanted.logfile, wanted.log_time)
    except OSError as error:
        raise click.ClickException(
            f"cannot write the log: {wanted.logfile!r}: "
            f"{error.strerror or error}") from error


def _note_listening(
    port: int, wanted: Options, secret: Secret | None
) -> None:
    access.warn_root(secret)
    # Only now: a program that reads the port may connect to it at once.
    if not wanted.port:
        click.echo(port)
    if wanted.end_with_stdin:
        # A daemon thread, which can't be joined: its read may never return.
        threading.Thread(target=_end_with_stdin, daemon=True).start()


def _end_with_stdin() -> None:
    """Wait for the end of standard input, then end this process by SIGTERM."""
    with contextlib.suppress(OSError):  # It was closed from the start.
        while os.read(0, 4096):
            pass
    # Not to the process: then the kernel may give the signal to any thread,
    # and a blocking call in the main thread would go on.
    ident = threading.main_thread().ident
    assert ident is not None
    signal.pthread_kill(ident, signal.SIGTERM)


@contextlib.contextmanager
def ending_on(
    signals: tuple[signal.Signals, ...], end: Callable[[], None]
) -> Iterator[None]:
    """Call `end` at each of these signals, until the end of the block.

    Python calls it in the main thread, between any two instructions. So it
    may only add an event to a queue or set a flag for that thread.
    """
    for number in accept_signals(signals):
        signal.signal(number, lambda *_: end())
    try:
        yield
    finally:
        # The process is ending now; another signal must not interrupt the
        # removal of its directories.
        for number in signals:
            signal.signal(number, signal.SIG_IGN)


class _Formatter(logging.Formatter):
    """Format log entries of which no part can be taken for another entry.

    An entry may hold what an executable or a stranger wrote. Its further
    lines are indented, and what is not printable is escaped: a terminal would
    obey it.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return an entry, without a newline at its end."""
        first, *others = super().format(record).split("\n")
        # A message of the protocol is JSON, whose lines are safe as they are.
        is_json = isinstance(record.args, tuple) and any(
            isinstance(argument, codec.Indented) for argument in record.args)
        indent = "" if is_json else INDENT
        return "\n".join([_printable(first), *(
            indent + _printable(line) for line in others)])


def _printable(line: str) -> str:
    """Return a line whose unprintable characters are escaped as in Python."""
    if line.isprintable():
        return line
    return "".join(
        character if character.isprintable()
        else character.encode("unicode_escape").decode("ascii")
        for character in line)


def configure_log(
    name: str, level: str, logfile: str | None = None, log_time: bool = False,
) -> None:
    """Set up the log, with lines like ``Worker:6001 [INFO] Received task …``.

    The name comes first in each line; the level is one of LEVELS, in upper or
    lower case. Raises OSError if the file can't be opened.
    """
    if logfile:
        # Made here, because the names of files and what executables write are
        # not for all users of this machine.
        os.close(os.open(
            logfile, os.O_WRONLY | os.O_CREAT | os.O_APPEND, LOG_MODE))
    # A character that the encoding lacks would raise UnicodeEncodeError.
    handler = (
        logging.FileHandler(
            logfile, encoding="utf-8", errors="backslashreplace")
        if logfile else logging.StreamHandler()
    )
    # At DEBUG, every message that is received is logged as a whole.
    if level.upper() != "DEBUG":
        handler.addFilter(LogLimit())
    handler.setFormatter(_Formatter(
        ("%(asctime)s " if log_time else "")
        + name.replace("%", "%%") + " [%(levelname)s] %(message)s"))
    # force: the second call is for the second port that was tried.
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
