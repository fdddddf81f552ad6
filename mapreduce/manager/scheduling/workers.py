"""All Workers that a Manager knows, found at once by whatever is asked.

No question about them takes longer because there are many: who is ready and
registered first, who was silent for the longest time, is anybody busy.
"""
from __future__ import annotations

import bisect
import collections
import operator
from collections.abc import Collection, Iterator

from mapreduce.manager.scheduling.remote_worker import RemoteWorker
from mapreduce.protocol.messages import Address
from mapreduce.protocol.status import WorkerState

_registration = operator.attrgetter("registration")


class Workers:
    """The Workers by their addresses, states and last signs of life."""

    def __init__(self) -> None:
        """Know nobody."""
        self._by_address: dict[Address, RemoteWorker] = {}
        self._num_registrations = 0
        # In the order in which they were heard.
        self._living: collections.OrderedDict[Address, RemoteWorker] = (
            collections.OrderedDict())
        self._ready: list[RemoteWorker] = []  # In order of registration.
        self._busy: set[RemoteWorker] = set()
        # Ready, but of no use for the running job.
        self._passed_over: set[RemoteWorker] = set()
        self._message_types: dict[RemoteWorker, frozenset[str]] = {}

    def __iter__(self) -> Iterator[RemoteWorker]:
        """Iterate over all, dead ones too, in order of registration."""
        return iter(list(self._by_address.values()))

    def get(self, address: Address) -> RemoteWorker | None:
        """Return the last registration from an address."""
        return self._by_address.get(address)

    def register(self, address: Address, now: float) -> RemoteWorker:
        """Add a Worker, ready; one of that address must be dead or unknown."""
        # Out and in again: the books are in the order of registration.
        self._by_address.pop(address, None)
        self._num_registrations += 1
        worker = RemoteWorker(address, self._num_registrations, now)
        self._by_address[address] = self._living[address] = worker
        self._ready.append(worker)
        return worker

    def note_heartbeat(self, worker: RemoteWorker, now: float) -> None:
        """Note a sign of life; the dead stay dead."""
        worker.last_heard = now
        if worker.state is not WorkerState.DEAD:
            self._living.move_to_end(worker.address)

    def silent_since(self, moment: float) -> list[RemoteWorker]:
        """Return those alive that were not heard after a moment."""
        silent = []
        for worker in self._living.values():
            if worker.last_heard >= moment:
                break
            silent.append(worker)
        return silent

    def assign(self, worker: RemoteWorker, task_id: int) -> None:
        """Note that a ready Worker has a task."""
        self._leave_ready(worker)
        worker.task_id = task_id
        self._busy.add(worker)

    def release(self, worker: RemoteWorker) -> None:
        """Note that a busy Worker is ready again."""
        worker.task_id = None
        self._busy.remove(worker)
        bisect.insort(self._ready, worker, key=_registration)

    def mark_dead(self, worker: RemoteWorker) -> int | None:
        """Count a Worker as dead; return the id of the task it held."""
        if worker in self._passed_over:
            self._passed_over.remove(worker)
        elif worker.state is WorkerState.READY:
            self._leave_ready(worker)
        self._message_types.pop(worker, None)
        self._busy.discard(worker)
        if self._living.get(worker.address) is worker:
            del self._living[worker.address]
        return worker.mark_dead()

    def note_answer(
        self, worker: RemoteWorker, message_types: frozenset[str]
    ) -> None:
        """Note what a Worker says that it takes; it is ready again then."""
        if worker.state is not WorkerState.DEAD:
            self._message_types[worker] = message_types
            self._restore({worker})

    def message_types(self, worker: RemoteWorker) -> frozenset[str] | None:
        """Return what a Worker takes; None if that is not known."""
        return self._message_types.get(worker)

    def pass_over(self, worker: RemoteWorker) -> None:
        """Pass over a ready Worker until all are recalled."""
        self._leave_ready(worker)
        self._passed_over.add(worker)

    def restore(self) -> None:
        """Have all ready again that were set aside."""
        self._restore(self._passed_over)

    def _restore(self, workers: set[RemoteWorker]) -> None:
        for worker in workers & self._passed_over:
            self._passed_over.remove(worker)
            bisect.insort(self._ready, worker, key=_registration)

    def _leave_ready(self, worker: RemoteWorker) -> None:
        del self._ready[bisect.bisect_left(
            self._ready, worker.registration, key=_registration)]

    @property
    def living(self) -> list[RemoteWorker]:
        """Those alive, in order of registration."""
        return sorted(self._living.values(), key=_registration)

    @property
    def any_alive(self) -> bool:
        """Whether anybody is alive."""
        return bool(self._living)

    @property
    def all_passed_over(self) -> bool:
        """Whether all who live, somebody, are set aside by their answers."""
        return 0 < len(self._living) == len(self._passed_over) and all(
            worker in self._message_types for worker in self._passed_over)

    @property
    def busy(self) -> list[RemoteWorker]:
        """Those with a task, in order of registration."""
        return sorted(self._busy, key=_registration)

    @property
    def any_busy(self) -> bool:
        """Whether anybody has a task."""
        return bool(self._busy)

    def first_ready(
        self, avoided: Collection[Address] = ()
    ) -> RemoteWorker | None:
        """Return who is ready and registered first.

        Addresses to be avoided are passed over as long as anybody else
        lives, ready or not, who is not set aside.
        """
        if not avoided:
            return self._ready[0] if self._ready else None
        passed = {
            address for address in avoided
            if address in self._living
            and self._living[address] not in self._passed_over}
        if len(passed) == len(self._living) - len(self._passed_over):
            passed = set()
        for worker in self._ready:
            if worker.address not in passed:
                return worker
        return None
