"""Keep all Workers of a Manager, with an index for each kind of search. Pure.

The first ready Worker, the most silent one, and whether one is busy are found
without a loop over all Workers. Each living Worker is in exactly one of three
sets: ready, busy, or passed over (ready, but not able to do the running job).
"""
from __future__ import annotations

import bisect
import collections
import operator
from collections.abc import Collection, Iterator

from mapreduce.manager.scheduling.remote_worker import RemoteWorker
from mapreduce.protocol.messages import Address
from mapreduce.protocol.status import WorkerState

# Dead Workers that are kept for clients to see. A Worker that crashes at its
# start, again and again, with --port 0, makes a new address each time.
MAX_DEAD = 1_000

SILENCE = 5.0  # seconds; two heartbeats are missing

_registration = operator.attrgetter("registration")


class Workers:
    """The Workers by address, by state, and by their last heartbeat."""

    def __init__(self) -> None:
        """Start without Workers."""
        # The last registration of each address, in order of registration.
        self._by_address: dict[Address, RemoteWorker] = {}
        self._num_registrations = 0
        # In order of last_seen, the most silent first.
        self._living: collections.OrderedDict[Address, RemoteWorker] = (
            collections.OrderedDict())
        self._ready: list[RemoteWorker] = []  # In order of registration.
        self._busy: set[RemoteWorker] = set()
        # True: its acknowledgement is still being sent.
        self._passed_over: dict[RemoteWorker, bool] = {}
        # Of the Workers that answered a probe; empty for strict ones.
        self._message_types: dict[RemoteWorker, frozenset[str]] = {}

    def __iter__(self) -> Iterator[RemoteWorker]:
        """Iterate over all, dead ones too, in order of registration."""
        return iter(list(self._by_address.values()))

    def get(self, address: Address) -> RemoteWorker | None:
        """Return the last registration from an address."""
        return self._by_address.get(address)

    def register(
        self, address: Address, now: float, token: str | None = None
    ) -> RemoteWorker:
        """Add a ready Worker.

        An earlier Worker on that address must be marked dead before.
        """
        # Removed and added again, because a dict keeps the place of an old
        # key, and the specification wants the order of registration.
        self._by_address.pop(address, None)
        self._num_registrations += 1
        worker = RemoteWorker(
            address, self._num_registrations, now, token)
        self._by_address[address] = self._living[address] = worker
        self._ready.append(worker)
        return worker

    def note_heartbeat(self, worker: RemoteWorker, now: float) -> None:
        """Note a heartbeat; a dead Worker stays dead."""
        # Also for a dead one: clients are shown how long it was silent.
        worker.last_seen = now
        if worker.state is not WorkerState.DEAD:
            self._living.move_to_end(worker.address)

    def silent_since(self, moment: float) -> list[RemoteWorker]:
        """Return the living Workers last seen before a time in seconds."""
        silent = []
        for worker in self._living.values():
            if worker.last_seen >= moment:
                break
            silent.append(worker)
        return silent

    def assign(
        self, worker: RemoteWorker, task_id: int, now: float
    ) -> None:
        """Make a ready Worker busy with a task."""
        self._leave_ready(worker)
        worker.task_id = task_id
        worker.was_silent = now - worker.last_seen > SILENCE
        self._busy.add(worker)

    def release(self, worker: RemoteWorker) -> None:
        """Make a busy Worker ready again."""
        worker.task_id = None
        self._busy.remove(worker)
        # Not at the end: Workers get tasks in the order of registration, not
        # in the order in which they became ready.
        bisect.insort(self._ready, worker, key=_registration)

    def mark_dead(self, worker: RemoteWorker) -> int | None:
        """Mark a Worker dead; return the id of the task that it held."""
        if worker in self._passed_over:
            del self._passed_over[worker]
        elif worker.state is WorkerState.READY:
            self._leave_ready(worker)
        self._message_types.pop(worker, None)
        self._busy.discard(worker)
        # The address may belong to a newer registration by now.
        if self._living.get(worker.address) is worker:
            del self._living[worker.address]
        task_id = worker.mark_dead()
        if len(self._by_address) - len(self._living) > MAX_DEAD:
            self._forget_oldest()
        return task_id

    def _forget_oldest(self) -> None:
        """Forget the dead Worker that registered first."""
        for address in self._by_address:
            if address not in self._living:
                del self._by_address[address]
                return

    def note_capabilities(
        self, worker: RemoteWorker, message_types: frozenset[str]
    ) -> None:
        """Note which message types a Worker accepts, and make it ready."""
        # The answer may come after the Worker was marked dead.
        if worker.state is not WorkerState.DEAD:
            self._message_types[worker] = message_types
            self._restore([worker])

    def message_types(self, worker: RemoteWorker) -> frozenset[str] | None:
        """Return the message types a Worker accepts; None if not known."""
        return self._message_types.get(worker)

    def pass_over(self, worker: RemoteWorker) -> None:
        """Exclude a ready Worker from assignments until it is restored."""
        self._leave_ready(worker)
        self._passed_over[worker] = False

    def note_delay(self, worker: RemoteWorker) -> None:
        """Note that a message to a Worker is not sent yet.

        If it is the acknowledgement, the Worker gets no task before that is
        sent: its address may be one that swallows packets.
        """
        if worker.state is WorkerState.READY:
            if worker not in self._passed_over:
                self.pass_over(worker)
            self._passed_over[worker] = True

    def note_sent(self, worker: RemoteWorker) -> None:
        """Note that a message to a Worker was sent."""
        if self._passed_over.get(worker):
            self._passed_over[worker] = False
            self._restore([worker])

    def restore(self) -> None:
        """Make all passed over Workers ready again."""
        self._restore(list(self._passed_over))

    def _restore(self, workers: list[RemoteWorker]) -> None:
        for worker in workers:
            if self._passed_over.get(worker) is False:
                del self._passed_over[worker]
                bisect.insort(self._ready, worker, key=_registration)

    def _leave_ready(self, worker: RemoteWorker) -> None:
        del self._ready[bisect.bisect_left(
            self._ready, worker.registration, key=_registration)]

    @property
    def living(self) -> list[RemoteWorker]:
        """The living Workers, in order of registration."""
        return sorted(self._living.values(), key=_registration)

    @property
    def any_alive(self) -> bool:
        """Whether a Worker is alive."""
        return bool(self._living)

    @property
    def all_passed_over(self) -> bool:
        """Whether no living Worker can do the running job.

        False if none is alive, or if the capabilities of one are not known.
        """
        return (0 < len(self._living) == len(self._passed_over)
                and not any(self._passed_over.values()) and all(
                    worker in self._message_types
                    for worker in self._passed_over))

    @property
    def busy(self) -> list[RemoteWorker]:
        """The busy Workers, in order of registration."""
        return sorted(self._busy, key=_registration)

    @property
    def any_busy(self) -> bool:
        """Whether a Worker is busy."""
        return bool(self._busy)

    @property
    def ready(self) -> list[RemoteWorker]:
        """The ready Workers, in order of registration."""
        return self._ready.copy()

    def first_ready(
        self, avoided: Collection[Address] = ()
    ) -> RemoteWorker | None:
        """Return the ready Worker that registered first.

        Workers on the avoided addresses are skipped, unless every living
        Worker that is not passed over has such an address.
        """
        if not avoided:
            return self._ready[0] if self._ready else None
        skipped = {
            address for address in avoided
            if address in self._living
            and self._living[address] not in self._passed_over}
        if len(skipped) == len(self._living) - len(self._passed_over):
            skipped = set()
        for worker in self._ready:
            if worker.address not in skipped:
                return worker
        return None
