"""The command bin/benchmark: measure, and say what came out."""
from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import click

from tests.benchmark import (
    chart,
    contenders,
    peers,
    report,
    scheduler,
    signals,
    spark,
)
from tests.benchmark.cases import CASES, MORE_CASES, Case
from tests.benchmark.contenders import Contender
from tests.benchmark.measuring import BenchmarkError
from tests.benchmark.results import Outcome
from tests.benchmark.rounds import Rounds

WORK = pathlib.Path(__file__).resolve().parents[2] / "var/benchmark"

PEERS = (peers.MADOOP, peers.MRJOB)
NAMES = [contender.name for contender in contenders.BUILT_IN] + [
    peer.name for peer in PEERS]


@dataclasses.dataclass(frozen=True)
class Plan:
    """What the user chose; no names mean all of them."""

    scale: float
    rounds: int
    case_names: Sequence[str]
    contender_names: Sequence[str]
    spark: bool
    more: bool  # the cases of --more; else those of every run
    engine: str | None  # spark: only jobs by Spark, and what to compare

    def cases(self) -> list[Case]:
        """Return what is to be run."""
        if self.engine and not self.case_names:
            return [spark.CASE]
        return [case for case in (MORE_CASES if self.more else CASES)
                if not self.case_names or case.name in self.case_names]


@click.command(epilog="A full run takes some 15 minutes and up to 2 GB in "
               "var/benchmark, of which the corpora (350 MB) stay there.")
@click.option("--scale", default=1.0, show_default=True,
              type=click.FloatRange(0, 10, min_open=True),
              help="Size of the corpora; 0.01 for a quick try.")
@click.option("--rounds", default=3, show_default=True,
              type=click.IntRange(1), help="Timed runs of each contender.")
@click.option("--case", "case_names", multiple=True,
              type=click.Choice(
                  [case.name for case in (*CASES, *MORE_CASES)]),
              help="Run this case; may be given several times.  "
              "[default: all]")
@click.option("--contender", "contender_names", multiple=True,
              type=click.Choice(NAMES),
              help="Run this contender; may be given several times.  "
              "[default: all]")
@click.option("--spark", is_flag=True,
              help="Run PySpark, too, which needs Java.")
@click.option("--more", is_flag=True,
              help="Run more cases instead: other programs, many partitions, "
              "many map tasks, a large file, long lines.")
@click.option("--engine", type=click.Choice(["spark"]),
              help="Compare mapreduce-run with --engine spark and RDD.pipe of "
              "PySpark instead; needs Java and pyspark in env/.")
@click.option("--scheduler", "only_scheduler", is_flag=True,
              help="Measure the Manager's Scheduler by itself instead.")
@click.option("--output", type=click.Path(file_okay=False),
              help="Also write benchmark.json and benchmark.svg (or "
              "scheduler.json) into this directory.")
def main(only_scheduler: bool, output: str | None, **choices: Any) -> None:
    """Run the same jobs by mapreduce, by hand and by other tools; compare.

    Each case is run in rounds, by each contender in turn. All results must
    be equal, or the benchmark ends with an error. The first round samples
    memory and isn't timed.
    """
    signals.exit_on_signals()
    directory = _output_directory(output)
    if only_scheduler:
        _measure_scheduler(directory)
    else:
        _compare(Plan(**choices), directory)


def _compare(plan: Plan, directory: pathlib.Path | None) -> None:
    """Run the cases; after each, print its table and write all so far."""
    if not plan.cases():
        raise click.UsageError(
            "--more has other cases: add it, or leave it out")
    with _locked(WORK):
        chosen = _choose_contenders(plan)
        outcomes = []
        for case in plan.cases():
            outcomes.append(_measure(case, chosen, plan))
            click.echo(report.table(outcomes[-1]))
            if directory:
                _write(directory, outcomes, plan)


def _output_directory(name: str | None) -> pathlib.Path | None:
    """Make the directory that the user names, where the user is."""
    if name is None:
        return None
    directory = pathlib.Path(os.environ.get("INVOKED_FROM", ""), name)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BenchmarkError(
            f"cannot make {directory}: {error.strerror}") from error
    return directory


@contextlib.contextmanager
def _locked(work: pathlib.Path) -> Iterator[None]:
    """Have the working directory alone: two benchmarks disturb each other."""
    work.mkdir(parents=True, exist_ok=True)
    with open(work / "lock", "wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BenchmarkError("another benchmark runs here") from error
        yield


def _say(text: str) -> None:
    click.echo(text, err=True)


def _choose_contenders(plan: Plan) -> list[Contender]:
    """Return who takes part; say who can't."""
    if plan.engine:
        spark.check_installation()
        return list(spark.CONTENDERS)
    names = plan.contender_names
    built_in = contenders.MORE if plan.more else contenders.BUILT_IN
    chosen = [contender for contender in built_in
              if not names or contender.name in names]
    wanted = [peer for peer in PEERS if not plan.more and (
        not names or peer.name in names)]
    for peer in [*wanted, *([peers.SPARK] if plan.spark else [])]:
        contender = peers.contender(peer, WORK)
        if contender:
            chosen.append(contender)
        else:
            _say(f"{peer.name} is left out: it can't be installed")
    if not chosen:
        raise BenchmarkError("no contender is left")
    return chosen


def _measure(
    case: Case, chosen: Sequence[Contender], plan: Plan
) -> Outcome:
    _say(f"{case.name}: preparing the corpus")
    corpus = case.make_corpus(WORK / "corpora", plan.scale)
    return Rounds(case, corpus, WORK, _say).run(
        chosen, plan.rounds)


def _write(
    directory: pathlib.Path, outcomes: Sequence[Outcome], plan: Plan
) -> None:
    document = report.document(outcomes, plan.scale, plan.rounds)
    (directory / "benchmark.json").write_text(
        json.dumps(document, indent=2) + "\n", "utf-8")
    machine = document["machine"]
    subtitle = (
        f"median of {plan.rounds} round{'s' * (plan.rounds > 1)}, "
        f"{machine['cores']} cores, Python {machine['python']}, "
        f"{document['date'][:10]}; thin lines: fastest to slowest run")
    (directory / "benchmark.svg").write_text(
        chart.draw(outcomes, subtitle), "utf-8")


def _measure_scheduler(directory: pathlib.Path | None) -> None:
    drives = []
    for size in scheduler.SIZES:
        _say(f"scheduler: {size:,} tasks")
        drives.append(scheduler.drive(size, scheduler.NUM_WORKERS))
    _say(f"scheduler: queueing {scheduler.NUM_JOBS:,} jobs")
    queueing = scheduler.queue_jobs(scheduler.NUM_JOBS)
    click.echo(scheduler.table(drives, queueing))
    if directory:
        (directory / "scheduler.json").write_text(json.dumps({
            **report.surroundings(),
            "drives": list(map(dataclasses.asdict, drives)),
            "queueing": dataclasses.asdict(queueing),
        }, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main(prog_name="bin/benchmark")
