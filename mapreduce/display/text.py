"""Format the state of a Manager for people: as tables and plain text.

Pure: functions from records to strings. Nothing here prints or uses colours.
"""
from __future__ import annotations

import dataclasses
import unicodedata

from mapreduce.display.backups import backups_line
from mapreduce.display.balance import balance_line
from mapreduce.protocol.layout import stderr_log
from mapreduce.protocol.status import (
    ClusterStatus,
    Counter,
    JobDetails,
    JobState,
    JobStatus,
    TaskState,
    TaskStatus,
    WorkerAddress,
    WorkerStatus,
)

EMPTY = "-"  # for an empty cell, so that awk finds the same columns in a line
GAP = "  "  # between columns of plain text
MAX_RECENT = 50  # ended jobs, unless all are wanted


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of texts without line breaks, and the titles of its columns."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def clean(value: str) -> str:
    r"""Return a text with escapes such as \x1b for unprintable characters.

    Its line breaks are kept.
    """
    # A reason holds the standard error of a task. Its control sequences could
    # change the terminal of the user.
    return "\n".join(map(_clean_line, value.split("\n")))


def _clean_line(line: str) -> str:
    if line.isprintable():  # As most are.
        return line
    return "".join(
        character if character.isprintable() or character == "\t"
        else character.encode("unicode_escape").decode()
        for character in line)


