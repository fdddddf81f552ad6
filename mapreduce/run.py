"""Run the command mapreduce-run: do a job without daemons."""
from __future__ import annotations

import os
from typing import Any

import click

from mapreduce.client import command, completion, job_options
from mapreduce.engines import choice

EXAMPLES = """\b
Examples:
  mapreduce-run -i input -o output -m ./mapper -r ./reducer
  mapreduce-run -i access.log.gz -o output -m 'cut -f 1' -r 'uniq -c'
"""


@click.command(cls=command.JobCommand, epilog=EXAMPLES)
@job_options.job_options(
    reducer_executable=(None, False),
    num_mappers=(
        None, "one for each file or split, at most 16 for each "
        "Worker if there is a reduce stage"),
    num_reducers=(None, "4 for each Worker"), decompress=True,
    split_size=(
        None, "a quarter of the input of one Worker, up to 64M, but files "
        "up to 16M stay whole"))
@click.option("--keep-failed", metavar="DIRECTORY",
              shell_complete=completion.directories,
              callback=lambda _, __, path: path and os.path.abspath(path),
              help="Keep the merged input of each reduce task that fails in "
              "this directory.")
@choice.engine_options
@command.common_options
def main(job: job_options.JobSpec, quiet: bool, **fields: Any) -> None:
    """Run a job with a temporary Manager and Workers on this machine.

    Mapper and reducer read standard input and print lines of
    key<TAB>value. The result is one file for each reduce task. With
    --input -, the input is standard input; with --output -, the result goes
    to standard output. No process is left running.
    """
    choice.run(job, quiet, choice.pop_options(fields))


if __name__ == "__main__":
    main(prog_name="mapreduce-run")
