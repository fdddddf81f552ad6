"""Lay out a status on a screen of a given size, line by line.

Each line is a list of texts that follow each other; the screen gives each its
colour. No line is wider than the screen, so none is wrapped, and the number
of lines is known. The job that runs is always visible.
"""
from __future__ import annotations

import dataclasses
from typing import TypeVar

from mapreduce.display import text
from mapreduce.display.backups import backups_line
from mapreduce.display.balance import balance_line
from mapreduce.protocol.status import (
    ClusterStatus,
    JobDetails,
    TaskState,
    WorkerState,
)

Row = TypeVar("Row")
Status = ClusterStatus | JobDetails
Line = list[str]
# The first line of a screen: if it is too long, the first part is cut.
Header = tuple[str, str]

FRAME_LINES = 10  # around the rows of a cluster: titles, blanks, notes
MIN_ROWS = 4  # of a cluster: below, only jobs are shown
# Columns of a cell that is cut. A shorter cell has no use: then columns of
# the table are left out.
MIN_WIDTH = 8
# Only these columns are cut: the others are short, or are numbers.
LONG_COLUMNS = {"NAME", "OUTPUT", "WORKER", "TASK", "STATUS", "COUNTER",
                "GROUP"}


def cut(value: str, width: int) -> str:
    """Return a text of at most `width` columns; … stands for the rest."""
    if text.width_of(value) <= width:
        return value
    # A character may take two columns.
    value = value[:max(width - 1, 0)]
    while value and text.width_of(value) > width - 1:
        value = value[:-1]
    return value + "…"


def lines(
    status: Status, header: Header, note: str, width: int, height: int
) -> list[Line]:
    """Return the lines of a screen: at most `height`, of `width` columns.

    The header comes first; the note, which may be empty, comes last.
    """
    body = (_cluster_lines(status, width, height)
            if isinstance(status, ClusterStatus)
            else _job_lines(status, width, height))
    last: list[Line] = [[cut(note, width)]] if note else []
    return [[_first_line(header, width)],
            *body[:height - 1 - len(last)], *last]


def _first_line(header: Header, width: int) -> str:
    name, rest = header
    return cut(cut(name, max(width - text.width_of(rest), 1)) + rest, width)


def _cluster_lines(
    status: ClusterStatus, width: int, height: int
) -> list[Line]:
    shown, rest = fit(status, height)
    found: list[Line] = []
    if shown.workers:
        found = [[""], *_table_lines(text.workers_table(shown.workers), width)]
    elif not status.workers:
        found = [[""], ["No Workers"]]
    # The positions in the queue are those of all jobs.
    table = text.jobs_table(status.jobs)
    numbers = {str(job.id) for job in shown.jobs}
    table = dataclasses.replace(table, rows=tuple(
        row for row in table.rows if row[0] in numbers))
    jobs = _table_lines(table, width) if shown.jobs else [["No jobs"]]
    found += [[""], *jobs]
    if rest:
        found.append([cut(rest, width)])
    return [*found, [""], [cut(text.paths_line(status), width)]]


def _job_lines(details: JobDetails, width: int, height: int) -> list[Line]:
    if details.job is None:
        return [["No such job"]]
    about = [[cut(line, width)]
             for line in text.job_lines(details.job).split("\n")]
    # Beside the tasks: a header, two blank lines, titles and two notes.
    room = height - len(about) - 6
    if room < MIN_ROWS:
        about = about[:3]
        room = height - len(about) - 6
    tasks = around(
        details.tasks, room,
        [task.state is TaskState.RUNNING for task in details.tasks])
    found = [[""], *about]
    if tasks:
        found += [[""], *_table_lines(text.tasks_table(tasks), width)]
    if rest := _rest(len(tasks), len(details.tasks)):
        found.append([cut(rest, width)])
    for line in filter(None, (
            text.clean(backups_line(details.tasks)),
            balance_line(details.tasks))):
        found += [[""], [cut(line, width)]]
    if details.counters:
        found += [[""], *_table_lines(
            text.counters_table(details.counters), width)]
    reasons = text.task_reasons(details.tasks)
    return found + [[cut(line, width)] for line in reasons.split("\n")]


def fit(status: ClusterStatus, height: int) -> tuple[ClusterStatus, str]:
    """Return the rows that fit on a screen, and a note about the others."""
    room = height - FRAME_LINES
    if room < MIN_ROWS:
        workers = status.workers[:0]
        room = height - 6
    else:
        # Workers get half of the rows, or more if there are few jobs.
        workers = around(
            status.workers, max(room // 2, room - len(status.jobs)),
            [worker.state is not WorkerState.READY
             for worker in status.workers])
    jobs = around(status.jobs, room - len(workers),
                  [not job.ended for job in status.jobs])
    return (dataclasses.replace(status, workers=workers, jobs=jobs),
            _rest(len(workers) + len(jobs),
                  len(status.workers) + len(status.jobs)))


def around(
    rows: tuple[Row, ...], room: int, is_active: list[bool]
) -> tuple[Row, ...]:
    """Return consecutive rows, with the first active one in the middle."""
    room = max(room, 1)
    # Without an active row, show the end of the list: the newest.
    first = is_active.index(True) if True in is_active else len(rows)
    start = max(0, min(first - room // 2, len(rows) - room))
    return rows[start:start + room]


def _rest(shown: int, number: int) -> str:
    return f"{shown} of {number} rows" if shown < number else ""


def _table_lines(table: text.Table, width: int) -> list[Line]:
    """Return a table as lines; long cells are cut, then columns left out."""
    rows = (table.columns, *table.rows)
    widths = [max(map(text.width_of, column)) for column in zip(*rows)]
    while _width(widths) > width:
        longest = max(
            (index for index, name in enumerate(table.columns[:len(widths)])
             if name in LONG_COLUMNS and widths[index] > MIN_WIDTH),
            key=widths.__getitem__, default=None)
        if longest is not None:
            widths[longest] -= 1
        elif len(widths) > 1:
            widths.pop()
        else:
            widths = [width]
    return [[text.pad(cut(cell, room), room) + gap for cell, room, gap in zip(
        row, widths, [text.GAP] * (len(widths) - 1) + [""])] for row in rows]


def _width(widths: list[int]) -> int:
    return sum(widths) + len(text.GAP) * (len(widths) - 1)
