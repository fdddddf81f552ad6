"""What can be checked on this machine before a job starts.

One line tells the user what to fix; the Manager or a Worker would find the
same out later. Nothing here is sent, and nothing is started.
"""
from __future__ import annotations

import contextlib
import io
import os
import shlex
import shutil
import sys
import typing
from collections.abc import Iterator, Sequence

from mapreduce.client.errors import UsageError
from mapreduce.client.job_options import STDIN
from mapreduce.protocol import layout
from mapreduce.system import inputs, scratch
from mapreduce.system.commands import words

BLOCK = 2**20  # bytes, at the most, of one read of standard input


@contextlib.contextmanager
def stdin_as_file(paths: Sequence[str]) -> Iterator[list[str]]:
    """Copy standard input to a file until the block ends, if it is an input.

    Return the paths of the input, with that of the copy in place of STDIN.
    """
    if STDIN not in paths:
        yield list(paths)
        return
    # A wrong path is an error before all of standard input is read.
    list_files([path for path in paths if path != STDIN])
    scratch.remove_leftovers(layout.INPUT_DIRECTORY_PREFIX)
    with scratch.directory(layout.INPUT_DIRECTORY_PREFIX) as directory:
        copy = os.path.join(directory, "stdin")
        _copy_stdin(copy)
        yield [copy if path == STDIN else path for path in paths]


def _copy_stdin(path: str) -> None:
    if sys.stdin is None:
        raise UsageError("standard input is closed, so it can't be the input")
    stdin = typing.cast(io.BufferedReader, sys.stdin.buffer)
    with open(path, "wb") as file:
        # Read to its first end: a terminal has one after another.
        for block in iter(lambda: stdin.read1(BLOCK), b""):
            file.write(block)


def list_files(paths: Sequence[str]) -> list[str]:
    """Return the files of the input, or raise UsageError."""
    try:
        return inputs.list_inputs(paths)
    except inputs.InputError as error:
        raise UsageError(str(error)) from error


def check_command(what: str, command: str | None, path: str | None) -> None:
    """Raise UsageError for a command that plainly can't be started.

    What it is for the user is, e.g., mapper. The PATH is that of this
    process, unless the user set another.
    """
    if command is None:
        return
    subject = f"the {what} {command!r}"
    try:
        program = words(command, path)[0]
    except ValueError as error:
        raise UsageError(f"{subject} can't be run: {error}") from error
    if "/" not in program:
        if shutil.which(program, path=path) is None:
            raise UsageError(f"{subject}: there is no program {program!r} in "
                             "the working directory or on the PATH")
    elif not os.path.exists(program):
        raise UsageError(f"{subject}: there is no file {program!r}"
                         f"{inputs.place_of(program)}")
    elif os.path.isdir(program):
        raise UsageError(f"{subject} is a directory; name a program in it")
    elif not os.access(program, os.X_OK):
        raise UsageError(
            f"{subject} is not executable; chmod +x {shlex.quote(program)}")
