"""Run a job with a Manager and Workers of its own, and end them.

What can be checked is checked before, so that one line tells what to fix: the
Manager or a Worker would find it out later.
"""
from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import click

from mapreduce import following, submission, utils
from mapreduce.client import MAX_WORKERS, JobFailed, Manager, WrongUse
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


def run(fields: dict[str, Any], workers: int | None, quiet: bool) -> None:
    """Do the job that options describe; fail as it does."""
    num_workers = workers or _num_cores()
    given = submission.checked({
        **fields, "environment": fields["environment"] or {},
        "num_reducers": min(num_workers * REDUCE_TASKS, layout.MAX_TASKS)
        if fields["num_reducers"] is None else fields["num_reducers"]})
    if "num_mappers" not in given:
        given["max_mappers"] = max_mappers(num_workers)
    for what in "mapper", "reducer", "combiner", "partitioner":
        _check(what, given.get(what) or given.get(f"{what}_executable"))
    with _readable(given["input_paths"]) as paths:
        files = _files(paths)
        if fields["split_size"] is None:
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

    cluster.talk(lambda: manager.send(job))
    with following.progress(quiet) as shown:
        return following.follow(look, shown)


def _count(number: int, noun: str) -> str:
    """Return, e.g., 1 part or 8 parts."""
    return f"{number} {noun}" + "s" * (number != 1)


@contextlib.contextmanager
def _readable(paths: list[str]) -> Iterator[list[str]]:
    """Have a file in the place of standard input, until the block ends."""
    if STDIN not in paths:
        yield paths
        return
    scratch.remove_leftovers(layout.INPUT_DIRECTORY_PREFIX)
    with scratch.directory(layout.INPUT_DIRECTORY_PREFIX) as directory:
        copy = os.path.join(directory, "stdin")
        _copy_stdin(copy)
        yield [copy if path == STDIN else path for path in paths]


def _copy_stdin(path: str) -> None:
    if sys.stdin is None:
        raise WrongUse("standard input is closed, so it can't be the input")
    with open(path, "wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)


def _files(paths: Iterable[str]) -> list[str]:
    """Return the files of the input, or raise WrongUse."""
    try:
        return inputs.list_inputs(paths)
    except inputs.InputError as error:
        raise WrongUse(f"{error}{_place(paths)}") from error


def _split_size(files: list[str], num_workers: int) -> int:
    """Return how large a split should be, so that all Workers have some."""
    share = sum(map(os.path.getsize, files)) // (num_workers * SPLITS)
    return max(MIN_SPLIT, min(share, MAX_SPLIT))


def _check(what: str, command: str | None) -> None:
    """Raise WrongUse for what can't be started, as far as one can see."""
    if command is None:
        return
    subject = f"the {what} {command!r}"
    try:
        program = words(command)[0]
    except ValueError as error:
        raise WrongUse(f"{subject} can't be run: {error}") from error
    if "/" not in program:
        if shutil.which(program) is None:
            raise WrongUse(f"{subject}: there is no program {program!r} in "
                           "the working directory or on the PATH")
    elif not os.path.exists(program):
        raise WrongUse(
            f"{subject}: there is no file {program!r}{_place([program])}")
    elif os.path.isdir(program):
        raise WrongUse(f"{subject} is a directory; name a program in it")
    elif not os.access(program, os.X_OK):
        raise WrongUse(
            f"{subject} is not executable; chmod +x {shlex.quote(program)}")


def _place(paths: Iterable[str]) -> str:
    """Return where relative paths were looked for, for an error message."""
    if all(map(os.path.isabs, paths)):
        return ""
    try:
        return f" in {os.getcwd()}"
    except FileNotFoundError:
        return " in the working directory, which is gone"
