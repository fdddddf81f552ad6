"""Tell clients the ids of the jobs that they have just submitted.

The message of the specification has no key by which a client could find its
job. But the Manager knows from which address each connection came, and two
connections that exist at the same time never have the same one.
"""
from __future__ import annotations

import collections

Client = tuple[str, int]  # a host and a port

# Seconds for which a receipt is kept. A system gives the port of a closed
# connection to another one only later, and at random.
LIFETIME = 10.0


class Receipts:
    """The ids of the last jobs, by the addresses of their clients."""

    def __init__(self) -> None:
        """Start without receipts."""
        self._receipts: collections.OrderedDict[Client, tuple[int, float]] = (
            collections.OrderedDict())

    def add(self, client: Client, job_id: int, now: float) -> None:
        """Keep the id of a job that was received now; remove old ones."""
        while self._receipts and self._is_old(
                next(iter(self._receipts.values()))[1], now):
            self._receipts.popitem(last=False)
        # Removed first, so that the receipts stay in the order of their time.
        self._receipts.pop(client, None)
        self._receipts[client] = job_id, now

    def find(self, client: Client, now: float) -> int | None:
        """Return the id of the job that a client submitted lately, if any."""
        job_id, received = self._receipts.get(client, (None, now))
        return None if self._is_old(received, now) else job_id

    @staticmethod
    def _is_old(received: float, now: float) -> bool:
        return now - received > LIFETIME
