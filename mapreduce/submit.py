"""Run the command mapreduce-submit: submit a job, or shut a Manager down."""
from __future__ import annotations

import dataclasses
import os
from typing import Any

import click

from mapreduce.client import command, job_options, submission
from mapreduce.client.remote_manager import RemoteManager
from mapreduce.engines import dry_run, remote
from mapreduce.protocol import layout, messages
from mapreduce.protocol.signing import Secret

NUM_MAPPERS = 2
EXAMPLES = """\b
Example:
  mapreduce-submit --wait -i input -o output -m ./mapper -r ./reducer
"""


@click.command(cls=command.JobCommand, epilog=EXAMPLES)
@command.manager_options
@job_options.job_options(
    input_paths=("tests/testdata/input",), output_directory="output",
    mapper_executable="tests/testdata/exec/wc_map.sh",
    reducer_executable="tests/testdata/exec/wc_reduce.sh",
    num_mappers=(
        None, f"{NUM_MAPPERS}; one for each file or split if there is no "
        "reduce stage"),
    num_reducers=2, decompress=False, split_size="0")
@click.option("--keep-old", is_flag=True,
              help="Keep an old result until the new one is complete, and "
              "refuse an output directory that holds anything else.")
@click.option("-s", "--shutdown", is_flag=True,
              help="Shut down the Manager and its Workers instead.")
@click.option("--wait", is_flag=True,
              help="Show progress and wait until the job has ended; exit "
              "with code 1 if it failed.")
@click.option("--dialect", type=click.Choice(["2017"]),
              help="Submit to a Master of the 2017 dialect.")
@command.dry_run_option
@command.common_options
def main(
    job: job_options.JobSpec, host: str, port: int, secret: Secret | None,
    quiet: bool, **ways: Any,
) -> None:
    """Submit a job to a running Manager.

    Mapper and reducer read standard input and print lines of
    key<TAB>value. Relative paths refer to the working directory of the
    Manager and the Workers. A Manager can't use the standard streams of this
    command, so neither input nor output may be -; mapreduce-run takes both.
    """
    manager = RemoteManager(host, port, secret)
    if ways["shutdown"]:
        if ways["wait"]:
            raise click.UsageError("there is no job to --wait for")
        manager.shut_down()
        _say(f"Shut down {manager}", quiet)
        return

    job = _with_mappers(job)
    if ways["dry_run"]:
        dry_run.show(submission.validate(job))
        return

    def on_submitted(message: messages.JobMessage) -> None:
        _say(_summary(manager, message), quiet)

    if ways["dialect"]:
        if secret:
            raise click.UsageError(
                "the 2017 dialect has no signatures; leave out --secret-file "
                "and unset MAPREDUCE_SECRET_FILE")
        if ways["wait"]:
            raise click.UsageError(
                "a Master of the 2017 dialect does not answer questions; "
                "leave out --wait, and look for its result")
        remote.submit_2017(manager, job, on_submitted)
        return
    job_id = remote.submit(manager, job, ways["wait"], quiet, on_submitted)
    if job_id is not None:
        _say(f"Job {job_id}", quiet)


def _with_mappers(job: job_options.JobSpec) -> job_options.JobSpec:
    """Give a job the number of map tasks that it has by default."""
    if job.num_mappers is not None:
        return job
    # Without a reduce stage, each part is what the mapper made of one split.
    if job.num_reducers == 0:
        return dataclasses.replace(job, max_mappers=layout.MAX_TASKS)
    return dataclasses.replace(job, num_mappers=NUM_MAPPERS)


def _say(text: str, quiet: bool) -> None:
    if not quiet:
        # As bytes: standard output may be unable to encode a name.
        click.echo(os.fsencode(text))


def _summary(manager: RemoteManager, job: messages.JobMessage) -> str:
    """Return the submitted job as text, with a line for each property."""
    # The contract fixes these lines; scripts of users read them.
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


def _input(job: messages.JobMessage) -> str:
    if isinstance(job, messages.ManagerJobMessage):
        return job.input_directory
    return ", ".join(job.input_paths)


if __name__ == "__main__":
    main(prog_name="mapreduce-submit")
