"""Run the conformance kit: options in, exit code out."""
from __future__ import annotations

import logging
import pathlib
import signal
import sys
from typing import Any

import click

from mapreduce.conformance import grading, process, report
from mapreduce.conformance.rule import Outcome, Times
from mapreduce.system.command_line import CommandLine

EXAMPLES = """\b
Examples:
  python -m mapreduce.conformance manager -- mapreduce-manager
      --host {host} --port {port} --shared_dir {shared_dir}
  python -m mapreduce.conformance worker -- mapreduce-worker
      --host {host} --port {port} --manager-host {manager_host}
      --manager-port {manager_port}
"""


@click.command(cls=CommandLine, epilog=EXAMPLES)
@click.argument("side", type=click.Choice(["manager", "worker"]),
                required=False)
@click.argument("command", nargs=-1)
@click.option("-k", "words", metavar="WORD", multiple=True,
              help="Check only the rules with this word in their names, "
              "e.g., protocol. May be repeated.")
@click.option("--mode", type=click.Choice(["quick", "times", "all"]),
              default="all", show_default=True,
              help="quick leaves out the rules that take 10 s, times checks "
              "only these.")
@click.option("--timeout", type=click.FloatRange(0.1), metavar="SECONDS",
              default=Times.timeout, show_default=True,
              help="Time for the daemon to do what a rule demands.")
@click.option("--list", "only_list", is_flag=True,
              help="Print the rules and end.")
@click.option("--json", "as_json", is_flag=True,
              help="Print the results as JSON.")
@click.option("--junit", type=click.Path(dir_okay=False), metavar="FILE",
              help="Write the results as JUnit's XML, too.")
def main(
    side: str | None, command: tuple[str, ...], timeout: float,
    **ways: Any,
) -> None:
    """Check whether a Manager or a Worker keeps the rules.

    COMMAND starts it. In the words of COMMAND, {host}, {port},
    {manager_host}, {manager_port} and {shared_dir} are replaced. Each rule is
    checked on a new process, and all processes are ended. The exit code is 1
    if a rule failed.
    """
    rules = grading.select(side, ways["words"], ways["mode"])
    # A wrong word among others would leave rules out, and say nothing.
    for word in ways["words"]:
        if not grading.select(side, [word], "all"):
            raise click.UsageError(
                f"no rule has {word!r} in its name; --list prints them")
    if not rules:
        raise click.UsageError(
            f"the mode {ways['mode']} has none of these rules")
    if ways["only_list"]:
        click.echo("\n".join(map(report.line_of, rules)))
        return
    if side is None or not command:
        raise click.UsageError(
            "name manager or worker, then --, then the command that starts it")
    # These log lines are about the kit's own sockets, not the daemon.
    logging.disable()
    _handle_signals()
    if ways["junit"]:
        _write(ways["junit"], b"")  # An error now is better than at the end.
    results = []
    try:
        for result in grading.check_all(
                rules, command, Times(timeout=timeout)):
            results.append(result)
            if not ways["as_json"]:
                click.echo(report.text_of(result))
    finally:
        process.end_all()
    click.echo(report.as_json(results) if ways["as_json"]
               else report.summary_of(results))
    if ways["junit"]:
        _write(ways["junit"], report.as_junit(results))
    if any(result.outcome is Outcome.FAILED for result in results):
        sys.exit(1)


def _handle_signals() -> None:
    """Have signals that end this process end the daemons first."""
    process.pass_interrupts()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, lambda ended_by, _: sys.exit(128 + ended_by))


def _write(path: str, content: bytes) -> None:
    try:
        pathlib.Path(path).write_bytes(content)
    except OSError as error:
        raise click.ClickException(
            f"cannot write {path!r}: {error.strerror or error}") from error


if __name__ == "__main__":
    main(prog_name="python -m mapreduce.conformance")
