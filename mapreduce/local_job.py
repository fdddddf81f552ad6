"""Run a job with a Manager and Workers of its own, and end them.

What can be checked is checked before, so that one line tells what to fix: the
Manager or a Worker would find it out later.
"""
from __future__ import annotations

import contextlib
import io
import os
import shlex
import shutil
import sys
import time
import typing
from collections.abc import Iterator
from typing import Any

import click

from mapreduce import following, submission, utils
from mapreduce.client import (
    MAX_WORKERS,
    Interrupted,
    JobFailed,
    Manager,
    NoManager,
    UnknownJob,
    WrongUse,
)
from mapreduce.job_options import STDIN
from mapreduce.local_cluster import ClusterError, LocalCluster
from mapreduce.utils import inputs, layout, scratch
from mapreduce.utils.commands import words
from mapreduce.utils.extensions import ExtendedJobMessage
from mapreduce.utils.status import JobStatus

# Where the user names no number: tasks and splits of a Worker. Several, so
# that a slow one keeps the others waiting for a fraction of its share only.
REDUCE_TASKS = 4
SPLITS = 4
MAX_MAP_TASKS = 16

MIN_SPLIT, MAX_SPLIT = 2**20, 2**26  # bytes
CANCEL_TIME = 3.0  # seconds for the tasks of an interrupted job to end
POLL_INTERVAL = 0.02  # seconds between two looks at it
BLOCK = 2**20  # bytes, at the most, of one read of standard input


def run(fields: dict[str, Any], workers: int | None, quiet: bool) -> None:
    """Do the job that options describe; fail as it does."""
    num_workers = workers or _num_cores()
    given = submission.checked({
        **fields, "environment": fields["environment"] or {},
        "num_reducers": num_workers * REDUCE_TASKS
        if fields["num_reducers"] is None else fields["num_reducers"]})
    if "num_mappers" not in given:
        given["max_mappers"] = max_mappers(num_workers)
    path = given["environment"].get("PATH")
    for what in "mapper", "reducer", "combiner", "partitioner":
        _check(what, given.get(what) or given.get(f"{what}_executable"), path)
    with _readable(given["input_paths"]) as paths:
        files = _files(paths)
        if fields["split_size"] is None:  # 0 is the user's word for never.
            given["split_size"] = _split_size(files, num_workers)
        job = submission.extended(
            {**given, "input_paths": paths}, follow=True)
        _do(job, num_workers, quiet)


def max_mappers(num_workers: int) -> int:
    """Return how many map tasks a job may have if nobody says how many."""
    return min(max(1, num_workers) * MAX_MAP_TASKS, layout.MAX_TASKS)


def _num_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), MAX_WORKERS)
    return min(os.cpu_count() or 1, MAX_WORKERS)


def _do(job: ExtendedJobMessage, num_workers: int, quiet: bool) -> None:
    """Have a cluster do a job; tell how it ended."""
    try:
        with LocalCluster(num_workers) as cluster:
            manager = Manager(*cluster.start())
            ended = _follow(cluster, manager, job, quiet)
            if not quiet:
                following.show_counters(manager, ended)
    except ClusterError as error:
        raise JobFailed(utils.report.clean(str(error))) from error
    following.check(ended)
    if not quiet:
        num_parts = ended.reduce_tasks or ended.map_tasks
        click.echo(
            f"Done in {utils.report.duration(ended.seconds)}: "
            f"{_count(num_parts, 'part')} in "
            f"{utils.report.clean(ended.output_directory)}", err=True)


def _follow(
    cluster: LocalCluster, manager: Manager, job: ExtendedJobMessage,
    quiet: bool,
) -> JobStatus:
    """Submit a job; return how it ended."""
    def look() -> JobStatus | None:
        status = cluster.watch(lambda: manager.status(job.job_key))
        return next(iter(status.jobs), None)

    try:
        cluster.talk(lambda: manager.send(job))
        with following.progress(quiet) as shown:
            return following.follow(look, shown)
    except Interrupted:
        _cancel(manager)
        raise


def _cancel(manager: Manager) -> None:
    """Have the parts of a result removed that will not be complete."""
    deadline = time.monotonic() + CANCEL_TIME
    with contextlib.suppress(NoManager):
        manager.send(utils.messages.CancelJobMessage(0))
        while not _has_ended(manager) and time.monotonic() < deadline:
            time.sleep(POLL_INTERVAL)


def _has_ended(manager: Manager) -> bool:
    """Tell whether the one job that a Manager has is over."""
    with contextlib.suppress(UnknownJob):  # It has not read of it yet.
        return manager.job(0).ended
    return False


def _count(number: int, noun: str) -> str:
    """Return, e.g., 1 part or 8 parts."""
    return f"{number} {noun}" + "s" * (number != 1)


@contextlib.contextmanager
def _readable(paths: list[str]) -> Iterator[list[str]]:
    """Have a file in the place of standard input, until the block ends."""
    if STDIN not in paths:
        yield paths
        return
    # What is wrong is to be told before all is read.
    _files([path for path in paths if path != STDIN])
    scratch.remove_leftovers(layout.INPUT_DIRECTORY_PREFIX)
    with scratch.directory(layout.INPUT_DIRECTORY_PREFIX) as directory:
        copy = os.path.join(directory, "stdin")
        _copy_stdin(copy)
        yield [copy if path == STDIN else path for path in paths]


def _copy_stdin(path: str) -> None:
    if sys.stdin is None:
        raise WrongUse("standard input is closed, so it can't be the input")
    stdin = typing.cast(io.BufferedReader, sys.stdin.buffer)
    with open(path, "wb") as file:
        # Read to its first end: a terminal has one after another.
        for block in iter(lambda: stdin.read1(BLOCK), b""):
            file.write(block)


def _files(paths: list[str]) -> list[str]:
    """Return the files of the input, or raise WrongUse."""
    try:
        return inputs.list_inputs(paths)
    except inputs.InputError as error:
        raise WrongUse(f"{error}{_place(*paths)}") from error


def _split_size(files: list[str], num_workers: int) -> int:
    """Return how large a split should be, so that all Workers have some."""
    share = sum(map(os.path.getsize, files)) // (num_workers * SPLITS)
    return max(MIN_SPLIT, min(share, MAX_SPLIT))


def _check(what: str, command: str | None, path: str | None) -> None:
    """Raise WrongUse for what can't be started, as far as one can see.

    The PATH is that of this process, unless the user set another.
    """
    if command is None:
        return
    subject = f"the {what} {command!r}"
    try:
        program = words(command, path)[0]
    except ValueError as error:
        raise WrongUse(f"{subject} can't be run: {error}") from error
    if "/" not in program:
        if shutil.which(program, path=path) is None:
            raise WrongUse(f"{subject}: there is no program {program!r} in "
                           "the working directory or on the PATH")
    elif not os.path.exists(program):
        raise WrongUse(
            f"{subject}: there is no file {program!r}{_place(program)}")
    elif os.path.isdir(program):
        raise WrongUse(f"{subject} is a directory; name a program in it")
    elif not os.access(program, os.X_OK):
        raise WrongUse(
            f"{subject} is not executable; chmod +x {shlex.quote(program)}")


def _place(*paths: str) -> str:
    """Return where relative paths were looked for, for an error message."""
    if all(map(os.path.isabs, paths)):
        return ""
    try:
        return f" in {os.getcwd()}"
    except FileNotFoundError:
        return " in the working directory, which is gone"
