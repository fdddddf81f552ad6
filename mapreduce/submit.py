"""The command mapreduce-submit: send a Manager a job, or shut it down."""
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

import mapreduce
from mapreduce import client, job_options, utils

if TYPE_CHECKING:
    import mapreduce.following
    import mapreduce.submission
    from mapreduce.utils.messages import JobMessage

EXAMPLES = """\b
Example:
  mapreduce-submit --wait -i input -o output -m ./mapper -r ./reducer
"""


@click.command(cls=client.JobCommand, epilog=EXAMPLES)
@client.manager_options
@job_options.job_options(
    input_paths=("tests/testdata/input",), output_directory="output",
    mapper_executable="tests/testdata/exec/wc_map.sh",
    reducer_executable="tests/testdata/exec/wc_reduce.sh",
    num_mappers=2, num_reducers=2, decompress=False,
    split_size=(None, "0"))
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
        return
    if job_options.STDIN in fields["input_paths"]:
        raise click.UsageError("a Manager can't read this standard input; "
                               "mapreduce-run -i - can")
    message = mapreduce.submission.fitting(fields, follow=wait)

    def submitted() -> None:
        _say(_summary(manager, message), quiet)

    if not isinstance(message, utils.messages.ManagerJobMessage):
        manager.check_takes(message)
    elif wait:
        manager.status()  # One that can't answer gets no job.
    if wait:
        mapreduce.following.submit(manager, message, quiet, submitted)
    else:
        manager.send(message)
        submitted()


def _say(text: str, quiet: bool) -> None:
    if not quiet:
        # As bytes: a name may be one that standard output can't encode.
        click.echo(os.fsencode(text))


def _summary(manager: client.Manager, job: JobMessage) -> str:
    """Return what was submitted, a line for each property."""
    lines = [f"Submitted job to {manager}"]
    for name, value in (
        ("input directory", _input(job)),
        ("output directory", job.output_directory),
        ("mapper executable", job.mapper_executable),
        ("reducer executable", job.reducer_executable),
        ("num mappers", job.num_mappers),
        ("num reducers", job.num_reducers),
    ):
        if value is not None:
            lines.append(f"{name:19}  {value}")
    return "\n".join(lines)


def _input(job: JobMessage) -> str:
    if isinstance(job, utils.messages.ManagerJobMessage):
        return job.input_directory
    return ", ".join(job.input_paths)


if __name__ == "__main__":
    main(prog_name="mapreduce-submit")
