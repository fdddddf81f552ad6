"""Decide who may use a daemon: read the secret, or refuse to be open to all.

A secret is read when a command starts, and is kept in its memory only. It
is never in the environment, a command line or a log.
"""
from __future__ import annotations

import dataclasses
import logging
import os
import shlex
import stat
from collections.abc import Callable
from typing import Any, TypeVar

import click

from mapreduce.protocol.signing import SECRET_VARIABLE, WINDOW, Secret
from mapreduce.system.command_line import RealNumber
from mapreduce.utils import network

LOGGER = logging.getLogger(__name__)

Command = TypeVar("Command", bound=Callable[..., Any])

MIN_SECRET = 32  # bytes
MAX_FILE = 64 * 2**10  # bytes; a larger file is none with secrets
# Seconds: the random numbers of all messages of that time are kept.
MAX_SKEW = 86_400


class NoSecret(click.ClickException):
    """The secret can't be used; the line says how to make a right one."""

    exit_code = 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Access:
    """The options of a daemon on who may send messages to it."""

    secret: Secret | None = None
    insecure: bool = False
    clock_skew: float = WINDOW  # seconds
    secret_from_stdin: bool = False


def secret_option(command: Command) -> Command:
    """Add the option --secret-file, whose value is a Secret or None."""
    return click.option(
        "--secret-file", "secret", metavar="FILE", envvar=SECRET_VARIABLE,
        callback=lambda _, __, path: _wanted(path),
        help="Sign all messages with the secret in this file, and accept only "
        "signed ones.  [default: the file that "
        f"{SECRET_VARIABLE} names, if any]"
    )(command)


def _wanted(path: str | None) -> Secret | None:
    """Return the secret in the file that the user has named, if any."""
    if path is not None:
        return read(path)
    # Perhaps by a script in which something failed. Nothing must go on
    # without a secret when its user believes that there is one.
    if SECRET_VARIABLE in os.environ:
        raise NoSecret(f"the variable {SECRET_VARIABLE} is empty: let it name "
                       "a file with a secret, or unset it")
    return None


def options(command: Command) -> Command:
    """Add the fields of Access as options of a daemon."""
    for option in (
        # mapreduce-run gives its daemons a secret of their own by this.
        click.option("--secret-from-stdin", is_flag=True, hidden=True),
        click.option("--clock-skew", type=RealNumber(1, MAX_SKEW),
                     metavar="SECONDS", default=WINDOW, show_default=True,
                     help="With a secret, accept messages that were signed at "
                     "most this long ago."),
        click.option("--insecure", is_flag=True,
                     help="Listen on an address that other machines can reach "
                     "although there is no secret: all of them can then run "
                     "programs as you."),
        secret_option,
    ):
        command = option(command)
    return command


def admit(host: str, access: Access) -> Secret | None:
    """Return the secret of a daemon that will listen on a host.

    Raises click.ClickException if other machines could reach it although it
    has none, and OSError if the host can't be looked up.
    """
    secret = _read_stdin() if access.secret_from_stdin else access.secret
    if secret:
        return dataclasses.replace(secret, window=access.clock_skew)
    if not access.insecure and not network.is_loopback(host):
        raise click.ClickException(
            f"other machines can reach {host}, and could run programs as you: "
            "name a file with a secret by --secret-file, or allow all of them "
            "by --insecure")
    return None


def refuse_variable() -> None:
    """Raise NoSecret if a secret is named to a daemon that can't use it."""
    if SECRET_VARIABLE in os.environ:
        raise NoSecret("the 2017 dialect has no signatures; unset "
                       f"{SECRET_VARIABLE}")


def warn_root(secret: Secret | None) -> None:
    """Log a warning if other users could run programs as root."""
    if secret is None and os.geteuid() == 0:
        LOGGER.warning("This is root, and there is no secret: all who reach "
                       "the port can run programs as root; run it as a user "
                       "with few rights")


def read(path: str) -> Secret:
    """Return the Secret that a file holds, a line for each key.

    Raises NoSecret if it is missing, too short, too long, or not for its owner
    alone.
    """
    data = b""
    try:
        # O_NONBLOCK: opening a named pipe must not block.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            # By descriptor: the path may name another file by now.
            problem = _problem(os.fstat(descriptor))
            if not problem:
                data = file.read(MAX_FILE + 1)
                problem = _weakness(data)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        problem = getattr(error, "strerror", None) or str(error)
    if problem:
        # What exists may be of value, or a device, and would keep its mode.
        name = shlex.quote(path) if _can_be_made(path) else "NEW_FILE"
        raise NoSecret(
            f"the secret file {path!r}: {problem}; this makes a right one: "
            f"(umask 077; head -c 32 /dev/urandom | base64 > {name})")
    return Secret.derive(_words(data))


def _words(data: bytes) -> list[bytes]:
    return [line.strip() for line in data.split(b"\n") if line.strip()]


def _weakness(data: bytes) -> str:
    """Return why a content must not be a secret, or an empty text."""
    if len(data) > MAX_FILE:
        return f"it has more than {MAX_FILE:,} bytes"
    if min(map(len, _words(data)), default=0) < MIN_SECRET:
        return f"each line must have {MIN_SECRET} bytes or more"
    return ""


def _can_be_made(path: str) -> bool:
    """Return whether this user can make a new file, by one line of a shell."""
    return (
        bool(path) and path.isprintable() and not os.path.lexists(path)
        and os.access(os.path.dirname(path) or os.curdir, os.W_OK | os.X_OK))


def _problem(status: os.stat_result) -> str:
    """Return why a file must not hold a secret, or an empty text."""
    if not stat.S_ISREG(status.st_mode):
        return "it is no regular file"
    if status.st_uid not in (os.geteuid(), 0):
        return "it belongs to another user"
    if status.st_mode & 0o077:
        return "other users may use it (chmod 600)"
    return ""


def _read_stdin() -> Secret:
    """Return the secret that the parent wrote to standard input."""
    word = b""
    while len(word) < MIN_SECRET:
        part = os.read(0, MIN_SECRET - len(word))
        if not part:
            raise NoSecret("standard input ended before the secret")
        word += part
    return Secret.derive([word])
