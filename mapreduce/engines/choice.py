"""Choose the engine of a job by the options of its command."""
from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import click

from mapreduce.client import command, completion, report
from mapreduce.client.job_options import JobSpec, environment
from mapreduce.engines import local, spark
from mapreduce.protocol.status import JobDetails

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

LOCAL, SPARK = ENGINES = ("local", "spark")
OF_SPARK = [field.name for field in dataclasses.fields(spark.Settings)]


@dataclasses.dataclass(frozen=True)
class EngineOptions(spark.Settings):
    """What the user said about the engine; None: nothing."""

    engine: str | None
    workers: int | None
    verbose: bool | None
    report: str | None
    verify: bool | None
    dry_run: bool | None


def engine_options(decorated: Decorated) -> Decorated:
    """Add the options of the engines, which pop_options collects."""
    for option in (
        click.option("--engine-log", metavar="FILE",
                     type=click.Path(dir_okay=False),
                     shell_complete=completion.files,
                     help="Append the log of Spark to this file."),
        click.option("--conf", metavar="NAME=VALUE", multiple=True,
                     callback=environment, help="Set a property of Spark; may "
                     "be repeated."),
        click.option("--master", metavar="URL", help="Master of Spark, such "
                     "as spark://host:7077, yarn or local[4].  [default: "
                     "from the configuration of Spark]"),
        click.option("--engine", type=click.Choice(ENGINES),
                     help="Have Workers on this machine or Apache Spark do "
                     f"the job.  [default: {LOCAL}]"),
        click.option("--report", metavar="FILE",
                     type=click.Path(dir_okay=False),
                     shell_complete=completion.files,
                     help="Write a page of the job to this file when the job "
                     "has ended, failed or not."),
        click.option("--verbose", is_flag=True, default=None, help="Print "
                     "what tasks write on standard error, each line with its "
                     "task."),
        command.dry_run_option,
        command.verify_option,
        command.workers_option,
    ):
        decorated = option(decorated)
    return decorated


def pop_options(fields: dict[str, Any]) -> EngineOptions:
    """Return the options of the engine; remove them from a command's."""
    return EngineOptions(**{
        field.name: fields.pop(field.name)
        for field in dataclasses.fields(EngineOptions)})


def refuse(options: EngineOptions, problem: str, *names: str) -> None:
    """Raise UsageError if one of the named options was given."""
    for name in names:
        if getattr(options, name) is not None:
            raise click.UsageError(f"--{name.replace('_', '-')} {problem}")


def run(job: JobSpec, quiet: bool, options: EngineOptions) -> None:
    """Do a job by the engine that the user chose.

    Raises click.ClickException if the job can't start, or fails.
    """
    if options.verify and job.skip_bad_records is not None:
        raise click.UsageError(
            "--verify repeats the job with all records; omit it or "
            "--skip-bad-records")
    if options.engine == SPARK:
        refuse(options, "is not for --engine spark: a property of Spark, such "
               "as --conf spark.cores.max=8, says how many tasks run at the "
               "same time", "workers")
        spark.check(job, options, bool(options.verbose))
    else:
        refuse(options, "is for --engine spark", *OF_SPARK)
    if options.dry_run:
        if options.report:
            report.check(options.report)
        local.show_plan(job, options.workers)
        return
    extras = local.Extras(
        bool(options.verbose), bool(options.verify),
        report.writer(options.report) if options.report else _ignore)
    if options.engine == SPARK:
        spark.run(job, options, quiet, extras)
    else:
        local.run(job, options.workers, quiet, extras=extras)


def _ignore(_: JobDetails) -> None:
    """Take the details of a job of which no page is wanted."""


def refuse_all(options: EngineOptions) -> None:
    """Raise UsageError if any option was given, beside -manager."""
    refuse(options, "is for a job without -manager; omit one of the two",
           "engine", "workers", "verbose", "report", "verify", *OF_SPARK)
