"""Ask Workers what they know, while the Manager goes on with its work.

One thread asks, one Worker after the other: one that gives no answer keeps
only other questions waiting. It is started by the first of them.
"""
from __future__ import annotations

import collections
import logging
import queue

from mapreduce.manager.scheduling.events import WorkerAnswered, WorkerGone
from mapreduce.manager.scheduling.remote_worker import RemoteWorker
from mapreduce.protocol import messages
from mapreduce.protocol.codec import answer_from_document
from mapreduce.protocol.fields import ProtocolError
from mapreduce.protocol.status import MessageTypes, WorkerState
from mapreduce.utils import outbox
from mapreduce.utils.inbox import Inbox

LOGGER = logging.getLogger(__name__)

TIMEOUT = 1.0  # seconds for an answer; others wait to be asked
FIRST_TIMEOUT = 0.1  # seconds, at first; then it is the turn of others
MAX_QUESTIONS = 11  # to a Worker that is late; it may have been held up


class CapabilityProbe:
    """Puts what comes of questions into an Inbox."""

    def __init__(self, inbox: Inbox) -> None:
        """Ask nobody yet; the Inbox will join the thread."""
        self._inbox = inbox
        self._has_begun = False
        self._workers: queue.SimpleQueue[RemoteWorker | None] = (
            queue.SimpleQueue())

    def ask(self, worker: RemoteWorker) -> None:
        """Have a Worker asked: WorkerAnswered or WorkerGone."""
        if not self._has_begun:
            self._has_begun = True
            self._inbox.spawn(self._run)
        self._workers.put(worker)

    def close(self) -> None:
        """Ask nobody any more."""
        self._inbox.stop.set()
        self._workers.put(None)

    def _run(self) -> None:
        late: collections.Counter[RemoteWorker] = collections.Counter()
        while (worker := self._workers.get()) is not None and (
                not self._inbox.stop.is_set()):
            try:
                outcome = _ask(
                    worker, TIMEOUT if late[worker] else FIRST_TIMEOUT)
            except outbox.LateAnswer:
                late[worker] += 1
                if worker.state is WorkerState.DEAD:
                    continue
                if late[worker] < MAX_QUESTIONS:
                    self._workers.put(worker)  # Behind the others.
                    continue
                outcome = WorkerAnswered(worker, frozenset())
            self._inbox.put(outcome)


def _ask(
    worker: RemoteWorker, timeout: float
) -> WorkerAnswered | WorkerGone:
    """Ask a Worker which messages it takes; strict ones hang up.

    Raises LateAnswer.
    """
    types: tuple[str, ...] = ()
    try:
        answer = outbox.ask(
            *worker.address, messages.GetMessageTypesMessage(), timeout)
        types = answer_from_document(MessageTypes, answer).message_types
    except outbox.LateAnswer:
        LOGGER.warning("%r did not answer in time", worker)
        raise
    except (outbox.NoAnswer, ProtocolError) as error:
        LOGGER.info("%r did not tell what it takes: %s", worker, error)
    except OSError as error:
        LOGGER.warning("Cannot ask %r: %s", worker, error)
        return WorkerGone(worker)
    return WorkerAnswered(worker, frozenset(types))
