"""Follow a job until it has ended, and show its progress."""
from __future__ import annotations

import contextlib
import dataclasses
import sys
import time
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

from mapreduce import display
from mapreduce.client.command import is_terminal, tell, tell_all
from mapreduce.client.errors import JobFailed, NoManager, UnknownJob
from mapreduce.client.remote_manager import RemoteManager
from mapreduce.client.stderr_lines import StderrLines
from mapreduce.display import text
from mapreduce.display.balance import balance_line
from mapreduce.protocol.layout import (
    FROM_CACHE,
    NOT_CACHED,
    RECORDS,
    SKIPPED_INPUTS,
    SKIPPED_RECORDS,
)
from mapreduce.protocol.status import Counter, JobDetails, JobState, JobStatus

Answer = TypeVar("Answer")

POLL_INTERVAL = 0.2  # seconds between two queries for a job
FIRST_PAUSE = 0.02  # seconds, the same after the first answer
# Seconds until the Manager must know a job that was submitted. The Manager may
# be deleting a large directory first, since it does one thing after another.
KEY_TIMEOUT = 60.0
# Seconds for which a Manager that keeps its jobs may be away.
AWAY_TIMEOUT = 60.0
LINE_INTERVAL = 10.0  # seconds at least between two lines of one stage


def retry(
    query: Callable[[], Answer],
    keeps_jobs: Callable[[], bool] = lambda: False,
) -> Answer:
    """Return the result of a query, which is repeated once if it fails.

    Raises NoManager. If the Manager keeps its jobs, the query may fail for
    AWAY_TIMEOUT: the next Manager goes on with them.
    """
    try:
        return query()
    except NoManager:  # A packet may have been lost.
        time.sleep(POLL_INTERVAL)
    try:
        return query()
    except NoManager as error:
        if keeps_jobs():
            return _wait_for(query, error)
        raise NoManager(f"the Manager has gone: {error.message}") from error


def _wait_for(query: Callable[[], Answer], error: NoManager) -> Answer:
    tell(f"{error.message} Waiting for it, for up to {AWAY_TIMEOUT:g} s")
    deadline = time.monotonic() + AWAY_TIMEOUT
    while time.monotonic() < deadline:
        with contextlib.suppress(NoManager):
            return query()
        time.sleep(POLL_INTERVAL)
    raise NoManager(
        f"the Manager has gone for {AWAY_TIMEOUT:g} s: {error.message}"
    ) from error


class Progress(Protocol):
    """Shows the progress of a job to the user."""

    def show(self, job: JobStatus) -> None:
        """Show the given status of the job."""


class NoProgress:
    """Shows nothing."""

    def show(self, job: JobStatus) -> None:
        """Show nothing."""


class Lines:
    """Shows a line for each stage, and a few between them; for log files."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Use a clock that returns seconds."""
        self._clock = clock
        self._shown: JobStatus | None = None
        self._time = 0.0

    def show(self, job: JobStatus) -> None:
        """Write a line if the status has changed and it is time for one."""
        now = self._clock()
        last = self._shown
        if last is not None and last.state == job.state and (
                now - self._time < LINE_INTERVAL
                or last.tasks_done == job.tasks_done):
            return
        self._shown, self._time = job, now
        if job.ended:
            return
        # The number of its tasks may not be known before it starts.
        count = "" if job.state is JobState.QUEUED else (
            f", {job.tasks_done} of {job.tasks} tasks done")
        tell(f"{text.title(job)}: {job.state.value}{count}")


@contextlib.contextmanager
def progress(quiet: bool, draws: bool = True) -> Iterator[Progress]:
    """Yield an object that shows progress on standard error.

    On a terminal, it is drawn there, if it may be.
    """
    if quiet:
        yield NoProgress()
    elif draws and is_terminal(sys.stderr):
        with display.screen.progress_bar() as shown:
            yield shown
    else:
        yield Lines()


