"""Declare the options that describe a job, once for all commands.

A command with these options receives a JobSpec. Its fields have the names of
the fields of the message that submits a job.
"""
from __future__ import annotations

import dataclasses
import functools
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import click

from mapreduce.client import completion, key_options
from mapreduce.client.placed_files import Placed, read_placed
from mapreduce.protocol import fields, layout
from mapreduce.protocol.dataclass import dataclass
from mapreduce.system.command_line import Number
from mapreduce.system.inputs import Rules

Decorated = Callable[..., Any]

STDIN = "-"  # the input that is standard input
STDOUT = "-"  # the output that is standard output
UNITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}  # powers of two

COUNT = Number(1, layout.MAX_TASKS)
COUNT_OR_ZERO = Number(0, layout.MAX_TASKS)


@dataclass(frozen=True, kw_only=True)
class _StageSpec:
    mapper_executable: str
    reducer_executable: str | None = None
    combiner: str | None = None
    partitioner: str | None = None
    num_mappers: int | None = None
    max_mappers: int | None = None  # a limit, if num_mappers is None
    num_reducers: int | None = None


@dataclass(frozen=True, kw_only=True)
class _InputSpec:
    """What a job reads."""

    input_paths: tuple[str, ...]
    decompress: bool = False
    split_size: int | None = None  # bytes; 0: files are never split
    concatenate: bool = False
    skip_bad_inputs: bool = False
    recursive: bool = False
    hadoop_inputs: bool = False

    @property
    def rules(self) -> Rules:
        """Which files are input."""
        return Rules(self.skip_bad_inputs, self.recursive, self.hadoop_inputs)


@dataclass(frozen=True, kw_only=True)
class _OutputSpec:
    """What a job writes, and what it may replace."""

    output_directory: str
    keep_intermediate: str | None = None
    keep_failed: str | None = None
    no_clobber: bool = False
    keep_old: bool = False
    overwrite: bool = False
    compress: str | None = None


@dataclass(frozen=True, kw_only=True)
class _TaskSpec:
    environment: Mapping[str, str] | None = None
    files: Placed | None = None
    archives: Placed | None = None
    max_map_attempts: int | None = None
    max_reduce_attempts: int | None = None
    task_timeout: float | None = None  # seconds; 0: no limit
    logs: str | None = None


@dataclass(frozen=True, kw_only=True)
class _MoreSpec:
    """What else tasks do in another way than usual."""

    lines_per_map: int | None = None
    any_exit_code: bool = False
    skip_bad_records: int | None = None
    cache: str | None = None
    cache_by_content: bool = False
    map_speculative: bool = False
    reduce_speculative: bool = False


@dataclass(frozen=True, kw_only=True)
class _KeySpec:
    """How lines are partitioned and sorted, if not as a whole."""

    separator: str | None = None
    key_fields: int | None = None
    key_separator: str | None = None
    partition_by: str | None = None
    sort_options: str | None = None
    reducer_separator: str | None = None


@dataclass(frozen=True, kw_only=True)
class JobSpec(
        _TaskSpec, _MoreSpec, _OutputSpec, _InputSpec, _KeySpec, _StageSpec):
    """A job as the user described it; the command replaces None by defaults.

    Only the form of each option was checked, not whether they fit together.
    """

    job_name: str = ""

    @classmethod
    def from_options(cls, options: dict[str, Any]) -> JobSpec:
        """Return the job of a command; remove its options from the dict."""
        # One option for two fields: the message has one for each stage.
        attempts = options.pop("max_attempts", None)
        if attempts is not None:
            options["max_map_attempts"] = attempts
            options["max_reduce_attempts"] = attempts
        if options.pop("speculative", False):
            options.update(map_speculative=True, reduce_speculative=True)
        return cls(**{field.name: options.pop(field.name)
                      for field in dataclasses.fields(cls)
                      if field.name in options})


