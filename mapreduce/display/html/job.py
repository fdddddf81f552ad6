"""Arrange what a page shows of a job: pure functions of records."""
from __future__ import annotations

import collections
import dataclasses
import re
import shlex
from collections.abc import Iterator

from mapreduce.display.balance import Balance, balance
from mapreduce.display.html.paging import Page, page
from mapreduce.display.html.timeline import Timeline, timeline
from mapreduce.protocol.status import (
    JobDetails,
    JobOption,
    JobStatus,
    TaskState,
    TaskStatus,
)

PAGE_ROWS = 100
REPORT_ROWS = 1_000
MAX_PARTS = 20  # of the balance that are drawn
# Fields of a submission whose option of the commands has another name.
OPTION_NAMES = {
    "input_paths": "--input", "output_directory": "--output",
    "mapper_executable": "--mapper", "reducer_executable": "--reducer",
    "num_mappers": "--nmappers", "num_reducers": "--nreducers",
    "environment": "--cmdenv", "max_map_attempts": "--max-attempts",
    "map_speculative": "--speculative",
}
# Fields that no option sets.
UNSET = {"max_mappers", "max_reduce_attempts", "reduce_speculative"}
DRAWN = "_drawn"  # the attribute that keeps the drawings of a JobDetails
# Which tasks are shown: all, those in a state, or those that were repeated.
ALL, REPEATED = "all", "tried again"
FILTERS = (ALL, *(state.value for state in TaskState), REPEATED)


@dataclasses.dataclass(frozen=True)
class Choice:
    """What the user has chosen to see of the tasks."""

    show: str = "all"  # one of FILTERS
    number: int = 1  # of the page
    size: int = PAGE_ROWS


@dataclasses.dataclass(frozen=True)
class TaskTable:
    """The tasks that the user has chosen to see."""

    page: Page[TaskStatus]
    show: str  # one of FILTERS
    filters: tuple[tuple[str, int], ...]  # each with its number of tasks


@dataclasses.dataclass(frozen=True)
class JobView:
    """All that a page shows of a job."""

    job: JobStatus
    details: JobDetails
    timeline: Timeline | None
    balance: Balance | None
    tasks: TaskTable
    options: tuple[tuple[str, str], ...]
    command: str  # that would run the job again

    @property
    def logs(self) -> str | None:
        """The directory of the kept standard error, if there is one."""
        return next((option.value for option in self.details.options
                     if option.name == "logs"), None)

    @property
    def title(self) -> str:
        """Number, name and state, e.g., job 3 (words) running."""
        name = f" ({self.job.name})" if self.job.name else ""
        return f"job {self.job.id}{name} {self.state}"

    @property
    def state(self) -> str:
        """The state, where both stages are called running."""
        is_running = not self.job.ended and self.job.state.value != "queued"
        return "running" if is_running else self.job.state.value

    @property
    def seconds_left(self) -> float | None:
        """An estimate, as if all tasks took equally long."""
        job = self.job
        if job.ended or not job.tasks_done:
            return None
        return job.seconds * (job.tasks - job.tasks_done) / job.tasks_done


def job_view(
    details: JobDetails, choice: Choice = Choice(), command: str = ""
) -> JobView:
    """Return what a page shows of a job that the Manager has.

    The command is one that would run it again.
    """
    assert details.job
    return JobView(
        details.job, details, *_drawn(details),
        _task_table(details.tasks, choice),
        tuple(_shown_options(details.options)),
        command)


def _drawn(details: JobDetails) -> tuple[Timeline | None, Balance | None]:
    # Several browsers, or several pages of tasks, show the same answer. Like a
    # functools.cached_property of the record, it is freed together with it.
    attributes = vars(details)
    if DRAWN not in attributes:
        attributes[DRAWN] = timeline(details), balance(details.tasks)
    drawn: tuple[Timeline | None, Balance | None] = attributes[DRAWN]
    return drawn


def _task_table(tasks: tuple[TaskStatus, ...], choice: Choice) -> TaskTable:
    show = choice.show if choice.show in FILTERS else ALL
    counts = collections.Counter(task.state.value for task in tasks)
    counts[ALL] = len(tasks)
    counts[REPEATED] = sum(task.attempts > 1 for task in tasks)
    return TaskTable(
        page([task for task in tasks if _is_shown(task, show)],
             choice.number, choice.size), show,
        tuple((name, counts[name]) for name in FILTERS
              if counts[name] or name == ALL))


def _is_shown(task: TaskStatus, show: str) -> bool:
    if show == REPEATED:
        return task.attempts > 1
    return show in (ALL, task.state.value)


def _shown_options(
    options: tuple[JobOption, ...]
) -> Iterator[tuple[str, str]]:
    for option in options:
        value = option.value
        if option.name == "environment":
            value += "=(not shown)"
        yield option.name.replace("_", " "), value


def submit_command(details: JobDetails, manager: str) -> str:
    """Return a command that submits a job again; empty if it is not known.

    `manager` has the options that name the Manager, e.g., -p 6000.
    """
    if not details.options or details.job is None:
        return ""
    options = list(details.options)
    if not any(option.name == "num_mappers" for option in options):
        options.append(JobOption("num_mappers", str(details.job.map_tasks)))
    if details.job.name:
        options.append(JobOption("name", details.job.name))
    words = (_words(option) for option in options
             if option.name not in UNSET and option.value)
    return " \\\n    ".join([f"mapreduce-submit {manager}".strip(), *words])


def _words(option: JobOption) -> str:
    """Return an option as a shell needs it, e.g., --nmappers 4."""
    name = OPTION_NAMES.get(
        option.name, f"--{option.name.replace('_', '-')}")
    if option.value == "true":
        return name
    if option.value == "false":
        return f"--no-{name[2:]}"
    if option.name != "environment":
        return f"{name} {shlex.quote(option.value)}"
    # The value is not known here, but may be set in the user's shell.
    if re.fullmatch("[A-Za-z_][A-Za-z_0-9]*", option.value):
        return f'{name} {option.value}="${option.value}"'
    return f"{name} {shlex.quote(option.value + '=…')}"
