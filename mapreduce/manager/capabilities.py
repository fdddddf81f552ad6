"""Query Workers for the message types that they accept, beside the main loop.

A strict Worker does not know this query, and may never answer it. So a thread
of its own queries one Worker after the other, and a Worker without an answer
delays only other queries. The thread starts with the first query.

    main thread   ask, close
    probe thread  everything else; its outcomes go into the Inbox
"""
from __future__ import annotations

import collections
import logging
import queue

from mapreduce.manager.scheduling.events import CapabilitiesKnown, ProbeFailed
from mapreduce.manager.scheduling.remote_worker import RemoteWorker
from mapreduce.protocol import messages, signing
from mapreduce.protocol.codec import answer_from_document
from mapreduce.protocol.fields import ProtocolError
from mapreduce.protocol.signing import Secret
from mapreduce.protocol.status import MessageTypes, WorkerState
from mapreduce.utils import outbox
from mapreduce.utils.door import seal_for
from mapreduce.utils.inbox import Inbox

LOGGER = logging.getLogger(__name__)

TIMEOUT = 1.0  # seconds for an answer, while other queries wait
# Seconds for the first query to a Worker: most answer in milliseconds, and
# those that don't must not delay them.
FIRST_TIMEOUT = 0.1
# After so many late answers a Worker counts as strict. Together they take ten
# seconds: a Worker that was stopped for a moment answers one of them.
MAX_QUERIES = 11
RETRY_DELAY = 1.0  # seconds until the next query if this machine lacks files


class CapabilityProbe:
    """A thread that queries Workers and puts the outcomes into an Inbox."""

    def __init__(self, inbox: Inbox) -> None:
        """Start no thread yet; later the Inbox owns and joins it."""
        self._inbox = inbox
        self._has_begun = False
        # None wakes the thread so that it sees the stop flag.
        self._workers: queue.SimpleQueue[RemoteWorker | None] = (
            queue.SimpleQueue())

    def ask(self, worker: RemoteWorker) -> None:
        """Query a Worker; the event CapabilitiesKnown or ProbeFailed follows.

        For a Worker that is marked dead meanwhile, there may be no event.
        """
        if not self._has_begun:
            self._has_begun = True
            self._inbox.spawn(self._run)
        self._workers.put(worker)

    def close(self) -> None:
        """Send no more queries; the thread ends soon."""
        self._inbox.stop.set()
        self._workers.put(None)

    def _run(self) -> None:
        late: collections.Counter[RemoteWorker] = collections.Counter()
        while (worker := self._workers.get()) is not None and (
                not self._inbox.stop.is_set()):
            try:
                outcome = _ask(
                    worker, TIMEOUT if late[worker] else FIRST_TIMEOUT,
                    self._inbox.secret)
            except outbox.LateAnswer:
                late[worker] += 1
                # Read without a lock: the main thread may mark it dead later,
                # and then the Scheduler ignores the outcome.
                if worker.state is WorkerState.DEAD:
                    continue
                if late[worker] < MAX_QUERIES:
                    self._workers.put(worker)  # again, after others
                    continue
                outcome = CapabilitiesKnown(worker, frozenset())
            if outcome:
                self._inbox.put(outcome)
                continue
            self._inbox.stop.wait(RETRY_DELAY)
            self._workers.put(worker)


def _ask(
    worker: RemoteWorker, timeout: float, secret: Secret | None
) -> CapabilitiesKnown | ProbeFailed | None:
    """Query one Worker; return None if this machine could not.

    Raises LateAnswer if it does not answer in time.
    """
    types: tuple[str, ...] = ()
    try:
        answer = outbox.ask(
            *worker.address, messages.GetMessageTypesMessage(), timeout,
            seal_for(signing.worker(*worker.address), secret))
        types = answer_from_document(MessageTypes, answer).message_types
    except outbox.LateAnswer:
        LOGGER.warning("%r did not answer in time", worker)
        raise
    # A strict Worker ignores the query and closes the connection.
    except (outbox.NoAnswer, ProtocolError) as error:
        LOGGER.info("%r gave no list of message types: %s", worker, error)
    except OSError as error:
        LOGGER.warning("Cannot ask %r: %s", worker, error)
        return (None if outbox.is_own_failure(error)
                else ProbeFailed(worker))
    return CapabilitiesKnown(worker, frozenset(types))
