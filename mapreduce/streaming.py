"""Run the command mapreduce-streaming: the options of Hadoop Streaming.

The job is done by the local engine, as with mapreduce-run, or by a Manager.
"""
from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator
from typing import Any

import click

from mapreduce.client import (
    command,
    completion,
    errors,
    hadoop,
    hadoop_names,
    job_options,
    key_options,
    shell_syntax,
)
from mapreduce.client.hadoop import PROPERTIES
from mapreduce.client.job_options import COUNT_OR_ZERO, JobSpec
from mapreduce.client.placed_files import (
    Placed,
    by_placed_name,
    local_path,
    not_local,
    read_placed,
)
from mapreduce.client.remote_manager import RemoteManager
from mapreduce.display.text import clean
from mapreduce.engines import choice, remote
from mapreduce.protocol import messages
from mapreduce.protocol.signing import Secret
from mapreduce.system.access import secret_option
from mapreduce.system.command_line import check_host

NO_REDUCER = "NONE"
IDENTITY = "cat"  # does what Hadoop does without -mapper or -reducer
IDLE = "options without effect"
COMMANDS = ("-mapper", "-reducer", "-combiner", "-partitioner")
# Such as org.apache.hadoop.mapred.lib.IdentityMapper, but not, e.g., a.map.R.
JAVA_CLASS = re.compile(r"([a-z]\w*\.){2,}[A-Z][\w$]+")
# The name of a reducer in Java that is a part of Hadoop.
AGGREGATE = "aggregate"

EXAMPLES = """\b
Example:
  mapreduce-streaming -input books -output counts -mapper map.py
      -reducer 'reduce.py --sum' -numReduceTasks 4
"""


class StreamingCommand(command.JobCommand):
    """A command that knows all options of Hadoop, also those without effect.

    In `ctx.meta`, the names of these are `IDLE`.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; raise UsageError for all that is impossible."""
        if ctx.resilient_parsing:  # For the completion of the shell.
            return super().parse_args(ctx, args)
        # Before click does: its message for an unknown option with one dash
        # would name only the first letter, and each message only one option.
        known = {name: option for option in self.get_params(ctx)
                 if isinstance(option, click.Option)
                 for name in (*option.opts, *option.secondary_opts)}
        words = _Words(known)
        words.read(args)
        wrong = list(self._wrong_values(ctx, words))
        # A single one of click's comes with a line on --help.
        if words.errors or wrong[1:]:
            raise errors.UsageError("\n".join(
                [*words.errors, *words.shell, *wrong]))
        ctx.meta[IDLE] = words.idle
        return super().parse_args(ctx, words.kept)

    def _wrong_values(
        self, ctx: click.Context, words: _Words
    ) -> Iterator[str]:
        """Return the errors of all values: click stops at the first."""
        kept = command.with_inputs(self.params, words.kept)
        try:
            given, more, order = self.make_parser(ctx).parse_args(kept)
        except click.UsageError as error:  # The last option lacks a value.
            yield error.format_message()
            return
        for option in click.core.iter_params_for_processing(
                order, self.get_params(ctx)):
            try:
                option.handle_parse_result(ctx, given, [])
            except click.MissingParameter:
                continue  # Click asks for it when all the others are right.
            except click.ClickException as error:
                yield error.format_message()
        if more and not words.has_unknown:
            yield (f"{' '.join(more)!r} belongs to no option; quote a command "
                   "with its arguments")


class _Words:
    """The words of a command line, sorted by kind."""

    def __init__(self, known: dict[str, click.Option]) -> None:
        self.kept: list[str] = []  # for click
        self.idle: list[str] = []
        self.errors: list[str] = []
        # Errors that count only if the job has a use for the command.
        self.shell: list[str] = []
        self.has_unknown = False  # an option, whose value may be anything
        self._known = known

    def read(self, args: list[str]) -> None:
        """Sort all words by kind."""
        properties: list[str] = []
        words = iter(args)
        for word in words:
            if word.startswith("-D") or word == "-jobconf":
                text = word[2:] if word[2:] and word != "-jobconf" else (
                    next(words, ""))
                properties.append(text)
                self.kept += ["-D", text]
            else:
                self._read(word, words)
        found = hadoop.read_properties(properties)
        self.errors += found.errors
        self.idle += found.idle

    def _read(self, word: str, words: Iterator[str]) -> None:
        name, equals, value = word.partition("=")
        if name in self._known:
            option = self._known[name]
            self.kept.append(word)
            if not (option.is_flag or option.count or equals):
                values = list(itertools.islice(words, 1))
                self.kept += values
                value = "".join(values)
            if name in COMMANDS:
                self._read_command(name, value)
        elif name in hadoop_names.IDLE_OPTIONS:
            if hadoop_names.IDLE_OPTIONS[name] and not equals:
                next(words, None)
            self.idle.append(name)
        elif name in hadoop_names.FORMAT_OPTIONS:
            value = value if equals else next(words, "")
            if hadoop_names.last(value) == hadoop_names.BY_LINES:
                # Before all others, of which the last one counts.
                self.kept[:0] = ["-D", f"{hadoop.LINES_PER_MAP}=1"]
            elif hadoop_names.last(value) not in hadoop_names.USUAL:
                self._refuse(f"{name} {value}",
                             hadoop_names.FORMAT_OPTIONS[name])
        elif name in hadoop_names.IMPOSSIBLE_OPTIONS:
            if not equals:
                next(words, None)
            self._refuse(name, hadoop_names.IMPOSSIBLE_OPTIONS[name])
        elif name.startswith("-") and len(name) > 1:
            self.has_unknown = True
            self.errors.append(hadoop_names.unknown_option(name, self._known))
        else:
            self.kept.append(word)

    def _read_command(self, name: str, value: str) -> None:
        if _is_java(name, value):
            self._refuse(f"{name} {value}", hadoop_names.without_java(value))
        elif problem := shell_syntax.find_problem(name[1:], value):
            self.shell.append(problem)

    def _refuse(self, name: str, advice: str) -> None:
        self.errors.append(f"{name} is not possible here: {advice}")


