"""Ask the Manager what the pages show, at a limited rate.

Each page that is loaded or kept up to date asks the Observer, which asks the
Manager only if its last answer is too old. So the number of browsers does not
matter, and no question is sent while no page is open.

All methods run in one event loop; only the questions run in other threads.
"""
from __future__ import annotations

import collections
import dataclasses
import time
from collections.abc import Callable
from typing import Generic, TypeVar

import anyio
import anyio.to_thread

from mapreduce.client.errors import NoManager, UnknownJob
from mapreduce.client.remote_manager import RemoteManager
from mapreduce.protocol.status import ClusterStatus, JobDetails, JobStatus

Answer = TypeVar("Answer", ClusterStatus, JobDetails)

INTERVAL = 0.5  # seconds between two questions, in the long run
# When a user loads a page, its question may be sent so many seconds earlier:
# the updates of other pages must not delay it.
ALLOWANCE = 1.0
# The answer for a job of 100,000 tasks takes a second to make and to read. It
# is not asked for again before this many times the duration of the last one.
REST = 4.0
MAX_JOBS = 10  # whose details are kept
RATE_SPAN = 60.0  # seconds over which tasks a minute are counted
MIN_RATE_SPAN = 5.0  # seconds


@dataclasses.dataclass(frozen=True)
class Seen(Generic[Answer]):
    """The last answer to a question, and the error since then, if any."""

    answer: Answer | None  # None: there was none, or the job is not known
    clock: str  # the time of the answer for people, or an empty text
    trouble: str = ""  # why the Manager does not answer
    asked: float = 0.0  # when the question was sent last
    cost: float = 0.0  # seconds that the answer took


class Rates:
    """Tasks a minute of each Worker, from the last answers."""

    def __init__(self) -> None:
        """Start without answers."""
        self._seen: collections.deque[
            tuple[float, dict[tuple[str, int], int]]] = collections.deque()

    def add(self, now: float, status: ClusterStatus) -> None:
        """Note how many tasks each Worker has done by now."""
        self._seen.append((now, {
            (worker.host, worker.port): worker.tasks_done
            for worker in status.workers}))
        while now - self._seen[0][0] > RATE_SPAN:
            self._seen.popleft()

    def rates(self) -> dict[tuple[str, int], float]:
        """Return tasks a minute by address; nothing before MIN_RATE_SPAN."""
        if not self._seen:
            return {}
        (first, before), (last, after) = self._seen[0], self._seen[-1]
        if last - first < MIN_RATE_SPAN:
            return {}
        # A Worker that registered again counts from 0 again.
        return {address: max(done - before[address], 0) * 60 / (last - first)
                for address, done in after.items() if address in before}


class Observer:
    """What is known of a Manager, not older than INTERVAL."""

    def __init__(
        self, manager: RemoteManager,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start without answers; no question is sent yet."""
        self.manager = manager
        self.rates = Rates()
        self._clock = clock
        self._lock = anyio.Lock()  # one question at a time
        self._free = 0.0  # when the next question may be sent
        self._cluster: Seen[ClusterStatus] | None = None
        self._jobs: collections.OrderedDict[int, Seen[JobDetails]] = (
            collections.OrderedDict())

    async def cluster(self, urgent: bool = True) -> Seen[ClusterStatus]:
        """Return the state of the cluster; urgent where a user waits."""
        await self._turn(lambda: self._cluster, urgent)
        async with self._lock:
            seen = self._cluster
            if seen is None or not self._is_fresh(seen):
                seen = await self._ask(self.manager.status, seen)
                self._cluster = seen
                if seen.answer and not seen.trouble:
                    self.rates.add(seen.asked, seen.answer)
        return seen

    async def job(self, job_id: int, urgent: bool = True) -> Seen[JobDetails]:
        """Return the details of a job; urgent where a user waits."""
        known = self._jobs.get(job_id)
        if known and known.answer and known.answer.job and (
                known.answer.job.ended):
            # They never change, unless another Manager uses the same number.
            cluster = await self.cluster(urgent)
            if cluster.trouble or _is_listed(known.answer.job, cluster.answer):
                return dataclasses.replace(
                    known, trouble=cluster.trouble, clock=cluster.clock)
        await self._turn(lambda: self._jobs.get(job_id), urgent)
        async with self._lock:
            seen = self._jobs.get(job_id)
            if seen is None or not self._is_fresh(seen):
                seen = await self._ask(
                    lambda: self.manager.details(job_id), seen)
                self._jobs[job_id] = seen
            self._jobs.move_to_end(job_id)
            if len(self._jobs) > MAX_JOBS:
                self._jobs.popitem(last=False)
        return seen

    async def _turn(
        self, known: Callable[[], Seen[Answer] | None], urgent: bool
    ) -> None:
        """Return when a question may be sent, or none is needed."""
        while (seen := known()) is None or not self._is_fresh(seen):
            wait = self._free - self._clock() - ALLOWANCE * urgent
            if wait <= 0:
                return
            await anyio.sleep(wait)

    def _is_fresh(self, seen: Seen[Answer]) -> bool:
        return self._clock() - seen.asked < max(INTERVAL, REST * seen.cost)

    async def _ask(
        self, query: Callable[[], Answer], known: Seen[Answer] | None
    ) -> Seen[Answer]:
        asked = self._clock()
        self._free = max(self._free, asked) + INTERVAL
        try:
            answer = await anyio.to_thread.run_sync(query)
        except UnknownJob:
            return Seen(None, _now(), asked=asked)
        except NoManager as error:
            known = known or Seen(None, "")
            return dataclasses.replace(
                known, trouble=error.message, asked=asked)
        return Seen(answer, _now(), "", asked, self._clock() - asked)


def _is_listed(job: JobStatus, status: ClusterStatus | None) -> bool:
    """Return whether a job is in a list, in which long texts are clipped."""
    return status is not None and any(
        (its.id, its.state, its.submitted_at, its.ended_at, its.seconds)
        == (job.id, job.state, job.submitted_at, job.ended_at, job.seconds)
        for its in status.jobs)


def _now() -> str:
    return time.strftime("%H:%M:%S")
