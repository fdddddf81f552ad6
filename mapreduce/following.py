"""Follow a job until it has ended, and tell how it fares."""
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
from mapreduce.client import (
    NO_WORKER,
    Interrupted,
    JobFailed,
    Manager,
    NoManager,
    UnknownJob,
    is_terminal,
)
from mapreduce.utils.extensions import ExtendedJobMessage

if TYPE_CHECKING:
    import mapreduce.screen
    from mapreduce.utils.messages import JobMessage
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
        if job.ended:
            return
        # How many tasks it has may not be known before it starts.
        count = "" if job.state == "queued" else (
            f", {job.tasks_done} of {job.tasks} tasks done")
        click.echo(f"{utils.report.title(job)}: {job.state}{count}", err=True)


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


def show_counters(manager: Manager, job: JobStatus) -> None:
    """Show on standard error what a job that has ended has counted.

    How it ended is known; a Manager that no longer answers changes nothing.
    """
    with contextlib.suppress(NoManager, UnknownJob):
        if counters := manager.details(job.id).counters:
            click.echo(utils.report.counters_text(counters), err=True)


def submit(
    manager: Manager, message: JobMessage, quiet: bool,
    submitted: Callable[[], None] = lambda: None,
) -> None:
    """Submit a job, and return when it is done; or fail as it does.

    Calls submitted when the Manager has it.
    """
    key = message.job_key
    assert key is not None
    job: JobStatus | None = None
    has_advised = quiet

    def look() -> JobStatus | None:
        nonlocal job, has_advised
        status = manager.status(key)
        if status.is_stuck and not has_advised:
            has_advised = True
            click.echo(NO_WORKER, err=True)
        job = next((its for its in status.jobs if its.key == key), None)
        return job

    try:
        manager.send(message)
        submitted()
        with progress(quiet) as shown:
            ended = follow(look, shown)
    except Interrupted as interrupted:
        interrupted.note = _note(manager, job)
        raise
    if isinstance(message, ExtendedJobMessage) and not quiet:
        show_counters(manager, ended)
    check(ended)
    if not quiet:
        click.echo(done_line(ended), err=True)


def _note(manager: Manager, job: JobStatus | None) -> str:
    """Return what to tell a user who no longer waits for a job."""
    if job is None:
        return ("The job may have been submitted. Look for it: "
                f"mapreduce-status {manager.options()}")
    words = f"{manager.options()} {job.id}"
    return (f"Job {job.id} goes on. Watch it: mapreduce-status {words}\n"
            f"Cancel it: mapreduce-cancel {words}")
