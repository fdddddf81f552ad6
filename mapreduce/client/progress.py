"""Follow a job until it has ended, and tell how it fares."""
from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

import click

from mapreduce import display
from mapreduce.client.command import is_terminal
from mapreduce.client.errors import JobFailed, NoManager, UnknownJob
from mapreduce.client.remote_manager import RemoteManager
from mapreduce.display import text
from mapreduce.protocol.status import JobState, JobStatus

Answer = TypeVar("Answer")

POLL_INTERVAL = 0.2  # seconds between two looks at a job
KEY_TIMEOUT = 60.0  # seconds until a job that was submitted must be known
LINE_INTERVAL = 10.0  # seconds at least between two lines of one stage


def retry_once(question: Callable[[], Answer]) -> Answer:
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
        count = "" if job.state is JobState.QUEUED else (
            f", {job.tasks_done} of {job.tasks} tasks done")
        click.echo(f"{text.title(job)}: {job.state.value}{count}", err=True)


@contextlib.contextmanager
def progress(quiet: bool) -> Iterator[Progress]:
    """Show how a job fares on standard error, in the way that suits it."""
    if quiet:
        yield Silence()
    elif is_terminal(sys.stderr):
        with display.screen.progress_bar() as shown:
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
    deadline = time.monotonic() + KEY_TIMEOUT
    seen = False
    while True:
        job = retry_once(look)
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
    if job.state is not JobState.DONE:
        raise JobFailed(text.failure(job))


def show_counters(manager: RemoteManager, job: JobStatus) -> None:
    """Show on standard error what a job that has ended has counted.

    How it ended is known; a Manager that no longer answers changes nothing.
    """
    with contextlib.suppress(NoManager, UnknownJob):
        if counters := manager.details(job.id).counters:
            click.echo(text.counters_text(counters), err=True)
