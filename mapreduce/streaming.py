"""Run the command mapreduce-streaming: the options of Hadoop Streaming.

The job is done by the local engine, as with mapreduce-run, or by a Manager.
"""
from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable
from typing import Any

import click

from mapreduce.client import (
    command,
    completion,
    errors,
    job_options,
    key_options,
)
from mapreduce.client.job_options import COUNT, COUNT_OR_ZERO, JobSpec
from mapreduce.client.remote_manager import RemoteManager
from mapreduce.display.text import clean
from mapreduce.engines import choice, remote
from mapreduce.protocol import messages
from mapreduce.protocol.fields import MAX_SECONDS
from mapreduce.protocol.signing import Secret
from mapreduce.system.access import secret_option
from mapreduce.system.command_line import Number

NO_REDUCER = "NONE"
LOCAL = "file://"  # the prefix of a local path
# A comma between names. In Hadoop, a comma in braces is part of a pattern.
COMMA = re.compile(r",(?![^{]*})")
IDENTITY = "cat"  # does what Hadoop does without -reducer

# For each property, the field of the job and the type of its value.
PROPERTIES: dict[str, tuple[str, click.ParamType[Any]]] = {
    "mapreduce.job.maps": ("num_mappers", COUNT),
    "mapreduce.job.reduces": ("num_reducers", COUNT_OR_ZERO),
    "mapreduce.job.name": ("job_name", click.STRING),
    "mapreduce.map.maxattempts": ("max_map_attempts", COUNT),
    "mapreduce.reduce.maxattempts": ("max_reduce_attempts", COUNT),
    "mapreduce.task.timeout": ("task_timeout", Number(0)),
    "mapreduce.input.fileinputformat.split.maxsize": (
        "split_size", Number(0)),
    **key_options.PROPERTIES,
}

# Old names, and options that this command has in another form.
RENAMED = {
    "mapred.map.tasks": "mapreduce.job.maps",
    "mapred.reduce.tasks": "mapreduce.job.reduces",
    "mapred.job.name": "mapreduce.job.name",
    "mapred.map.max.attempts": "mapreduce.map.maxattempts",
    "mapred.reduce.max.attempts": "mapreduce.reduce.maxattempts",
    "mapred.task.timeout": "mapreduce.task.timeout",
    "mapred.max.split.size": "mapreduce.input.fileinputformat.split.maxsize",
    **key_options.RENAMED,
    "-jobconf": "-D",
    "-cacheFile": "-file",
}

EXAMPLES = """\b
Example:
  mapreduce-streaming -input books -output counts -mapper map.py
      -reducer 'reduce.py --sum' -numReduceTasks 4
"""


class StreamingCommand(command.JobCommand):
    """A command that suggests the nearest option for an unknown one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; raise UsageError for an unknown option."""
        if ctx.resilient_parsing:  # For the completion of the shell.
            return super().parse_args(ctx, args)
        # Before click does: its message for an unknown option with one dash
        # would name only the first letter.
        known = {name: option for option in self.get_params(ctx)
                 if isinstance(option, click.Option)
                 for name in (*option.opts, *option.secondary_opts)}
        words = iter(args)
        for word in words:
            name, equals, _ = word.partition("=")
            if name in known:
                if not (known[name].is_flag or known[name].count or equals):
                    next(words, None)
            elif name.startswith("-") and not name.startswith("-D"):
                raise _unknown("option", name, known)
        return super().parse_args(ctx, args)


def _unknown(
    what: str, name: str, known: Iterable[str]
) -> errors.UsageError:
    # cutoff=0: there is always a suggestion, even if no name is similar.
    nearest = RENAMED.get(name) or difflib.get_close_matches(
        name, known, n=1, cutoff=0)[0]
    return errors.UsageError(
        f"unknown {what} {name!r}; the nearest known one is {nearest}")


def _fields_of(
    _: click.Context, __: click.Parameter, values: tuple[str, ...]
) -> dict[str, Any]:
    """Return the fields of a job for properties such as NAME=VALUE."""
    fields = {}
    for text in values:
        name, equals, value = map(str.strip, text.partition("="))
        if name not in PROPERTIES:
            raise _unknown("property", name, PROPERTIES)
        if not equals:
            raise errors.UsageError(
                f"-D {name} lacks a value: -D {name}=VALUE")
        field, kind = PROPERTIES[name]
        try:
            fields[field] = kind.convert(value, None, None)
        except click.BadParameter as error:
            raise errors.UsageError(f"-D {name}: {error.message}") from error
    if "task_timeout" in fields:  # Hadoop counts milliseconds.
        fields["task_timeout"] = min(
            fields["task_timeout"] / 1000, MAX_SECONDS)
    return fields


def _address(
    ctx: click.Context, option: click.Parameter, value: str | None
) -> messages.Address | None:
    """Return the host and the port of, e.g., localhost:6000."""
    if value is None:
        return None
    host, _, port = value.rpartition(":")
    if not (host and port.isdecimal()):
        raise click.BadParameter(f"{value!r} is not host:port", param=option)
    return host, command.PORT(port, option, ctx)


