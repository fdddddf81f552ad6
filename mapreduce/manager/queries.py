"""Answer the queries of clients: about all jobs and Workers, or about one job.

    loop       answer, answer_passed, release, refresh, note_end; sets
               is_waiting
    listeners  answer_at_once

The listeners read `snapshot`, which is immutable and replaced as a whole, and
`is_waiting`. Both sides change the dictionary of passed queries, by operations
that are atomic: who removes a query from it answers that query.
"""
from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

from mapreduce.manager.receipts import Receipts
from mapreduce.manager.scheduling.scheduler import Scheduler
from mapreduce.manager.scheduling.snapshot import ClusterSnapshot
from mapreduce.protocol import messages
from mapreduce.protocol.codec import encode
from mapreduce.protocol.status import ManagerStatus, Receipt
from mapreduce.utils.inbox import PendingQuery

# Seconds for which a query is held, at most: its client gives up after 5.
MAX_HOLD = 1.0


class Queries:
    """The last snapshot, and the queries that wait for the end of a job."""

    def __init__(
        self, scheduler: Scheduler,
        manager: Callable[[], ManagerStatus | None] = lambda: None,
    ) -> None:
        """Take the first snapshot; `manager` returns a part of all."""
        self._scheduler = scheduler
        self._manager = manager
        self.snapshot = self.refresh(time.monotonic())
        # While the loop waits for an event, the listener passes status queries
        # on, and they are answered with the present state.
        self.is_waiting = False
        # Status queries that a listener passed on, by their ids.
        self._passed: dict[int, PendingQuery] = {}
        # Queries whose clients wait for the end of a job, each with the time
        # at which it is answered at the latest.
        self._held: list[tuple[float, PendingQuery]] = []
        self.receipts = Receipts()

    @property
    def first_end(self) -> float:
        """The time at which the first held query is due."""
        return min([float("inf"), *(end for end, _ in self._held)])

    def answer(self, query: PendingQuery, now: float) -> None:
        """Answer a query that was received at `now`, or hold it."""
        match query.message:
            case messages.GetJobMessage(job_id):
                details = self._scheduler.details(job_id, now)
                query.answer(lambda: encode(details))
            case messages.GetTaskMessage(job_id, stage, task_id):
                command = self._scheduler.jobs.command(job_id, stage, task_id)
                query.answer(lambda: encode(command))
            case messages.GetReceiptMessage(host, port):
                # Jobs and queries are handled in order of arrival. So the
                # client's job, which came before, has its receipt now.
                receipt = Receipt(self.receipts.find((host, port), now))
                query.answer(lambda: encode(receipt))
            case messages.GetStatusMessage(job_key, hold):
                if not self._take(query):
                    return
                # Also kept for the listener, which may answer the next query:
                # no client may see an older state after a newer one.
                snapshot = self.refresh(now)
                if hold and not snapshot.has_ended(job_key):
                    end = time.monotonic() + min(hold, MAX_HOLD)
                    self._held.append((end, query))
                    return
                _answer_status(query, snapshot, now)

    def answer_at_once(self, query: PendingQuery) -> bool:
        """Answer a status query if the loop is busy; return whether it is.

        The loop may be busy for seconds, with a large directory. The last
        snapshot is better than no answer.
        """
        if not isinstance(query.message, messages.GetStatusMessage):
            return False
        # Before the flag is read: from now on, the loop finds the query when
        # it becomes busy, and this thread finds that it is.
        self._passed[id(query)] = query
        if self.is_waiting:
            return False
        if self._take(query):
            _answer_status(query, self.snapshot, time.monotonic())
        return True

    def _take(self, query: PendingQuery) -> bool:
        """Return whether a status query has no answer yet, and claim it."""
        return self._passed.pop(id(query), None) is not None

    def answer_passed(self) -> None:
        """Answer the status queries that wait for a loop that becomes busy."""
        for query in list(self._passed.values()):
            if self._take(query):
                _answer_status(query, self.snapshot, time.monotonic())

    def note_end(self) -> None:
        """Note that a job has ended: all held queries are due."""
        self._held = [(float("-inf"), query) for _, query in self._held]

    def release(self) -> None:
        """Answer the held queries that are due."""
        now = time.monotonic()
        due = [query for end, query in self._held if end <= now]
        self._held = [(end, query) for end, query in self._held if end > now]
        if not due:
            return
        snapshot = self.refresh(now)
        for query in due:
            _answer_status(query, snapshot, now)

    def refresh(self, now: float) -> ClusterSnapshot:
        """Take a new snapshot and return it."""
        self.snapshot = dataclasses.replace(
            self._scheduler.snapshot(now), manager=self._manager())
        return self.snapshot


def _answer_status(
    query: PendingQuery, snapshot: ClusterSnapshot, now: float
) -> None:
    assert isinstance(query.message, messages.GetStatusMessage)
    job_key = query.message.job_key
    query.answer(lambda: encode(snapshot.status(now, job_key)))
