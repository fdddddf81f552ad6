"""Send messages to Workers, so that the Manager's loop waits for none of them.

A name service without an answer, or an address that swallows packets, holds a
send for many seconds. So threads send. The loop waits for what comes of a send
only for a moment, in which almost every send ends; a later outcome comes
through the Inbox, after MessageDelayed.

    loop     send, ask_to_register, retry, close
    senders  everything else; each is started when all others are busy

The messages to one address go out in the order of `send`, one after the other.
A message that this machine can't send (it lacks files, for example) says
nothing about the Worker: it is sent again at the next `retry`, and what
follows to that address waits behind it.
"""
from __future__ import annotations

import collections
import dataclasses
import logging
import threading
import time

from mapreduce.manager.scheduling import events
from mapreduce.manager.scheduling.remote_worker import RemoteWorker
from mapreduce.protocol import messages, signing
from mapreduce.protocol.signing import Secret
from mapreduce.protocol.status import WorkerState
from mapreduce.utils import outbox
from mapreduce.utils.door import seal_for
from mapreduce.utils.inbox import Inbox
from mapreduce.utils.network import MessageTooLong

LOGGER = logging.getLogger(__name__)

# Seconds that the loop waits for the outcome of a send. In that time no other
# message goes out: a refused task, for example, is sent to the next Worker
# before anything else.
GRACE = 0.05
# The same, while slow sends exist: a hundred addresses that swallow packets
# must not delay the loop by five seconds.
SLOW_GRACE = 0.001
MAX_THREADS = 64
# Of these, at most so many send the first message to a Worker. The others stay
# free for Workers that have been reached before.
MAX_NEWCOMERS = 48
CLOSE_TIMEOUT = 2.0  # seconds to begin sends after `close`
RETRY_INTERVAL = 0.1  # seconds between tries after `close`

Outcome = (events.MessageSent | events.MessageDelayed
           | events.WorkerUnreachable | messages.FailedMessage)


@dataclasses.dataclass(eq=False)
class _Delivery:
    """A message, and what came of it."""

    worker: RemoteWorker
    message: messages.Message
    awaited: bool = True  # by the loop; otherwise the Inbox gets the outcome
    outcome: Outcome | None = None

    @property
    def is_first(self) -> bool:
        """Whether it is the first message to its Worker."""
        return isinstance(self.message, (
            messages.RegisterAckMessage, messages.RegisterAgainMessage))


class _Deliveries:
    """The messages to send, in the order of each address.

    The first to an address is being sent by a thread, or waits for one, or
    waits for `retry`.
    """

    def __init__(self) -> None:
        self._by_address: dict[
            messages.Address, collections.deque[_Delivery]] = {}
        # Addresses that wait for a thread, …
        self._waiting: collections.deque[messages.Address] = (
            collections.deque())
        self._newcomers: collections.deque[messages.Address] = (
            collections.deque())
        self._num_newcomers = 0  # being sent by threads
        self._to_retry: list[messages.Address] = []  # … or for `retry`.

    def __contains__(self, address: messages.Address) -> bool:
        """Return whether a message to an address is not sent yet."""
        return address in self._by_address

    def __bool__(self) -> bool:
        """Return whether any message is not sent yet."""
        return bool(self._by_address)

    @property
    def num_ready(self) -> int:
        """The number of messages that threads could take now."""
        return len(self._waiting) + min(
            len(self._newcomers), MAX_NEWCOMERS - self._num_newcomers)

    @property
    def may_retry(self) -> bool:
        """Whether `retry` would make messages ready."""
        return bool(self._to_retry)

    def add(self, delivery: _Delivery) -> None:
        """Add a message behind the others to its address."""
        address = delivery.worker.address
        queue = self._by_address.setdefault(address, collections.deque())
        queue.append(delivery)
        if len(queue) == 1:
            self._make_ready(address)

    def retry(self) -> None:
        """Make ready what this machine could not send."""
        for address in self._to_retry:
            self._make_ready(address)
        self._to_retry.clear()

    def take(self) -> _Delivery | None:
        """Take the next message that is ready."""
        while self.num_ready:
            address = (self._waiting or self._newcomers).popleft()
            queue = self._by_address[address]
            # Marked dead meanwhile: nothing is sent to it any more.
            while queue and queue[0].worker.state is WorkerState.DEAD:
                queue.popleft()
            if queue:
                self._num_newcomers += queue[0].is_first
                return queue[0]
            del self._by_address[address]
        return None

    def complete(self, delivery: _Delivery, outcome: Outcome) -> None:
        """Note the outcome of a message that was taken."""
        self._num_newcomers -= delivery.is_first
        address = delivery.worker.address
        if isinstance(outcome, events.MessageDelayed):
            self._to_retry.append(address)
            return
        queue = self._by_address[address]
        queue.popleft()
        if isinstance(outcome, events.WorkerUnreachable):
            while queue and queue[0].worker is delivery.worker:
                queue.popleft()
        if queue:
            self._make_ready(address)
        else:
            del self._by_address[address]

    def _make_ready(self, address: messages.Address) -> None:
        is_first = self._by_address[address][0].is_first
        (self._newcomers if is_first else self._waiting).append(address)


