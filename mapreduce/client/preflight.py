"""Check on this machine, before a job starts, whether it can run.

A Manager or a Worker would find the same errors, but later. Nothing is sent or
started here.
"""
from __future__ import annotations

import contextlib
import errno
import io
import os
import shlex
import shutil
import stat
import sys
import typing
from collections.abc import Iterator, Sequence

import click

from mapreduce.client.errors import UsageError, option_of
from mapreduce.client.command import obey_signals
from mapreduce.client.job_options import STDIN, STDOUT, JobSpec
from mapreduce.client.placed_files import is_placed
from mapreduce.protocol import layout
from mapreduce.system import inputs, outputs, scratch
from mapreduce.system.command_line import drop_output
from mapreduce.system.commands import words

BLOCK = 2**20  # bytes of one read of standard input, at most


@contextlib.contextmanager
def stdin_as_file(
    paths: Sequence[str], rules: inputs.Rules = inputs.Rules()
) -> Iterator[list[str]]:
    """Yield the paths, with a temporary copy of standard input for STDIN.

    The copy is removed at the end of the block.
    """
    if STDIN not in paths:
        yield list(paths)
        return
    # First the other paths: reading standard input may take hours, and a
    # wrong path should be reported before.
    list_files([path for path in paths if path != STDIN], rules)
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
        # read1 until the first end: on a terminal, read would need Ctrl-D
        # twice.
        for block in iter(lambda: stdin.read1(BLOCK), b""):
            file.write(block)


@contextlib.contextmanager
def stdout_as_directory(path: str) -> Iterator[str]:
    """Yield the output directory; print the result if it is STDOUT.

    Then the directory is a temporary one. Its parts are printed in order when
    the block has ended without an exception.
    """
    if path != STDOUT:
        yield path
        return
    if sys.stdout is None:
        raise UsageError("standard output is closed, so it can't be the "
                         "output")
    scratch.remove_leftovers(layout.OUTPUT_DIRECTORY_PREFIX)
    with scratch.directory(layout.OUTPUT_DIRECTORY_PREFIX) as directory:
        result = os.path.join(directory, "result")
        yield result
        obey_signals()  # The reader of the result may be slow.
        try:
            _print_files(outputs.list_parts(result))
        except OSError as error:
            if error.errno == errno.EPIPE:  # Click ends the command quietly.
                raise
            drop_output()
            raise click.ClickException(
                f"cannot write the output: {error.strerror}") from error


def _print_files(paths: Sequence[str]) -> None:
    for path in paths:
        with open(path, "rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
    sys.stdout.flush()


def list_files(
    paths: Sequence[str], rules: inputs.Rules = inputs.Rules(),
    skipped: inputs.Skipped | None = None,
) -> list[str]:
    """Return the files of the input, or raise UsageError."""
    try:
        files = inputs.list_inputs(paths, rules, skipped)
    except inputs.InputError as error:
        raise UsageError(f"{error}{_pipe_hint(paths)}") from error
    closed = [path for path in files if not os.access(path, os.R_OK)]
    if closed and not rules.with_bad:
        names = ", ".join(map(repr, closed[:inputs.MAX_ERRORS]))
        more = len(closed) - inputs.MAX_ERRORS
        raise UsageError(
            f"no permission to read the input {names}"
            + f" and {more} more" * (more > 0)
            + "; --skip-bad-inputs goes on without")
    return files


def _pipe_hint(paths: Sequence[str]) -> str:
    """Return the end of an error if an input is a pipe, as <(command) is."""
    is_pipe = any(os.path.exists(path) and stat.S_ISFIFO(os.stat(path).st_mode)
                  for path in paths)
    option = option_of("input_paths", "-i")
    return (f"; pipe it into this command, with {option} -" if is_pipe
            else "")


def check_output(path: str) -> None:
    """Raise UsageError for an output directory that must not be replaced."""
    held, holder = os.path.realpath(os.curdir), os.path.realpath(path)
    if os.path.commonpath([held, holder]) == holder:
        return  # The Manager refuses it for a reason that says more.
    try:
        outputs.check_replaceable(path, path)
    except outputs.OutputError as error:
        raise UsageError(str(error)) from error


def check_commands(job: JobSpec) -> None:
    """Raise UsageError for all commands of a job that can't be started.

    Those in its files are there only when their task runs.
    """
    problems = []
    placed = (*(job.files or ()), *(job.archives or ()))
    path = (job.environment or {}).get("PATH")
    for what, command in (
            ("mapper", job.mapper_executable),
            ("reducer", job.reducer_executable),
            ("combiner", job.combiner), ("partitioner", job.partitioner)):
        if not is_placed(command, placed):
            try:
                check_command(what, command, path)
            except UsageError as error:
                problems.append(error.message)
    if problems:
        raise UsageError("\n".join(problems))


def check_command(what: str, command: str | None, path: str | None) -> None:
    """Raise UsageError for a command that certainly can't be started.

    `what` names the command in the error, e.g., mapper. `path` is the PATH of
    the tasks if it differs from the one of this process.
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
