"""The command mapreduce-run: a job without daemons.

It starts a Manager and Workers of its own, has them do the job, and ends them.
"""
from __future__ import annotations

import os
import shlex
import shutil
from typing import TYPE_CHECKING, Any

import click

import mapreduce
from mapreduce import client, job_options, utils
from mapreduce.utils import layout

if TYPE_CHECKING:
    import mapreduce.following
    import mapreduce.local_cluster
    from mapreduce.local_cluster import LocalCluster
    from mapreduce.utils.messages import ManagerJobMessage
    from mapreduce.utils.status import JobStatus

TASKS_PER_WORKER = 4  # of each stage, where the user names no number
MAX_WORKERS = 1_000

EXAMPLES = """\b
Example:
  mapreduce-run -i input -o output -m ./mapper -r ./reducer
"""


class WrongUse(click.ClickException):
    """What the user named can't be used; one line says what to do."""

    exit_code = 2

    def __init__(self, message: str) -> None:
        """Show nothing that a terminal might obey."""
        super().__init__(utils.report.clean(message))


@click.command(cls=client.Command, epilog=EXAMPLES)
@job_options.job_options(
    num_mappers=(None, f"{TASKS_PER_WORKER} a Worker"),
    num_reducers=(None, f"{TASKS_PER_WORKER} a Worker"))
@click.option("--workers", metavar="N", type=click.IntRange(1, MAX_WORKERS),
              help="Number of Workers, and so of tasks at a time.  "
              "[default: the cores]")
@client.common_options
def main(workers: int | None, quiet: bool, **fields: Any) -> None:
    """Run a job with a Manager and Workers of its own.

    Mapper and reducer read standard input and print lines of
    key<TAB>value. The result is one file for each reduce task. Nothing is
    left running.
    """
    local_cluster = mapreduce.local_cluster
    num_workers = workers or _num_cores()
    job = _job(num_workers, fields)
    try:
        with local_cluster.LocalCluster(num_workers) as cluster:
            ended = _run(cluster, job, quiet)
    except local_cluster.ClusterError as error:
        raise client.JobFailed(utils.report.clean(str(error))) from error
    mapreduce.following.check(ended)
    if not quiet:
        click.echo(
            f"Done in {utils.report.duration(ended.seconds)}: "
            f"{_count(ended.reduce_tasks, 'part')} in "
            f"{utils.report.clean(ended.output_directory)}", err=True)


def _run(
    cluster: LocalCluster, job: ManagerJobMessage, quiet: bool
) -> JobStatus:
    """Have a cluster do a job; return how it ended."""
    manager = client.Manager(*cluster.start())

    def look() -> JobStatus | None:
        status = cluster.watch(lambda: manager.status(job.job_key))
        return next(iter(status.jobs), None)

    cluster.talk(lambda: manager.send(job))
    with mapreduce.following.progress(quiet) as shown:
        return mapreduce.following.follow(look, shown)


def _num_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), MAX_WORKERS)
    return min(os.cpu_count() or 1, MAX_WORKERS)


def _count(number: int, noun: str) -> str:
    """Return, e.g., 1 part or 8 parts."""
    return f"{number} {noun}" + "s" * (number != 1)


def _job(num_workers: int, fields: dict[str, Any]) -> ManagerJobMessage:
    """Return the message for the options, or fail with a line that helps.

    What is checked here, the Manager or a Worker would find out later.
    """
    for name in ("num_mappers", "num_reducers"):
        fields[name] = fields[name] or min(
            num_workers * TASKS_PER_WORKER, layout.MAX_TASKS)
    message = job_options.submission(fields, follow=True)
    _check_input(message.input_directory)
    _check_executable("mapper", message.mapper_executable)
    _check_executable("reducer", message.reducer_executable)
    return message


def _check_input(path: str) -> None:
    if not os.path.exists(path):
        raise WrongUse(f"there is no input directory {path!r}{_place(path)}; "
                       "name one by --input")
    if not os.path.isdir(path):
        raise WrongUse(f"the input {path!r} is no directory; --input takes "
                       "the directory that holds the files")
    if not os.access(path, os.R_OK | os.X_OK):
        raise WrongUse(f"the input directory {path!r} can't be read; "
                       f"chmod +rx {shlex.quote(path)}")


def _check_executable(what: str, name: str) -> None:
    """Raise WrongUse for what can't be started, as far as one can see."""
    subject = f"the {what} {name!r}"
    if " " in name and not os.path.exists(name):
        raise WrongUse(f"{subject} is no file; a command with arguments has "
                       "to be put into a script")
    if "/" not in name:
        if shutil.which(name) is None:
            raise WrongUse(f"{subject} is not found on the PATH" + (
                f"; write ./{name} for the file in this directory"
                if os.path.exists(name) else
                f"; a name with a slash, such as ./{name}, is that of a file"))
    elif not os.path.exists(name):
        raise WrongUse(f"there is no file {name!r}{_place(name)}; name "
                       f"another one by --{what}")
    elif os.path.isdir(name):
        raise WrongUse(f"{subject} is a directory; name a program in it")
    elif not os.access(name, os.X_OK):
        raise WrongUse(
            f"{subject} is not executable; chmod +x {shlex.quote(name)}")


def _place(path: str) -> str:
    """Return where a relative path was looked for, for an error message."""
    if os.path.isabs(path):
        return ""
    try:
        return f" in {os.getcwd()}"
    except FileNotFoundError:
        return " in the working directory, which is gone"


if __name__ == "__main__":
    main(prog_name="mapreduce-run")
