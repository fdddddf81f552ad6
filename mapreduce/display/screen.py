"""Draw on a terminal: tables, a progress bar, a screen that is updated.

The only module that imports rich. All texts come from `text`; this module
adds only colours and layout.
"""
from __future__ import annotations

import contextlib
import dataclasses
import io
import sys
from collections.abc import Callable, Iterator
from typing import TypeVar

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from mapreduce.display import text
from mapreduce.protocol.status import (
    ClusterStatus,
    JobDetails,
    JobState,
    JobStatus,
    TaskState,
    WorkerState,
)

Row = TypeVar("Row")
Status = ClusterStatus | JobDetails

MAX_ROWS = 1_000  # of a table that is drawn; more rows take seconds
MIN_ROWS = 5  # of a table on a live screen
FRAME_LINES = 10  # of a live screen, around the rows: titles, blanks, notes

# Looked up by the text of a cell: a str enum equals its value.
STYLES = {
    WorkerState.READY: "green", WorkerState.BUSY: "cyan",
    WorkerState.DEAD: "red",
    JobState.QUEUED: "dim", JobState.MAP: "cyan", JobState.REDUCE: "cyan",
    TaskState.WAITING: "dim", TaskState.RUNNING: "cyan",
    JobState.DONE: "green", JobState.FAILED: "red",
    JobState.CANCELLED: "yellow",
}


def print_status(status: Status) -> bool:
    """Draw a status on standard output; return whether that was done.

    A status of more than MAX_ROWS rows is not drawn.
    """
    # The caller then prints plain text, which is fast.
    rows = (len(status.workers) + len(status.jobs)
            if isinstance(status, ClusterStatus) else len(status.tasks))
    if rows > MAX_ROWS:
        return False
    _console().print(_view(status))
    return True


@contextlib.contextmanager
def live() -> Iterator[Callable[[Status], None]]:
    """Yield a function that draws a status in place of the previous one."""
    console = _console()
    # Without auto_refresh: a screen changes only when a new status arrives.
    with Live(console=console, auto_refresh=False) as screen:
        # The height is read each time: the user may resize the terminal.
        yield lambda status: screen.update(
            _view(*_fit(status, console.height)), refresh=True)


@contextlib.contextmanager
def progress_bar() -> Iterator[Bar]:
    """Draw a progress bar on standard error, until the end of the block."""
    with Progress(
        TextColumn("{task.description}", markup=False),
        # Only colours that a terminal with 16 colours has.
        BarColumn(style="bright_black", complete_style="cyan",
                  finished_style="green", pulse_style="cyan"),
        TextColumn("{task.completed:.0f}/{task.fields[tasks]} tasks"),
        TextColumn("{task.fields[time]}"),
        console=_console(stderr=True),
    ) as progress:
        yield Bar(progress)


class Bar:
    """The progress bar of one job."""

    def __init__(self, progress: Progress) -> None:
        """Draw nothing until the first call of show."""
        self._progress = progress
        # Not before the first status: a bar of rich needs its total.
        self._task: TaskID | None = None

    def show(self, job: JobStatus) -> None:
        """Draw the given status of the job."""
        description = f"{text.title(job)}: {job.state.value}"
        time = text.duration(job.seconds)
        if self._task is None:
            self._task = self._progress.add_task(
                description, total=job.tasks, completed=job.tasks_done,
                tasks=job.tasks, time=time)
        else:
            self._progress.update(
                self._task, total=job.tasks, completed=job.tasks_done,
                tasks=job.tasks, description=description, time=time,
                refresh=True)


def _console(stderr: bool = False) -> Console:
    """Return a console; rich itself honours NO_COLOR."""
    stream = sys.stderr if stderr else sys.stdout
    # The encoding of the terminal may lack characters of a job's name.
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    # By default, rich would change names and reasons: :x: into a picture, and
    # [bold] into a style.
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)


def _view(status: Status, note: str = "") -> RenderableType:
    parts: list[RenderableType] = []
    if isinstance(status, ClusterStatus):
        parts += [
            _table(text.workers_table(status.workers))
            if status.workers else Text("No Workers\n"),
            _table(text.jobs_table(status.jobs))
            if status.jobs else Text("No jobs\n"),
            Text(text.paths_line(status), style="dim"),
        ]
    elif status.job:
        parts.append(Text(text.job_lines(status.job) + "\n"))
        if status.tasks:
            parts.append(_table(text.tasks_table(status.tasks)))
        if status.counters:
            parts.append(_table(text.counters_table(status.counters)))
        if reasons := text.task_reasons(status.tasks):
            parts.append(Text(reasons))
    if note:
        parts.append(Text(note, style="dim"))
    return Group(*parts)


def _table(cells: text.Table) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    # "fold": by default, rich cuts off long names.
    for name in cells.columns:
        table.add_column(name, overflow="fold")
    for row in cells.rows:
        table.add_row(*(Text(cell, STYLES.get(cell, "")) for cell in row))
    return table


def _fit(status: Status, height: int) -> tuple[Status, str]:
    """Return the rows that fit on a screen, and a note about the others."""
    room = height - FRAME_LINES
    if isinstance(status, ClusterStatus):
        # Workers get half of the rows, or more if there are few jobs.
        workers = _around(
            status.workers, max(room // 2, room - len(status.jobs)),
            [worker.state is not WorkerState.READY
             for worker in status.workers])
        jobs = _around(status.jobs, room - len(workers),
                       [not job.ended for job in status.jobs])
        return (
            dataclasses.replace(status, workers=workers, jobs=jobs),
            _note(len(workers) + len(jobs),
                  len(status.workers) + len(status.jobs)))
    tasks = _around(status.tasks, room - MIN_ROWS,
                    [task.state is TaskState.RUNNING for task in status.tasks])
    return (dataclasses.replace(status, tasks=tasks),
            _note(len(tasks), len(status.tasks)))


def _around(
    rows: tuple[Row, ...], room: int, is_active: list[bool]
) -> tuple[Row, ...]:
    """Return consecutive rows, with the first active one in the middle."""
    room = max(room, MIN_ROWS)
    # Without an active row, show the end of the list: the newest.
    first = is_active.index(True) if True in is_active else len(rows)
    start = max(0, min(first - room // 2, len(rows) - room))
    return rows[start:start + room]


def _note(shown: int, number: int) -> str:
    return f"{shown} of {number} rows" if shown < number else ""
