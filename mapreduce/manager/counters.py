"""What the executables of a job have counted, as they reported it."""
from __future__ import annotations

import logging

from mapreduce.utils import fields
from mapreduce.utils.status import Counter

LOGGER = logging.getLogger(__name__)


class Counters:
    """The sums of a job, by group and name; their number has a bound."""

    def __init__(self, job_id: int) -> None:
        """Have counted nothing, for a job that the log can name."""
        self._job_id = job_id
        self._amounts: dict[tuple[str, str], int] = {}
        self._is_full = False

    def add(self, counters: dict[str, dict[str, int]]) -> None:
        """Add amounts by groups and names; there is no room for too many."""
        for group, amounts in counters.items():
            for name, amount in amounts.items():
                self._add(group, name, amount)

    def _add(self, group: str, name: str, amount: int) -> None:
        key = group, name
        if key in self._amounts:
            self._amounts[key] += amount
        elif len(self._amounts) < fields.MAX_COUNTERS:
            self._amounts[key] = amount
        elif not self._is_full:
            self._is_full = True
            LOGGER.warning(
                "Job %d has more than %d counters: others are dropped",
                self._job_id, fields.MAX_COUNTERS)

    def statuses(self) -> tuple[Counter, ...]:
        """Return what clients are told, sorted by group and name."""
        return tuple(
            Counter(*key, amount)
            for key, amount in sorted(self._amounts.items()))
