"""Run the command mapreduce-status: show a Manager's Workers and jobs."""
from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import click

from mapreduce import display
from mapreduce.client import command, completion, errors, progress, report
from mapreduce.client.remote_manager import RemoteManager
from mapreduce.display import text
from mapreduce.display.html.job import submit_command
from mapreduce.engines import repro as repro_lines
from mapreduce.protocol import codec
from mapreduce.protocol.signing import Secret
from mapreduce.protocol.status import ClusterStatus, JobDetails, Stage
from mapreduce.system.command_line import Number

Status = ClusterStatus | JobDetails

WATCH_INTERVAL = 0.5  # seconds between two queries

EXAMPLES = """\b
Examples:
  mapreduce-status            Workers and jobs
  mapreduce-status 3          job 3, each of its tasks, and why it failed
  mapreduce-status --watch    the same, updated until Ctrl-C
  mapreduce-status --json     the same, for scripts
  mapreduce-status 3 --html job.html
"""


@click.command(cls=command.Command, epilog=EXAMPLES)
@command.manager_options
@click.argument("job_id", metavar="[JOB]", required=False,
                type=Number(0), shell_complete=completion.jobs)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--all", "show_all", is_flag=True, help="Show all of the last "
              f"1,000 jobs, not only the last {text.MAX_RECENT} that ended.")
@click.option("--watch", is_flag=True, help="Update the screen until Ctrl-C; "
              "without a terminal, print the status when it changes.")
@click.option("--html", "page", metavar="FILE",
              type=click.Path(dir_okay=False),
              shell_complete=completion.files, help="Write a page of the JOB "
              "to this file; it needs no other file.")
@click.option("--repro", nargs=2, metavar="STAGE TASK",
              type=(click.Choice(["map", "reduce"]), Number(0)),
              help="Print a shell line that runs a task of JOB again: map 3 "
              "or reduce 0.")
@command.common_options
def main(
    host: str, port: int, secret: Secret | None, job_id: int | None,
    quiet: bool, **ways: Any
) -> None:
    """Show the Workers and the jobs of a Manager, or one JOB and its tasks.

    JOB is the number of a job.
    """
    if ways["as_json"] and ways["watch"]:
        raise click.UsageError("--json shows one moment: omit --watch")
    manager = RemoteManager(host, port, secret)
    if ways["page"]:
        _write_page(manager, job_id, ways, quiet)
        return
    if ways["repro"]:
        _print_line(manager, job_id, *ways["repro"])
        return

    def look() -> Status:
        if job_id is None:
            return manager.status()
        return manager.details(job_id)

    # Before any drawing, so that an error is one line, not a broken screen.
    status = look()
    if ways["as_json"]:
        document = codec.to_document(status)
        command.print_text(json.dumps(document, indent=2))
    elif ways["watch"]:
        keeps_jobs = (status.manager is not None if isinstance(
            status, ClusterStatus) else manager.status().manager is not None)
        _watch(manager, look, keeps_jobs)
    else:
        num_old = 0
        if isinstance(status, ClusterStatus) and not ways["show_all"]:
            status, num_old = text.recent(status)
        _print(status)
        if num_old and not quiet:
            command.tell(f"{num_old} older jobs are not shown: --all shows "
                         "them")
        if not quiet:
            _advise(status)
            _show_line(manager, status)


def _print_line(
    manager: RemoteManager, job_id: int | None, stage: str, task_id: int
) -> None:
    if job_id is None:
        raise click.UsageError("--repro needs the number of the job, too")
    which = Stage(stage)
    details = manager.details(job_id)
    assert details.job
    count = (details.job.map_tasks if which is Stage.MAP
             else details.job.reduce_tasks)
    if task_id >= count:
        raise errors.UnknownJob(
            f"job {job_id} has no {stage} task {task_id}: it has {count}, "
            "numbered from 0")
    click.echo(os.fsencode(repro_lines.line(
        manager.command(job_id, which, task_id),
        reason=repro_lines.reason_of(details, which, task_id))))


def _write_page(
    manager: RemoteManager, job_id: int | None, ways: dict[str, Any],
    quiet: bool,
) -> None:
    if job_id is None or ways["as_json"] or ways["watch"]:
        raise click.UsageError(
            "--html is for one JOB, without --json and --watch")
    path = ways["page"]
    report.check(path)
    details = manager.details(job_id)
    try:
        report.write(path, details, submit_command(
            details, manager.options()))
    except OSError as error:
        raise click.ClickException(
            f"cannot write the page {path!r}: {error.strerror}") from error
    if not quiet:
        command.tell(text.clean(f"Wrote the page of job {job_id}: {path}"))


def _print(status: Status) -> None:
    # Plain text in a pipe or a file, where scripts read it.
    if not (command.is_terminal(sys.stdout)
            and display.screen.print_status(status)):
        command.print_text(text.text(status))


def _advise(status: Status) -> None:
    if isinstance(status, ClusterStatus) and status.is_stuck:
        command.tell(command.NO_WORKER)


def _show_line(manager: RemoteManager, status: Status) -> None:
    if isinstance(status, JobDetails) and status.job:
        if ending := repro_lines.ending(manager.command, status.job):
            command.tell(ending.lstrip())


def _watch(
    manager: RemoteManager, look: Callable[[], Status], keeps_jobs: bool
) -> None:
    """Show what `look` returns, again and again, until it raises an error."""
    if command.is_terminal(sys.stdout):
        with display.screen.live() as draw:
            _draw(manager, look, draw)
    blocks = _Blocks()
    while True:
        # A user may watch for days: one lost packet must not end that.
        blocks.show(progress.retry(look, lambda: keeps_jobs))
        time.sleep(WATCH_INTERVAL)


def _draw(
    manager: RemoteManager, look: Callable[[], Status],
    draw: Callable[[Status, tuple[str, str], str], None],
) -> None:
    """Draw what `look` returns; while no Manager answers, the last status."""
    status = look()
    while True:
        note = ""
        try:
            status = look()
        except errors.NoManager:  # It may be started again.
            note = f"{manager} does not answer; waiting for it"
        now = time.strftime("%H:%M:%S")
        draw(status, (f"{manager}", f", {now}; Ctrl-C ends this"), note)
        time.sleep(WATCH_INTERVAL)


class _Blocks:
    """Prints a status if more than its times has changed."""

    def __init__(self) -> None:
        self._shown: Status | None = None

    def show(self, status: Status) -> None:
        """Print a status, after a blank line if it is not the first."""
        timeless = text.without_times(status)
        if timeless == self._shown:
            return
        blank = "" if self._shown is None else "\n"
        self._shown = timeless
        command.print_text(blank + text.text(status))


if __name__ == "__main__":
    main(prog_name="mapreduce-status")
