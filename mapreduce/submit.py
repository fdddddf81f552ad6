"""The command mapreduce-submit: send a Manager a job, or shut it down."""
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

import mapreduce
from mapreduce import client, job_options, utils

if TYPE_CHECKING:
    import mapreduce.following
    from mapreduce.utils.messages import ManagerJobMessage
    from mapreduce.utils.status import JobStatus

EXAMPLES = """\b
Example:
  mapreduce-submit --wait -i input -o output -m ./mapper -r ./reducer
"""


@click.command(cls=client.Command, epilog=EXAMPLES)
@client.manager_options
@job_options.job_options(
    input_directory="tests/testdata/input", output_directory="output",
    mapper_executable="tests/testdata/exec/wc_map.sh",
    reducer_executable="tests/testdata/exec/wc_reduce.sh",
    num_mappers=2, num_reducers=2)
@click.option("-s", "--shutdown", is_flag=True,
              help="Shut down the Manager and its Workers instead.")
@click.option("--wait", is_flag=True,
              help="Show progress, and end when the job ends: with exit "
              "code 1 if it failed.")
@client.common_options
def main(
    host: str, port: int, shutdown: bool, quiet: bool,
    **fields: Any
) -> None:
    """Submit a job to a running Manager.

    Mapper and reducer read standard input and print lines of
    key<TAB>value. Relative paths are meant in the working directory of the
    Manager and the Workers.
    """
    manager = client.Manager(host, port)
    wait = fields.pop("wait")
    if shutdown:
        if wait:
            raise click.UsageError("there is no job to --wait for")
        manager.send(utils.messages.ShutdownMessage())
        _say(f"Shut down {manager}", quiet)
    elif wait:
        message = job_options.submission(fields, follow=True)
        manager.status()  # One that can't answer gets no job.
        _wait(manager, message, quiet)
    else:
        message = job_options.submission(fields, follow=False)
        manager.send(message)
        _say(_summary(host, port, message), quiet)


def _say(text: str, quiet: bool) -> None:
    if not quiet:
        # As bytes: a name may be one that standard output can't encode.
        click.echo(os.fsencode(text))


def _wait(
    manager: client.Manager, message: ManagerJobMessage, quiet: bool
) -> None:
    """Submit a job, and return when it is done; or fail as it does."""
    key = message.job_key
    assert key is not None
    job: JobStatus | None = None
    has_advised = quiet

    def look() -> JobStatus | None:
        nonlocal job, has_advised
        status = manager.status(key)
        if status.is_stuck and not has_advised:
            has_advised = True
            click.echo(client.NO_WORKER, err=True)
        job = next((its for its in status.jobs if its.key == key), None)
        return job

    try:
        manager.send(message)
        _say(_summary(manager.host, manager.port, message), quiet)
        with mapreduce.following.progress(quiet) as shown:
            ended = mapreduce.following.follow(look, shown)
    except client.Interrupted as interrupted:
        interrupted.note = _note(manager, job)
        raise
    mapreduce.following.check(ended)
    if not quiet:
        click.echo(mapreduce.following.done_line(ended), err=True)


def _note(manager: client.Manager, job: JobStatus | None) -> str:
    """Return what to tell a user who no longer waits for a job."""
    if job is None:
        return ("The job may have been submitted. Look for it: "
                f"mapreduce-status {manager.options()}")
    words = f"{manager.options()} {job.id}"
    return (f"Job {job.id} goes on. Watch it: mapreduce-status {words}\n"
            f"Cancel it: mapreduce-cancel {words}")


def _summary(host: str, port: int, job: ManagerJobMessage) -> str:
    return "\n".join([
        f"Submitted job to Manager {host}:{port}",
        f"input directory      {job.input_directory}",
        f"output directory     {job.output_directory}",
        f"mapper executable    {job.mapper_executable}",
        f"reducer executable   {job.reducer_executable}",
        f"num mappers          {job.num_mappers}",
        f"num reducers         {job.num_reducers}",
    ])


if __name__ == "__main__":
    main(prog_name="mapreduce-submit")
