"""Arrange what a page shows of a cluster: pure functions of records."""
from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator, Mapping

from mapreduce.display import text
from mapreduce.display.html.paging import Page, page
from mapreduce.protocol.status import (
    ClusterStatus,
    JobState,
    JobStatus,
    WorkerState,
    WorkerStatus,
)

PAGE_ROWS = 50
# A death or a failure needs attention for so long.
ATTENTION = datetime.timedelta(hours=1)
MAX_NOTED = 3  # failed jobs that are shown with their reasons
MAX_NAMED = 5  # dead Workers that are named
MANAGER_TIME = "%Y-%m-%dT%H:%M:%S%z"

Rates = Mapping[tuple[str, int], float]  # tasks a minute, by address


@dataclasses.dataclass(frozen=True)
class Note:
    """Something that needs attention."""

    severity: str  # error or warning
    title: str
    detail: str = ""
    job_id: int | None = None


@dataclasses.dataclass(frozen=True)
class WorkerRow:
    """A Worker, and how many tasks it does in a minute."""

    worker: WorkerStatus
    address: str
    rate: float | None  # None: not known yet


@dataclasses.dataclass(frozen=True)
class ClusterView:
    """All that a page shows of a cluster."""

    status: ClusterStatus
    notes: tuple[Note, ...]
    running: tuple[JobStatus, ...]
    queued: Page[JobStatus]
    ended: Page[JobStatus]  # the newest first
    workers: Page[WorkerRow]  # dead ones last
    counts: Mapping[str, int]

    @property
    def title(self) -> str:
        """What the cluster does, e.g., 2 running, 1 queued."""
        names = ("running", "queued")
        parts = [f"{self.counts[name]} {name}" for name in names
                 if self.counts[name]]
        if self.status.is_stuck:
            parts.insert(0, "no Worker lives")
        return ", ".join(parts) or "idle"

    @property
    def is_new(self) -> bool:
        """Whether no job was ever submitted."""
        return not self.status.jobs


@dataclasses.dataclass(frozen=True)
class Choice:
    """What the user has chosen to see: the numbers of pages."""

    queued: int = 1
    ended: int = 1
    workers: int = 1


def cluster_view(
    status: ClusterStatus, now: datetime.datetime,
    choice: Choice = Choice(), rates: Rates | None = None,
) -> ClusterView:
    """Return what a page shows at the time `now`, which has a time zone."""
    dead = [worker for worker in status.workers
            if worker.state is WorkerState.DEAD]
    living = [worker for worker in status.workers
              if worker.state is not WorkerState.DEAD]
    # Users look for the Workers that died last.
    dead.sort(key=lambda worker: worker.silent_seconds)
    queued = [job for job in status.jobs if job.state is JobState.QUEUED]
    ended = [job for job in status.jobs if job.ended]
    ended.sort(key=lambda job: (job.ended_at or "", job.id), reverse=True)
    running = tuple(job for job in status.jobs
                    if not job.ended and job.state is not JobState.QUEUED)
    rows = [WorkerRow(
        worker, text.address(worker),
        (rates or {}).get((worker.host, worker.port)))
        for worker in (*living, *dead)]
    return ClusterView(
        status, tuple(_notes(status, dead, ended, now)), running,
        page(queued, choice.queued, PAGE_ROWS),
        page(ended, choice.ended, PAGE_ROWS),
        page(rows, choice.workers, PAGE_ROWS),
        {"running": len(running), "queued": len(queued),
         "living": len(living), "dead": len(dead),
         "busy": sum(worker.state is WorkerState.BUSY for worker in living),
         **{state.value: sum(job.state is state for job in ended)
            for state in JobState if state.is_final}})


def _notes(
    status: ClusterStatus, dead: list[WorkerStatus], ended: list[JobStatus],
    now: datetime.datetime,
) -> Iterator[Note]:
    if status.is_stuck:
        waiting = sum(not job.ended for job in status.jobs)
        yield Note("error", "No Worker lives", (
            f"{waiting} job{'s wait' if waiting != 1 else ' waits'} for one. "
            "Start one: mapreduce-worker"))
    recent = [worker for worker in dead
              if worker.silent_seconds < ATTENTION.total_seconds()]
    if recent:
        yield _death(recent)
    failed = [job for job in ended if job.state is JobState.FAILED
              and _is_recent(job, now)]
    for job in failed[:MAX_NOTED]:
        yield Note("error", f"J{text.title(job)[1:]} failed",
                   headline(job.reason or ""), job.id)
    if len(failed) > MAX_NOTED:
        yield Note("error", f"{len(failed) - MAX_NOTED} more jobs failed",
                   "within the last hour; see below")


def _death(recent: list[WorkerStatus]) -> Note:
    names = ", ".join(map(text.address, recent[:MAX_NAMED]))
    more = len(recent) - MAX_NAMED
    since = text.duration(recent[0].silent_seconds)
    if len(recent) == 1:
        return Note("warning", f"Worker {names} died",
                    f"It has sent no message for {since}.")
    return Note("warning", f"{len(recent)} Workers died",
                names + (f" and {more} more" if more > 0 else "")
                + f"; the last one was silent for {since}.")


def _is_recent(job: JobStatus, now: datetime.datetime) -> bool:
    ended = moment(job.ended_at)
    return ended is None or now - ended < ATTENTION


def moment(value: str | None) -> datetime.datetime | None:
    """Return a time as the Manager wrote it; None if there is none."""
    try:
        return value and datetime.datetime.strptime(
            value, MANAGER_TIME) or None
    except ValueError:  # Another version may write it in another way.
        return None


def headline(reason: str) -> str:
    """Return the first line of a reason, and the last one of its details."""
    lines = [line.strip() for line in reason.splitlines() if line.strip()]
    return " … ".join(dict.fromkeys(lines[:1] + lines[-1:]))