class Sender:
    """The threads that send, and the messages that wait for them."""

    def __init__(self, inbox: Inbox) -> None:
        """Start no thread yet; the Inbox owns and joins them."""
        self._inbox = inbox
        lock = threading.Lock()  # on everything below
        self._work = threading.Condition(lock)  # the threads wait for it
        self._done = threading.Condition(lock)  # the loop waits for it
        self._deliveries = _Deliveries()
        self._num_threads = 0
        self._num_idle = 0
        self._deadline: float | None = None  # None until `close`

    def send(self, worker: RemoteWorker, message: messages.Message) -> Outcome:
        """Send a message; return what came of it, or MessageDelayed.

        After MessageDelayed, the Inbox gets one of the other outcomes, unless
        the Worker was marked dead before.
        """
        delivery = _Delivery(worker, message)
        with self._work:
            grace = SLOW_GRACE if self._deliveries else GRACE
            self._deliveries.add(delivery)
            self._assign()
            self._done.wait_for(lambda: delivery.outcome is not None, grace)
            delivery.awaited = False
            return delivery.outcome or events.MessageDelayed(worker)

    def ask_to_register(self, address: messages.Address) -> None:
        """Send RegisterAgainMessage to an address; the outcome is ignored."""
        worker = RemoteWorker(address, 0, 0.0)
        with self._work:
            if address not in self._deliveries:
                self._deliveries.add(_Delivery(
                    worker, messages.RegisterAgainMessage(), awaited=False))
                self._assign()

    def retry(self) -> None:
        """Send again what this machine could not send."""
        with self._work:
            self._deliveries.retry()
            self._assign()

    def close(self) -> None:
        """Take no more messages; the threads end when all are sent.

        No send begins later than CLOSE_TIMEOUT.
        """
        with self._work:
            self._deadline = time.monotonic() + CLOSE_TIMEOUT
            self._work.notify_all()

    def _assign(self) -> None:
        """Wake the threads for what is ready; start one if all are busy."""
        num_ready = self._deliveries.num_ready
        self._work.notify(num_ready)
        # Each idle thread will take one of these soon, and only one.
        if num_ready <= self._num_idle or self._num_threads == MAX_THREADS:
            return
        try:
            self._inbox.spawn(self._run)
        except RuntimeError as error:
            LOGGER.warning("Cannot start a thread to send: %s", error)
            return
        self._num_threads += 1

    # The threads

    def _run(self) -> None:
        """Send messages until the Sender is closed."""
        while delivery := self._next():
            outcome = _attempt(delivery, self._inbox.secret)
            with self._work:
                self._complete(delivery, outcome)

    def _next(self) -> _Delivery | None:
        """Wait for a message to send; return None after the end."""
        with self._work:
            self._num_idle += 1
            while not (delivery := self._deliveries.take()):
                if self._deadline is None:
                    self._work.wait()
                elif self._deliveries.may_retry and not self._is_late():
                    self._work.wait(RETRY_INTERVAL)
                    self._deliveries.retry()
                else:
                    break
            self._num_idle -= 1
            return None if self._is_late() else delivery

    def _is_late(self) -> bool:
        return (self._deadline is not None
                and time.monotonic() > self._deadline)

    def _complete(self, delivery: _Delivery, outcome: Outcome) -> None:
        self._deliveries.complete(delivery, outcome)
        if delivery.awaited:
            delivery.outcome = outcome
            self._done.notify()
        elif not (isinstance(outcome, events.MessageDelayed) or isinstance(
                delivery.message, messages.RegisterAgainMessage)):
            self._inbox.put(outcome)


def _attempt(delivery: _Delivery, secret: Secret | None) -> Outcome:
    worker, message = delivery.worker, delivery.message
    try:
        outbox.send_tcp(*worker.address, message, seal_for(
            signing.worker(*worker.address), secret))
    except MessageTooLong as error:
        assert isinstance(message, messages.TaskMessage)
        # Not the fault of the Worker: every other one would refuse it, too.
        # So it counts as a failed attempt, not as a dead Worker.
        return messages.FailedMessage(
            message.task_id, *worker.address,
            f"the task can't be sent, {error}: use more mappers")
    except OSError as error:
        LOGGER.warning(
            "Cannot send to %r: %s", worker, error.strerror or error)
        if outbox.is_own_failure(error):
            return events.MessageDelayed(worker)
        return events.WorkerUnreachable(worker)
    return events.MessageSent(worker)
