"""What the executables of a job have counted, as they reported it."""
from __future__ import annotations

from mapreduce.utils import fields
from mapreduce.utils.status import Counter


class Counters:
    """The sums of a job, by group and name; their number has a bound."""

    def __init__(self) -> None:
        """Have counted nothing."""
        self._amounts: dict[tuple[str, str], int] = {}

    def add(self, counters: dict[str, dict[str, int]] | None) -> str:
        """Add amounts by groups and names; return what is wrong, if so."""
        for group, amounts in (counters or {}).items():
            for name, amount in amounts.items():
                key = group, name
                self._amounts[key] = self._amounts.get(key, 0) + amount
        limit = fields.MAX_COUNTERS
        return (f"the job has more than {limit} different counters"
                if len(self._amounts) > limit else "")

    def statuses(self) -> tuple[Counter, ...]:
        """Return what clients are told, sorted by group and name."""
        return tuple(
            Counter(*key, amount)
            for key, amount in sorted(self._amounts.items()))