def width_of(value: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return len(value) if value.isascii() else sum(map(_columns, value))


def _columns(character: str) -> int:
    """Return 2 for, e.g., a Chinese character, and 0 for a single accent."""
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def pad(value: str, columns: int) -> str:
    """Return a text with as many spaces as it needs for so many columns."""
    return value + " " * (columns - width_of(value))


def _cell(value: str) -> str:
    """Return a text for a cell of a table; the text may be empty."""
    # A tab has no fixed width, so the columns would not be aligned.
    return _clean_line(value).replace("\t", " ") or EMPTY


def duration(seconds: float) -> str:
    """Return, e.g., 7.0 s, 2 min 05 s or 1 h 00 min."""
    if seconds < 59.95:  # From there on, it would be rounded to "60.0 s".
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def title(job: JobStatus) -> str:
    """Return, e.g., job 3, or job 3 (words) if it has a name."""
    return f"job {job.id}" + (f" ({_cell(job.name)})" if job.name else "")


def address(worker: WorkerStatus | WorkerAddress) -> str:
    """Return, e.g., localhost:6001."""
    return f"{_cell(worker.host)}:{worker.port}"


def failure(job: JobStatus) -> str:
    """Return, e.g., job 3 failed: wc_map.py exited 3, or … was cancelled."""
    if job.state is JobState.CANCELLED:  # Its user knows the reason.
        return f"{title(job)} was cancelled"
    return f"{title(job)} {job.state.value}" + (
        f": {clean(job.reason)}" if job.reason else "")


def lost(job: JobStatus) -> str:
    """Return, e.g., job 3 (words): it was running, 1 of 4 tasks done."""
    if job.state is JobState.QUEUED:
        return f"{title(job)}: it was queued"
    return (f"{title(job)}: it was running, {job.tasks_done} of {job.tasks} "
            "tasks done")


def workers_table(workers: tuple[WorkerStatus, ...]) -> Table:
    """Return a row for each Worker."""
    return Table(
        ("WORKER", "STATE", "TASK", "LAST HEARD", "DONE", "FAILED"),
        tuple((
            address(worker), worker.state.value,
            f"job {worker.task.job_id} {worker.task.stage.value} "
            f"{worker.task.task_id}" if worker.task else EMPTY,
            f"{duration(worker.silent_seconds)} ago",
            str(worker.tasks_done), str(worker.tasks_failed),
        ) for worker in workers))


def jobs_table(jobs: tuple[JobStatus, ...]) -> Table:
    """Return a row for each job; a queued one has its position as its time."""
    queued = (job.id for job in jobs if _is_queued(job))
    positions = {job_id: number for number, job_id in enumerate(queued, 1)}
    return Table(
        ("JOB", "NAME", "STATE", "TASKS", "TIME", "OUTPUT"),
        tuple((
            str(job.id), _cell(job.name), job.state.value,
            f"{job.tasks_done}/{job.tasks}",
            f"position {positions[job.id]}" if job.id in positions
            else duration(job.seconds), _cell(job.output_directory),
        ) for job in jobs))


def _is_queued(job: JobStatus) -> bool:
    # A job that starts is shown as queued until its tasks are known.
    return job.state is JobState.QUEUED and not job.seconds


def progress(job: JobStatus) -> tuple[str, str]:
    """Return what stands before and behind the progress bar of a job.

    For example: "job 3: map 4/8 tasks" and "7.0 s, 7.0 s left".
    """
    done, tasks = {
        JobState.MAP: (job.map_tasks_done, job.map_tasks),
        JobState.REDUCE: (job.reduce_tasks_done, job.reduce_tasks),
    }.get(job.state, (job.tasks_done, job.tasks))
    before = f"{title(job)}: {job.state.value}"
    if job.state is not JobState.QUEUED:
        before += f" {done}/{tasks} tasks"
    after = duration(job.seconds)
    # As if all tasks took equally long; before some are done, nothing is
    # known.
    if job.tasks_done and not job.ended:
        left = job.seconds * (job.tasks - job.tasks_done) / job.tasks_done
        after += f", about {duration(left)} left"
    return before, after


def tasks_table(tasks: tuple[TaskStatus, ...]) -> Table:
    """Return a row for each task.

    There is a column for status lines only if a task has one.
    """
    columns = ("TASK", "STATE", "WORKER", "ATTEMPTS", "TIME")
    rows = tuple((
        f"{task.stage.value} {task.task_id}", task.state.value,
        address(task.worker) if task.worker else EMPTY,
        str(task.attempts),
        EMPTY if task.seconds is None else duration(task.seconds),
    ) for task in tasks)
    # Most jobs have no status lines, and a column costs width.
    if not any(task.message for task in tasks):
        return Table(columns, rows)
    return Table((*columns, "STATUS"), tuple(
        (*row, _cell(task.message or "")) for row, task in zip(rows, tasks)))


def count(number: int, noun: str) -> str:
    """Return, e.g., 1 part or 8 parts."""
    return f"{number:,} {noun}" + "s" * (number != 1)


def counters_table(counters: tuple[Counter, ...]) -> Table:
    """Return a row for each counter."""
    return Table(("GROUP", "COUNTER", "AMOUNT"), tuple(
        (_cell(counter.group), _cell(counter.name), str(counter.amount))
        for counter in counters))


def counters_text(counters: tuple[Counter, ...]) -> str:
    """Return counters as plain text; an empty text if there are none."""
    return render(counters_table(counters)) if counters else ""


def paths_line(cluster: ClusterStatus) -> str:
    """Return a line on the directory to which relative paths refer.

    It also tells of a Manager that keeps its jobs since when it runs.
    """
    line = f"Relative paths are meant in {_cell(cluster.directory)}"
    if manager := cluster.manager:
        times = {0: "was never interrupted", 1: "was interrupted once"}.get(
            manager.interruptions,
            f"was interrupted {manager.interruptions} times")
        line += (f"; the Manager runs since {_moment(manager.started_at)}, "
                 f"and {times} before")
        if manager.problem:
            line += f"; it refuses jobs: {_cell(manager.problem)}"
    return line


def recent(status: ClusterStatus) -> tuple[ClusterStatus, int]:
    """Return a status without old jobs, and how many these are."""
    ended = [job for job in status.jobs if job.ended]
    old = {job.id for job in ended[:-MAX_RECENT]}
    return dataclasses.replace(status, jobs=tuple(
        job for job in status.jobs if job.id not in old)), len(old)


def job_lines(job: JobStatus) -> str:
    """Return a job as text, with a line for each property that has a value."""
    lines = [f"J{title(job)[1:]}: {job.state.value}"]
    for name, value in (
        ("tasks done", f"{job.tasks_done} of {job.tasks}: "
         f"map {job.map_tasks_done} of {job.map_tasks}, "
         f"reduce {job.reduce_tasks_done} of {job.reduce_tasks}"),
        ("running time", duration(job.seconds)),
        ("submitted", _moment(job.submitted_at)),
        ("submitted by", _clean_line(job.submitted_by or "")),
        ("started", _moment(job.started_at)),
        ("ended", _moment(job.ended_at)),
        ("input directory", _cell(job.input_directory)),
        ("output directory", _cell(job.output_directory)),
        ("mapper executable", _cell(job.mapper_executable)),
        ("reducer executable", _cell(job.reducer_executable)),
        ("relative paths in", _cell(job.directory)),
        ("reason", _indented(job.reason, 22)),
    ):
        if value:
            lines.append(f"  {name:18}  {value}")
    return "\n".join(lines)


def _moment(value: str | None) -> str:
    """Return, e.g., 2026-11-26 07:15:24 +0000; an empty text for None."""
    date, _, time = (value or "").partition("T")
    return _clean_line(f"{date} {time[:8]} {time[8:]}".strip())


def task_reasons(tasks: tuple[TaskStatus, ...]) -> str:
    """Return the reason of each failed task as text, which may be empty."""
    # Below the table, not in it: a reason has many lines of standard error.
    return "\n".join(
        f"{task.stage.value} {task.task_id} {_end_of(task)}:\n"
        f"  {_indented(task.reason, 2)}"
        for task in tasks if task.reason)


def _end_of(task: TaskStatus) -> str:
    # The page of a cancelled job must not say that it failed.
    return ("was cancelled after a failed attempt"
            if task.state is TaskState.CANCELLED else "failed")


def tasks_note(details: JobDetails) -> str:
    """Return a line if the tasks of a job are no longer kept, or nothing."""
    job = details.job
    # A job that was cancelled in the queue never had tasks.
    if job is None or details.tasks or not (
            job.ended and job.tasks and job.seconds):
        return ""
    return ("The tasks of this job are no longer kept: the Manager keeps "
            "those of the last jobs since its own start")


def logs_line(details: JobDetails) -> str:
    """Return a line that names the files of standard error, or nothing."""
    logs = next((option.value for option in details.options
                 if option.name == "logs"), None)
    if logs is None or not details.tasks:
        return ""
    name = stderr_log(details.tasks[0].stage.value, 0, 1)
    return (f"Standard error of each attempt: {_clean_line(logs)}/{name} "
            "and so on")


def _indented(value: str | None, width: int) -> str:
    """Return a text with spaces before each line except the first."""
    return clean(value or "").rstrip().replace("\n", "\n" + width * " ")


def render(table: Table) -> str:
    """Return a table as plain text, each column as wide as it needs."""
    lines = (table.columns, *table.rows)
    widths = [max(map(width_of, column)) for column in zip(*lines)]
    # Without spaces at the ends of lines, which would wrap in a terminal.
    return "\n".join(
        GAP.join(map(pad, line, widths)).rstrip() for line in lines)


def text(status: ClusterStatus | JobDetails) -> str:
    """Return a status as plain text, without a newline at its end."""
    if isinstance(status, ClusterStatus):
        return "\n\n".join((
            render(workers_table(status.workers)) if status.workers
            else "No Workers",
            render(jobs_table(status.jobs)) if status.jobs else "No jobs",
            paths_line(status)))
    return "\n\n".join(filter(None, (
        job_lines(status.job) if status.job else "No such job",
        render(tasks_table(status.tasks)) if status.tasks else "",
        tasks_note(status),
        _clean_line(backups_line(status.tasks)),
        balance_line(status.tasks),
        logs_line(status),
        counters_text(status.counters),
        task_reasons(status.tasks))))


def without_times(
    status: ClusterStatus | JobDetails
) -> ClusterStatus | JobDetails:
    """Return a status without the fields that change as time passes.

    Two equal ones mean that nothing happened in between.
    """
    if isinstance(status, ClusterStatus):
        return dataclasses.replace(
            status,
            workers=tuple(dataclasses.replace(worker, silent_seconds=0.0)
                          for worker in status.workers),
            jobs=tuple(dataclasses.replace(job, seconds=0.0)
                       for job in status.jobs))
    return dataclasses.replace(
        status,
        job=status.job and dataclasses.replace(status.job, seconds=0.0),
        tasks=tuple(dataclasses.replace(task, seconds=None)
                    for task in status.tasks))
