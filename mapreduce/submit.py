"""The command mapreduce-submit: send a Manager a job, or shut it down."""
from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from mapreduce import client, utils
from mapreduce.utils import layout

if TYPE_CHECKING:
    from mapreduce.utils.messages import ManagerJobMessage
    from mapreduce.utils.status import JobStatus

EXAMPLES = """\b
Example:
  mapreduce-submit --wait -i input -o output -m ./mapper -r ./reducer
"""


@click.command(cls=client.Command, epilog=EXAMPLES)
@client.manager_options
@click.option("-i", "--input", "input_directory", show_default=True,
              default="tests/testdata/input",
              help="Directory of the input files.")
@click.option("-o", "--output", "output_directory", show_default=True,
              default="output",
              help="Directory of the result; replaced if it exists.")
@click.option("-m", "--mapper", "mapper_executable", show_default=True,
              default="tests/testdata/exec/wc_map.sh",
              help="Executable of the map stage.")
@click.option("-r", "--reducer", "reducer_executable", show_default=True,
              default="tests/testdata/exec/wc_reduce.sh",
              help="Executable of the reduce stage.")
@click.option("--nmappers", "--mappers", "num_mappers", default=2,
              show_default=True,
              type=click.IntRange(1, layout.MAX_TASKS),
              help="Number of map tasks.")
@click.option("--nreducers", "--reducers", "num_reducers", default=2,
              show_default=True,
              type=click.IntRange(1, layout.MAX_TASKS),
              help="Number of reduce tasks, and so of files of the result.")
@click.option("-s", "--shutdown", is_flag=True,
              help="Shut down the Manager and its Workers instead.")
@click.option("--wait", is_flag=True,
              help="Show progress, and end when the job ends: with exit "
              "code 1 if it failed.")
@click.option("--name", "job_name", default="", metavar="TEXT",
              help="Name of the job, for mapreduce-status.")
@client.common_options
def main(
    host: str, port: int, shutdown: bool, quiet: bool,
    **fields: str | int | bool
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
        # Bytes of its own making, so that nobody else has the same.
        message = _job({**fields, "job_key": os.urandom(16).hex()})
        manager.status()  # One that can't answer gets no job.
        _wait(manager, message, quiet)
    else:
        message = _job(fields)
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

    def look() -> JobStatus | None:
        nonlocal job
        job = manager.job_with_key(key)
        return job

    try:
        manager.send(message)
        _say(_summary(manager.host, manager.port, message), quiet)
        with client.progress(quiet) as shown:
            ended = client.follow(look, shown)
    except client.Interrupted as interrupted:
        interrupted.note = _note(manager, job)
        raise
    client.check(ended)
    if not quiet:
        click.echo(client.done_line(ended), err=True)


def _note(manager: client.Manager, job: JobStatus | None) -> str:
    """Return what to tell a user who no longer waits for a job."""
    if job is None:
        return ("The job was submitted and goes on. Find it: "
                f"mapreduce-status {manager.options()}")
    words = f"{manager.options()} {job.id}"
    return (f"Job {job.id} goes on. Watch it: mapreduce-status {words}\n"
            f"Cancel it: mapreduce-cancel {words}")


def _job(fields: dict[str, str | int | bool]) -> ManagerJobMessage:
    """Return the message for the options, or fail with a line that says why.

    The options are checked as the Manager will check them.
    """
    if not fields["job_name"]:
        del fields["job_name"]
    if "" in fields.values():
        raise click.UsageError("the name of a directory or program is empty")
    try:
        message = utils.messages.from_document(
            {"message_type": "new_manager_job", **fields})
    except utils.messages.ProtocolError as error:
        raise click.UsageError(str(error)) from error
    assert isinstance(message, utils.messages.ManagerJobMessage)
    return message


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