# Not click.FloatRange, which accepts nan.
class Seconds(click.ParamType[float]):
    """A number of seconds, 0 or more."""

    name = "float"

    def convert(
        self, value: Any, param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """Return the number, or fail with a message that names the option."""
        try:
            seconds = float(value)
        except ValueError:
            seconds = math.nan
        # Written so that nan fails, too: every comparison with it is false.
        if not 0 <= seconds <= fields.MAX_SECONDS:
            self.fail(f"{value!r} is no number of seconds from 0 to "
                      f"{fields.MAX_SECONDS}", param, ctx)
        return seconds


def size(
    _: click.Context, option: click.Parameter, value: str | None
) -> int | None:
    """Return the number of bytes of a size such as 64M."""
    if value is None:
        return None
    found = re.fullmatch(r"([0-9]{1,15})([KMGT]?)", value.upper())
    if not found:
        raise click.BadParameter(
            f"{value!r} is no size such as 64M; K, M, G and T are powers of "
            "1024", param=option)
    # The pattern limits the digits: Python refuses to convert thousands.
    number = int(found[1]) << UNITS[found[2]]
    if number > fields.MAX_SIZE:
        raise click.BadParameter(
            f"{value!r} is more than any file has", param=option)
    return number


def placed(
    _: click.Context, __: click.Parameter, values: tuple[str, ...]
) -> Placed | None:
    """Return paths and names for texts such as path#name; None if no text."""
    return read_placed(values) or None


def environment(
    _: click.Context, option: click.Parameter, values: tuple[str, ...]
) -> dict[str, str] | None:
    """Return the variables of texts such as NAME=VALUE; None if no text."""
    for value in values:
        name, equals = value.partition("=")[:2]
        if not (name and equals):
            raise click.BadParameter(
                f"{value!r} is not NAME=VALUE", param=option)
    return dict(value.split("=", 1) for value in values) or None


def job_options(**defaults: Any) -> Callable[[Decorated], Decorated]:
    """Return a decorator that adds the options of a job to a command.

    The command receives them as one argument, `job`, a JobSpec. An option
    without a default is required. The default (None, text) is for an option
    whose value the command computes, and which --help describes by the text;
    (None, False) is for an option that may be omitted.
    """
    def option(*names: str, **settings: Any) -> Callable[..., Any]:
        field = names[-1]
        settings["shell_complete"] = completion.BY_METAVAR.get(
            settings.get("metavar", ""))
        if field not in defaults:
            return click.option(*names, required=True, **settings)
        default, shown = defaults[field], True
        if isinstance(default, tuple) and default[0] is None:
            default, shown = default
        return click.option(
            *names, default=default, show_default=shown, **settings)

    def decorate(function: Decorated) -> Decorated:
        @functools.wraps(function)
        def command(**options: Any) -> Any:
            if options["num_reducers"] == 0 and _is_given(
                    "reducer_executable"):
                raise click.UsageError(
                    "a job with 0 reduce tasks has no use for --reducer")
            job = JobSpec.from_options(options)
            return function(job=job, **options)

        decorated: Decorated = command
        # Reversed: --help lists the options in the reverse order of this loop.
        for add in reversed((
            option("-i", "--input", "input_paths", metavar="PATH",
                   multiple=True, help="Input: a directory of files, a file, "
                   "or a pattern that matches such names; may be repeated."),
            option("-o", "--output", "output_directory", metavar="DIRECTORY",
                   help="Directory of the result, which replaces an old "
                   "one."),
            option("-m", "--mapper", "mapper_executable",
                   metavar="COMMAND", help="Executable of the map stage, "
                   "and its arguments, if any."),
            option("-r", "--reducer", "reducer_executable",
                   metavar="COMMAND", help="Executable of the reduce stage; "
                   "not needed with --nreducers 0."),
            option("--nmappers", "--mappers", "num_mappers", metavar="N",
                   type=COUNT, help="Number of map tasks."),
            option("--nreducers", "--reducers", "num_reducers", metavar="N",
                   type=COUNT_OR_ZERO, help="Number of reduce tasks, and so "
                   "of files in the result; with 0, the result is the output "
                   "of the map tasks, one file each."),
            click.option("--name", "job_name", default="", metavar="TEXT",
                         help="Name of the job, shown to people."),
            option("--decompress/--no-decompress", "decompress",
                   help="Decompress inputs named .gz, .bz2, .xz, .zst, "
                        ".deflate, .lz4 or .snappy."),
            option("--split-size", "split_size", metavar="SIZE",
                   callback=size, help="Split files that are larger than "
                   "this, such as 64M, at the ends of lines, so that several "
                   "mappers share one; 0: never."),
            click.option("--recursive", is_flag=True, help="Read also the "
                         "files in directories of an input directory."),
            click.option("--file", "files", metavar="PATH[#NAME]",
                         multiple=True, callback=placed,
                         shell_complete=completion.files, help="Run each "
                         "executable in a directory of its own, which has a "
                         "link to this file; may be repeated."),
            click.option("--archive", "archives", metavar="PATH[#NAME]",
                         multiple=True, callback=placed,
                         shell_complete=completion.files, help="The same for "
                         "what is in a .zip or .tar file, which is "
                         "unpacked."),
            input_options,
            key_options.key_options,
            *PLAIN_OPTIONS,
        )):
            decorated = add(decorated)
        return decorated
    return decorate


def _is_given(name: str) -> bool:
    """Return whether an option is on the command line."""
    source = click.get_current_context().get_parameter_source(name)
    return source is click.core.ParameterSource.COMMANDLINE


def input_options(command: Decorated) -> Decorated:
    """Add the options that mapreduce-streaming has, too."""
    for option in (
        click.option("--compress", type=click.Choice(
                         list(layout.COMPRESSIONS)), help="Compress the "
                     "parts of the result, such as part-00000.gz."),
        click.option("--speculative", is_flag=True, help="Give tasks that "
                     "take far longer than the others a second attempt on an "
                     "idle Worker; the first to finish counts."),
        click.option("--any-exit-code", is_flag=True, help="Take executables "
                     "that exit with another code than 0 for successful, "
                     "unless a signal has ended them."),
        click.option("--lines-per-map", metavar="N", type=COUNT,
                     help="Give each mapper N lines of the input, for lists "
                     "of files, addresses or parameters."),
        click.option("--logs", metavar="DIRECTORY",
                     shell_complete=completion.directories, help="Keep the "
                     "standard error of each attempt at a task in a file in "
                     "this directory."),
        click.option("--skip-bad-records", metavar="N",
                     type=Number(1, layout.MAX_SKIPPED), help="Leave out "
                     "lines on which the mapper or the reducer dies again and "
                     "again, and name them; fail if the job has more than "
                     "N."),
        click.option("--cache-by-content", is_flag=True, help="With --cache, "
                     "take an input for the same if its bytes are, whatever "
                     "its times are."),
        click.option("--cache", metavar="DIRECTORY",
                     shell_complete=completion.directories, help="Keep map "
                     "output in this directory, and run no mapper whose "
                     "output is there already."),
        click.option("--skip-bad-inputs", is_flag=True, help="Go on without "
                     "input files that can't be read or decompressed, and "
                     "name them at the end."),
        click.option("--concatenate", is_flag=True, help="Run the mapper once "
                     "for each map task, over all files of the task."),
    ):
        command = option(command)
    return command


# These options are the same for every command.
PLAIN_OPTIONS = (
    click.option("--combiner", metavar="COMMAND",
                 shell_complete=completion.files, help="Executable that "
                 "reads the sorted output of each map task, and whose output "
                 "replaces it."),
    click.option("--partitioner", metavar="COMMAND",
                 shell_complete=completion.files, help="Executable that "
                 "reads the lines of the map output, and prints for each the "
                 "number of its reduce task."),
    click.option("--cmdenv", "environment", metavar="NAME=VALUE",
                 multiple=True, callback=environment, help="Set a variable "
                 "in the environment of all executables; may be repeated."),
    click.option("--no-clobber", is_flag=True, help="Fail if the output "
                 "directory exists."),
    click.option("--overwrite", is_flag=True, help="Replace an output "
                 "directory also if it holds files that are no result."),
    click.option("--max-attempts", metavar="N", type=COUNT, help="Number of "
                 "attempts at a task before the job fails.  [default: 4]"),
    click.option("--task-timeout", metavar="SECONDS",
                 type=Seconds(), help="End an attempt that neither reads, "
                 "writes nor reports for this time; 0: never.  [default: 0]"),
    click.option("--keep-intermediate", metavar="DIRECTORY",
                 shell_complete=completion.directories,
                 help="Keep the map output in this directory."),
)