def _is_java(option: str, value: str) -> bool:
    """Return whether the value of an option for a command is a Java class."""
    if os.path.exists(value):
        return False
    if value == AGGREGATE:
        return option in ("-reducer", "-combiner")
    return JAVA_CLASS.fullmatch(value) is not None and not (
        option == "-partitioner" and value.startswith(key_options.HADOOP)
        and hadoop_names.last(value) in key_options.PARTITIONERS)


def _properties(
    _: click.Context, __: click.Parameter, values: tuple[str, ...]
) -> hadoop.Properties:
    return hadoop.read_properties(values)


def _address(
    ctx: click.Context, option: click.Parameter, value: str | None
) -> messages.Address | None:
    """Return the host and the port of, e.g., localhost:6000."""
    if value is None:
        return None
    host, _, port = value.rpartition(":")
    if not (host and port.isdecimal()):
        raise click.BadParameter(f"{value!r} is not host:port", param=option)
    check_host(ctx, option, host)
    return host, command.PORT(port, option, ctx)


def _separate(
    _: click.Context, __: click.Parameter, values: tuple[str, ...]
) -> list[str]:
    """Return all names of texts in which commas separate them."""
    return [name for value in values for name in hadoop.names_in(value)]


def _placed(
    context: click.Context, option: click.Parameter, values: tuple[str, ...]
) -> Placed | None:
    """Return the paths and names of texts in which commas separate them."""
    return read_placed(_separate(context, option, values)) or None


def _paths(
    context: click.Context, option: click.Parameter, values: tuple[str, ...]
) -> list[str]:
    """Return all paths of texts in which commas separate them."""
    return list(map(_path, _separate(context, option, values)))


def _path(name: str) -> str:
    """Return a path, which may be given as a URI with file:."""
    path = local_path(name)
    if path is None:
        raise not_local(name)
    return path


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
              shell_complete=completion.files, default=IDENTITY,
              show_default=True, help="Executable of the map stage.")
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
@click.option("-file", "-files", "-cacheFile", "files",
              metavar="PATH[#NAME]", shell_complete=completion.files,
              multiple=True, callback=_placed, help="Run each executable in a "
              "directory of its own, which has a link to this file; several "
              "are separated by commas.")
@click.option("-archives", "-cacheArchive", "archives",
              metavar="PATH[#NAME]", shell_complete=completion.files,
              multiple=True, callback=_placed, help="The same for what is in "
              "a .zip, .jar or .tar file, which is unpacked.")
@click.option("-D", "properties", metavar="NAME=VALUE", multiple=True,
              callback=_properties, help="Set a property, one of "
              f"{', '.join(PROPERTIES)}, or a variable for all "
              "executables.")
@click.option("-manager", metavar="HOST:PORT", callback=_address,
              help="Submit the job to this Manager and wait for its end.")
@secret_option
@click.option("--decompress/--no-decompress", default=True, show_default=True,
              help="Decompress inputs named .gz, .bz2, .xz, .zst, "
              ".deflate, .lz4 or .snappy.")
@job_options.input_options
@choice.engine_options
@command.common_options
# The options of Hadoop have one dash; --help works in all our commands.
@click.help_option("-help", "-info", "-usage", "--help")
def main(
    manager: messages.Address | None, secret: Secret | None, quiet: bool,
    **fields: Any
) -> None:
    """Run a job that was written for Hadoop Streaming."""
    engine = choice.pop_options(fields)
    job = _job(fields)
    if not quiet:
        _note_idle(click.get_current_context().meta[IDLE])
    if manager is None or engine.dry_run:
        choice.run(job, quiet, engine)
    else:
        choice.refuse_all(engine)
        remote.run(RemoteManager(*manager, secret), job, quiet)


def _job(fields: dict[str, Any]) -> JobSpec:
    """Return the job for the options, with the defaults of Hadoop."""
    properties = fields.pop("properties")
    given = {name: value for name, value in fields.items()
             if value is not None}
    given["environment"] = {
        **properties.environment, **(given.get("environment") or {})}
    # As in Hadoop: an option overrides the property, and an output directory
    # that exists is an error.
    job = {"num_reducers": 1, **properties.fields, **given,
           "no_clobber": True, "hadoop_inputs": True}
    for name in ("mapper_executable", "reducer_executable", "combiner"):
        if name in job:
            job[name] = by_placed_name(job[name], job.get("files", ()))
    if job["reducer_executable"] == NO_REDUCER:
        job["num_reducers"] = 0
    # Without reduce tasks, Hadoop ignores both, so this must not be an error.
    if not job["num_reducers"]:
        job["combiner"] = job["partitioner"] = None
    key_options.complete_hadoop(job)
    hadoop.plan_output(job)
    hadoop.plan_splits(job, job["input_paths"])
    return JobSpec.from_options(job)


def _note_idle(names: list[str]) -> None:
    """Print one line for all that has no effect."""
    if names:
        command.tell(clean(
            f"Without effect here: {', '.join(dict.fromkeys(names))}"))


if __name__ == "__main__":
    main(prog_name="mapreduce-streaming")