def _separate(
    _: click.Context, __: click.Parameter, values: tuple[str, ...]
) -> list[str]:
    """Return all names of texts in which commas separate them."""
    return [name for value in values for name in COMMA.split(value)]


def _paths(
    context: click.Context, option: click.Parameter, values: tuple[str, ...]
) -> list[str]:
    """Return all paths of texts in which commas separate them."""
    return list(map(_path, _separate(context, option, values)))


def _path(name: str) -> str:
    """Return a path, which may be given as a URI with file://."""
    scheme, colon, _ = name.partition("://")
    if colon and name.startswith(LOCAL):
        return name.removeprefix(LOCAL)
    # Such as hdfs:// or s3://. A local name may contain "://", too, but then
    # hardly after letters and digits only.
    if colon and scheme.isalnum():
        raise errors.UsageError(f"{name!r} is no path of this file system; "
                                "copy what is needed from there")
    return name


@click.command(cls=StreamingCommand, epilog=EXAMPLES)
@click.option("-input", "input_paths", metavar="PATH",
              shell_complete=completion.files, multiple=True,
              required=True, callback=_paths,
              help="Input: a directory, a file, a pattern, or several, "
              "separated by commas; - is standard input. May be repeated.")
@click.option("-output", "output_directory", metavar="DIRECTORY",
              shell_complete=completion.directories,
              required=True, callback=lambda _, __, name: _path(name),
              help="Directory of the result, which must not exist; - is "
              "standard output.")
@click.option("-mapper", "mapper_executable", metavar="COMMAND",
              shell_complete=completion.files,
              required=True, help="Executable of the map stage.")
@click.option("-reducer", "reducer_executable", metavar="COMMAND",
              shell_complete=completion.files,
              default=IDENTITY, show_default=True,
              help="Executable of the reduce stage; NONE: no such stage.")
@click.option("-combiner", metavar="COMMAND",
              shell_complete=completion.files, help="Executable that reads "
              "the sorted output of each map task, and whose output replaces "
              "it.")
@click.option("-partitioner", metavar="COMMAND",
              shell_complete=completion.files, help="Executable that reads "
              "the lines of the map output, and prints for each the number "
              "of its reduce task.")
@click.option("-numReduceTasks", "num_reducers", metavar="N",
              type=COUNT_OR_ZERO, help="Number of reduce tasks; with 0, the "
              "result is the output of the map tasks.  [default: 1]")
@click.option("-cmdenv", "environment", metavar="NAME=VALUE", multiple=True,
              callback=job_options.environment, help="Set a variable in the "
              "environment of all executables. May be repeated.")
@click.option("-file", "-files", "files", metavar="PATH",
              shell_complete=completion.files, multiple=True,
              callback=_separate, help="Accepted, but no file is copied: "
              "executables run in the working directory.")
@click.option("-D", "properties", metavar="NAME=VALUE", multiple=True,
              callback=_fields_of, help="Set a property, one of "
              f"{', '.join(PROPERTIES)}.")
@click.option("-manager", metavar="HOST:PORT", callback=_address,
              help="Submit the job to this Manager and wait for its end.")
@secret_option
@click.option("--decompress/--no-decompress", default=True, show_default=True,
              help="Decompress inputs named .gz, .bz2, .xz or .zst.")
@job_options.input_options
@choice.engine_options
@command.common_options
# The options of Hadoop have one dash; --help works in all our commands.
@click.help_option("-help", "--help")
def main(
    manager: messages.Address | None, secret: Secret | None, quiet: bool,
    **fields: Any
) -> None:
    """Run a job that was written for Hadoop Streaming."""
    engine = choice.pop_options(fields)
    files, job = fields.pop("files"), _job(fields)
    if manager is None:
        if not quiet:
            _note_missing_files(files)
        choice.run(job, quiet, engine)
    else:
        choice.refuse_all(engine)
        remote.run(RemoteManager(*manager, secret), job, quiet)


def _job(fields: dict[str, Any]) -> JobSpec:
    """Return the job for the options, with the defaults of Hadoop."""
    properties = fields.pop("properties")
    given = {name: value for name, value in fields.items()
             if value is not None}
    # As in Hadoop: an option overrides the property, and an output directory
    # that exists is an error.
    job = {"num_reducers": 1, **properties, **given, "no_clobber": True}
    if job["reducer_executable"] == NO_REDUCER:
        job["num_reducers"] = 0
    # Without reduce tasks, Hadoop ignores both, so this must not be an error.
    if not job["num_reducers"]:
        job["combiner"] = job["partitioner"] = None
    key_options.complete_hadoop(job)
    return JobSpec.from_options(job)


def _note_missing_files(files: list[str]) -> None:
    """Print a note for each file that is not in the working directory."""
    # Hadoop copies the files of -file there. A script may expect that.
    for file in filter(None, files):
        path, _, link = file.partition("#")
        name = link or os.path.basename(path)
        if os.path.exists(name):
            continue
        place = (f"; it is under {os.path.abspath(path)}"
                 if os.path.exists(path) else "")
        command.tell(clean(
            f"Files are not copied: there is no {name} in the working "
            f"directory{place}"))


if __name__ == "__main__":
    main(prog_name="mapreduce-streaming")
