"""Following a job until it has ended, and telling how it fares."""
from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol, TypeVar

import click

import mapreduce
from mapreduce import utils
from mapreduce.client import JobFailed, NoManager, is_terminal

if TYPE_CHECKING:
    import mapreduce.screen
    from mapreduce.utils.status import JobStatus

Answer = TypeVar("Answer")

POLL_INTERVAL = 0.2  # seconds between two looks at a job
KEY_PATIENCE = 60.0  # seconds until a job that was submitted must be known
LINE_INTERVAL = 10.0  # seconds at least between two lines of one stage


def patiently(question: Callable[[], Answer]) -> Answer:
    """Ask what was answered before; raise NoManager if it fails twice."""
    try:
        return question()
    except NoManager:
        time.sleep(POLL_INTERVAL)
    try:
        return question()
    except NoManager as error:
        raise NoManager(f"the Manager has gone: {error.message}") from error


class Progress(Protocol):
    """Shows how a job fares to whoever waits for it."""

    def show(self, job: JobStatus) -> None:
        """Show the job as it is now."""


class Silence:
    """Shows nothing."""

    def show(self, job: JobStatus) -> None:
        """Show nothing."""


class Lines:
    """Shows a line for each stage, and few between, where no terminal is."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Take a clock that gives seconds."""
        self._clock = clock
        self._shown: JobStatus | None = None
        self._time = 0.0

    def show(self, job: JobStatus) -> None:
        """Write a line if there is something new and it is time for one."""
        now = self._clock()
        last = self._shown
        if last is not None and last.state == job.state and (
                now - self._time < LINE_INTERVAL
                or last.tasks_done == job.tasks_done):
            return
        self._shown, self._time = job, now
        if not job.ended:
            click.echo(
                f"{utils.report.title(job)}: {job.state}, "
                f"{job.tasks_done} of {job.tasks} tasks done", err=True)


@contextlib.contextmanager
def progress(quiet: bool) -> Iterator[Progress]:
    """Show how a job fares on standard error, in the way that suits it."""
    if quiet:
        yield Silence()
    elif is_terminal(sys.stderr):
        with mapreduce.screen.progress_bar() as shown:
            yield shown
    else:
        yield Lines()


def follow(
    look: Callable[[], JobStatus | None], shown: Progress
) -> JobStatus:
    """Wait until a job has ended; return how it is then.

    Look is asked how the job is, and returns None where nobody knows it; it
    may raise NoManager once in a row. Raises NoManager for a job that does
    not show up within seconds, or that nobody knows any more.
    """
    deadline = time.monotonic() + KEY_PATIENCE
    seen = False
    while True:
        job = patiently(look)
        if job is not None:
            seen = True
            shown.show(job)
            if job.ended:
                return job
        elif seen:
            raise NoManager("the Manager no longer knows the job: it was "
                            "started anew; submit the job again")
        elif time.monotonic() > deadline:
            raise NoManager("the Manager took the job but does not know it "
                            "yet: it is busy, or was started anew")
        time.sleep(POLL_INTERVAL)


def check(job: JobStatus) -> None:
    """Raise JobFailed, with the reason, for a job that is not done."""
    if job.state != "done":
        raise JobFailed(utils.report.failure(job))


def done_line(job: JobStatus) -> str:
    """Return a line on a job that is done, and where its result lies."""
    directory = os.path.join(job.directory, job.output_directory)
    return (f"{utils.report.title(job)}: done in "
            f"{utils.report.duration(job.seconds)}; the result is in "
            f"{utils.report.clean(directory)}")
