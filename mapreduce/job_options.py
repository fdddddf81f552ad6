"""The options that describe a job, declared once for all commands.

Each has the name of a field of the message that submits a job, but for
max_attempts, which stands for two.
"""
from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from mapreduce.utils import layout

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

STDIN = "-"  # the input that is standard input
UNITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}  # powers of two

COUNT = click.IntRange(1, layout.MAX_TASKS)
COUNT_OR_ZERO = click.IntRange(0, layout.MAX_TASKS)


def size(
    _: click.Context, option: click.Parameter, value: str | None
) -> int | None:
    """Return the number of bytes that, e.g., 64M stands for."""
    if value is None:
        return None
    found = re.fullmatch(r"([0-9]{1,15})([KMGT]?)", value.upper())
    if not found:
        raise click.BadParameter(
            f"{value!r} is no size such as 64M; K, M, G and T are powers of "
            "1024", param=option)
    return int(found[1]) << UNITS[found[2]]


def environment(
    _: click.Context, option: click.Parameter, values: tuple[str, ...]
) -> dict[str, str] | None:
    """Return the variables that texts such as NAME=VALUE set, if any."""
    for value in values:
        name, equals = value.partition("=")[:2]
        if not (name and equals):
            raise click.BadParameter(
                f"{value!r} is not NAME=VALUE", param=option)
    return dict(value.split("=", 1) for value in values) or None


def job_options(**defaults: Any) -> Callable[[Decorated], Decorated]:
    """Add the options of a job to a command; what has no default is required.

    A default of (None, text) stands for one that the command finds itself;
    one of (None, False) for none.
    """
    def option(*names: str, **settings: Any) -> Callable[..., Any]:
        field = names[-1]
        if field not in defaults:
            return click.option(*names, required=True, **settings)
        default, shown = defaults[field], True
        if isinstance(default, tuple) and default[0] is None:
            default, shown = default
        return click.option(
            *names, default=default, show_default=shown, **settings)

    def decorate(command: Decorated) -> Decorated:
        for add in reversed((
            option("-i", "--input", "input_paths", metavar="PATH",
                   multiple=True, help="Input: a directory of files, a file, "
                   "or a pattern of such names; may be repeated."),
            option("-o", "--output", "output_directory", metavar="DIRECTORY",
                   help="Directory of the result; replaced if it exists."),
            option("-m", "--mapper", "mapper_executable",
                   metavar="COMMAND", help="Executable of the map stage, "
                   "with arguments if it needs some."),
            option("-r", "--reducer", "reducer_executable",
                   metavar="COMMAND", help="Executable of the reduce stage; "
                   "not needed with --nreducers 0."),
            option("--nmappers", "--mappers", "num_mappers", metavar="N",
                   type=COUNT, help="Number of map tasks."),
            option("--nreducers", "--reducers", "num_reducers", metavar="N",
                   type=COUNT_OR_ZERO, help="Number of reduce tasks, and so "
                   "of files of the result; with 0, those are what the map "
                   "tasks print, a file each."),
            click.option("--name", "job_name", default="", metavar="TEXT",
                         help="Name of the job, for what is shown of it."),
            option("--decompress/--no-decompress", "decompress",
                   help="Decompress inputs named .gz, .bz2, .xz or .zst."),
            option("--split-size", "split_size", metavar="SIZE",
                   callback=size, help="Divide larger files at ends of "
                   "lines, so that several mappers share one: 64M, say; 0: "
                   "never."),
            *PLAIN_OPTIONS,
        )):
            command = add(command)
        return command
    return decorate


# They are the same for every command.
PLAIN_OPTIONS = (
    click.option("--combiner", metavar="COMMAND", help="Executable that is "
                 "run over the sorted output of each map task."),
    click.option("--partitioner", metavar="COMMAND", help="Executable that "
                 "reads the lines of the map output, and prints the number "
                 "of the reduce task for each."),
    click.option("--cmdenv", "environment", metavar="NAME=VALUE",
                 multiple=True, callback=environment, help="A variable of "
                 "the environment of all executables; may be repeated."),
    click.option("--no-clobber", is_flag=True, help="Refuse an output "
                 "directory that exists."),
    click.option("--max-attempts", metavar="N", type=COUNT, help="Attempts "
                 "at a task until the job fails.  [default: 4]"),
    click.option("--task-timeout", metavar="SECONDS",
                 type=click.FloatRange(0), help="End a task that neither "
                 "reads, writes nor reports for so long; 0: never.  "
                 "[default: 0]"),
    click.option("--keep-intermediate", metavar="DIRECTORY",
                 help="Keep the map output there."),
)
