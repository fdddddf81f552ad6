"""Draw on a terminal: tables, a progress bar, a screen that is updated.

The only module that imports rich. All texts come from `text`; this module
adds only colours and layout.
"""
from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterator

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from mapreduce.display import frame, text
from mapreduce.display.backups import backups_line
from mapreduce.display.balance import balance_line
from mapreduce.protocol.status import (
    ClusterStatus,
    JobDetails,
    JobState,
    JobStatus,
    TaskState,
    WorkerState,
)

Status = ClusterStatus | JobDetails

MAX_ROWS = 1_000  # of a table that is drawn; more rows take seconds
BAR_WIDTH, MIN_BAR_WIDTH = 30, 5  # characters

# Of the 256 colours, because the first 16 differ between terminals. Each of
# these has a contrast of 3:1 or more on black and on white.
GREEN, CYAN, RED, YELLOW, GREY = (
    "color(28)", "color(30)", "color(160)", "color(136)", "color(243)")
# Looked up by the text of a cell: a str enum equals its value.
STYLES = {
    WorkerState.READY: GREEN, WorkerState.BUSY: CYAN, WorkerState.DEAD: RED,
    JobState.QUEUED: GREY, JobState.MAP: CYAN, JobState.REDUCE: CYAN,
    TaskState.WAITING: GREY, TaskState.RUNNING: CYAN,
    JobState.DONE: GREEN, JobState.FAILED: RED,
    JobState.CANCELLED: YELLOW,
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
def live() -> Iterator[Callable[[Status, frame.Header, str], None]]:
    """Yield a function that draws a status in place of the previous one.

    Its other arguments are the first line of the screen, and a note for the
    last one. The screen is an alternate one: at the end, the terminal shows
    again what it showed before.
    """
    console = _console()
    # Without auto_refresh: a screen changes only when a new status arrives.
    with Live(console=console, auto_refresh=False, screen=True) as screen:
        def draw(status: Status, header: frame.Header, note: str) -> None:
            # The size is read each time: the user may resize the terminal.
            screen.update(Group(*map(_styled, frame.lines(
                status, header, note, console.width, console.height))),
                refresh=True)
        yield draw


def _styled(line: frame.Line) -> Text:
    return Text.assemble(
        *((cell, STYLES.get(cell.strip(), "")) for cell in line),
        no_wrap=True, overflow="crop")


@contextlib.contextmanager
def progress_bar() -> Iterator[Bar]:
    """Draw a progress bar on standard error, until the end of the block."""
    shown = Bar(_console(stderr=True))
    try:
        yield shown
    finally:
        shown.end()


class Bar:
    """The progress of one job, on one line that is drawn again and again."""

    def __init__(self, console: Console) -> None:
        """Draw nothing until the first call of show."""
        self._console = console
        self._length = 0  # of the line that is on the terminal

    def show(self, job: JobStatus) -> None:
        """Draw the given status of the job."""
        width = self._console.width - 1
        before, after = text.progress(job)
        line = Text(before)
        # A bar that is too short to show anything is left out.
        room = min(width - text.width_of(f"{before}  {after}"), BAR_WIDTH)
        if room >= MIN_BAR_WIDTH:
            done = room * job.tasks_done // max(job.tasks, 1)
            # Different characters, so that it is clear without colours, too.
            # The colour of text has more contrast than any other one, on a
            # light terminal and on a dark one.
            line.append(" ").append("\u2501" * done, "bold").append(
                "\u2500" * (room - done), GREY).append(f" {after}")
        else:
            line = Text(frame.cut(f"{before}, {after}", width))
        self._erase()
        self._console.print(line, end="", no_wrap=True, overflow="crop")
        self._console.file.flush()
        self._length = text.width_of(line.plain)

    def end(self) -> None:
        """Leave the line on the terminal, and begin another one."""
        if self._length:
            self._console.print()

    def _erase(self) -> None:
        # If the terminal was made narrower, it has wrapped the line.
        rows = max(self._length - 1, 0) // self._console.width
        up = f"\x1b[{rows}A" if rows else ""
        self._console.file.write(f"\r{up}\x1b[J")


def _console(stderr: bool = False) -> Console:
    """Return a console; rich itself honours NO_COLOR."""
    stream = sys.stderr if stderr else sys.stdout
    # The encoding of the terminal may lack characters of a job's name.
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    # By default, rich would change names and reasons: :x: into a picture, and
    # [bold] into a style.
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)


def _view(status: Status) -> RenderableType:
    parts: list[RenderableType] = []
    if isinstance(status, ClusterStatus):
        parts += [
            _table(text.workers_table(status.workers))
            if status.workers else Text("No Workers\n"),
            _table(text.jobs_table(status.jobs))
            if status.jobs else Text("No jobs\n"),
            Text(text.paths_line(status), style=GREY),
        ]
    elif status.job:
        parts.append(Text(text.job_lines(status.job) + "\n"))
        if status.tasks:
            parts.append(_table(text.tasks_table(status.tasks)))
        if note_on_tasks := text.tasks_note(status):
            parts.append(Text(note_on_tasks))
        for line in filter(None, (
                text.clean(backups_line(status.tasks)),
                balance_line(status.tasks))):
            parts.append(Text(line + "\n"))
        if line_on_logs := text.logs_line(status):
            parts.append(Text(line_on_logs + "\n"))
        if status.counters:
            parts.append(_table(text.counters_table(status.counters)))
        if reasons := text.task_reasons(status.tasks):
            parts.append(Text(reasons))
    return Group(*parts)


def _table(cells: text.Table) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    # "fold": by default, rich cuts off long names.
    for name in cells.columns:
        table.add_column(name, overflow="fold")
    for row in cells.rows:
        table.add_row(*(Text(cell, STYLES.get(cell, "")) for cell in row))
    return table
