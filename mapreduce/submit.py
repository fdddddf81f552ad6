"""The command mapreduce-submit: send a Manager a job, or shut it down."""
from __future__ import annotations

import os

import click

from mapreduce import utils
from mapreduce.utils import layout


class NoManager(click.ClickException):
    """No Manager can be reached."""

    exit_code = 3


@click.command()
@click.option("-h", "--host", default="localhost", show_default=True,
              help="Address of the Manager.")
@click.option("-p", "--port", default=6000, show_default=True,
              type=click.IntRange(1, 65535), help="Port of the Manager.")
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
def main(
    host: str, port: int, shutdown: bool, **fields: str | int
) -> None:
    """Submit a job to a running Manager.

    Mapper and reducer read standard input and print lines of
    key<TAB>value. Relative paths are meant in the working directory of the
    Manager and the Workers.
    """
    message: utils.messages.Message
    if shutdown:
        message = utils.messages.ShutdownMessage()
    else:
        message = _job(fields)
    try:
        utils.outbox.send_tcp(host, port, message)
    except OSError as error:
        raise NoManager(
            f"cannot reach Manager {host}:{port}: {error.strerror or error}; "
            "is one running there?"
        ) from error
    if isinstance(message, utils.messages.ManagerJobMessage):
        # As bytes: a name may be one that standard output can't encode.
        click.echo(os.fsencode(_summary(host, port, message)))
    else:
        click.echo(f"Shut down Manager {host}:{port}")


def _job(fields: dict[str, str | int]) -> utils.messages.ManagerJobMessage:
    """Return the message for the options, or fail with a line that says why.

    The options are checked as the Manager will check them.
    """
    if "" in fields.values():
        raise click.UsageError("the name of a directory or program is empty")
    try:
        message = utils.messages.from_document(
            {"message_type": "new_manager_job", **fields})
    except utils.messages.ProtocolError as error:
        raise click.UsageError(str(error)) from error
    assert isinstance(message, utils.messages.ManagerJobMessage)
    return message


def _summary(
    host: str, port: int, job: utils.messages.ManagerJobMessage
) -> str:
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