def follow(
    look: Callable[[], JobStatus | None], shown: Progress,
    keeps_jobs: Callable[[], bool] = lambda: False,
) -> JobStatus:
    """Wait until a job has ended, and return its status.

    `look` returns the present status of the job, or None if the Manager has
    no such job. Raises NoManager if `look` does so as in retry, if the
    job does not appear within KEY_TIMEOUT, or if it disappears.
    """
    deadline = time.monotonic() + KEY_TIMEOUT
    pause = FIRST_PAUSE
    seen = False
    while True:
        begin = time.monotonic()
        job = retry(look, keeps_jobs)
        if job is not None:
            seen = True
            # No error of the display may end a job.
            with contextlib.suppress(OSError, ValueError):
                shown.show(job)
            if job.ended:
                return job
        elif seen:
            raise NoManager("the Manager no longer knows the job: it was "
                            "started anew; submit the job again")
        elif time.monotonic() > deadline:
            raise NoManager("the Manager took the job but does not know it "
                            "yet: it is busy, or was started anew")
        if time.monotonic() - begin >= POLL_INTERVAL:
            # The Manager held the query for that time, and answers the next
            # one as soon as the job ends.
            pause = FIRST_PAUSE
            continue
        # It was busy, or is an older version, which never holds a query.
        time.sleep(min(pause, POLL_INTERVAL))
        pause = min(2 * pause, POLL_INTERVAL)


@dataclasses.dataclass(frozen=True)
class Shown:
    """What the user sees of a job of an engine, beside its result."""

    quiet: bool
    # What its tasks print on standard error; None: that is not shown.
    lines: StderrLines | None = None
    # Gets the details of the job when it has ended, failed or not.
    on_end: Callable[[JobDetails], object] = lambda details: None

    def follow(self, look: Callable[[], JobStatus | None]) -> JobStatus:
        """Show the job until it has ended, as `follow` does."""
        # A progress bar would overwrite the lines of tasks.
        with progress(self.quiet, draws=self.lines is None) as shown:
            ended = follow(lambda: self._look(look), shown)
        if self.lines:
            self.lines.end()
        return ended

    def _look(
        self, look: Callable[[], JobStatus | None]
    ) -> JobStatus | None:
        status = look()
        if self.lines:
            self.lines.show()
        return status

    def end(self, details: JobDetails) -> None:
        """Show what is known of the job when it has ended."""
        if not self.quiet:
            tell_details(details)
        self.on_end(details)


def check(job: JobStatus) -> None:
    """Raise JobFailed, with the reason, for a job that failed."""
    if job.state is not JobState.DONE:
        raise JobFailed(text.failure(job))


def show_counters(manager: RemoteManager, job: JobStatus) -> None:
    """Show the counters of an ended job, and its balance if it is bad."""
    # The outcome of the job is known already. A Manager that has ended since
    # must not turn a success into an error.
    with contextlib.suppress(NoManager, UnknownJob):
        tell_details(manager.details(job.id))


def tell_details(details: JobDetails) -> None:
    """Print the counters of an ended job, and its balance if it is bad."""
    tell_counters(details.counters)
    tell_all(_cache_lines(details))
    if line := balance_line(details.tasks):
        tell(line)


def tell_counters(counters: tuple[Counter, ...]) -> None:
    """Print counters, and inputs and records that were left out, if any."""
    skipped, records = (
        [counter.name for counter in counters if counter.group == group]
        for group in (SKIPPED_INPUTS, SKIPPED_RECORDS))
    others = tuple(
        counter for counter in counters
        if counter.group not in (
            SKIPPED_INPUTS, SKIPPED_RECORDS, NOT_CACHED))
    if others:
        tell(text.counters_text(others))
    if skipped:
        noun = "input" if len(skipped) == 1 else "inputs"
        tell(text.clean(f"Skipped {len(skipped)} {noun} that can't be "
                        f"read: {', '.join(map(repr, skipped))}"))
    if records:
        noun = "record" if len(records) == 1 else "records"
        tell(text.clean("\n".join([
            f"Skipped {len(records)} {noun} on which executables die:",
            *(f"  {record}" for record in records)])))


def _cache_lines(details: JobDetails) -> Iterator[str]:
    """Iterate over lines on a job with a cache; none for other jobs."""
    if details.job is None or all(
            option.name != "cache" for option in details.options):
        return
    amounts = {(counter.group, counter.name): counter.amount
               for counter in details.counters}
    if not amounts:  # no task of it was done
        return
    yield (f"{amounts.get((RECORDS, FROM_CACHE), 0)} of "
           f"{details.job.map_tasks} map tasks from the cache")
    for (group, reason), amount in amounts.items():
        if group == NOT_CACHED:
            noun = "map task is" if amount == 1 else "map tasks are"
            yield f"{amount} {noun} not in the cache: {reason}"
