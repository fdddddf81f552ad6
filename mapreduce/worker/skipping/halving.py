"""Find the records on which an executable dies, by halving its input. Pure.

Each run has the first records of the input. What an executable does with them
is what it does at the start of all records. So this also works for programs
that keep a state, such as the header of a table or the sum of a group, and
which would fail on the second half alone.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence

# Returns whether the executable dies on records, given as ranges of their
# numbers, in their order.
Dies = Callable[[Sequence[range]], bool]


class NoBadRecord(Exception):
    """No single record is the cause."""


class DiesAnyway(NoBadRecord):
    """The executable dies without any input, too."""


class DiesOnSeveral(NoBadRecord):
    """It dies only on several records together; `last` is the last one."""

    def __init__(self, last: int) -> None:
        """Keep the number of the record."""
        super().__init__(last)
        self.last = last


def find_bad(number: int, limit: int, dies: Dies) -> list[int]:
    """Return which of the records 0 … number - 1 the executable dies on.

    It dies on each of them alone, and not on all others together. The list is
    empty if it does not die on all records: then it has died by chance. For
    more than `limit` bad records, the list has one more than that, and ends.

    Each bad record takes up to log2(number) + 3 runs, and two more come at the
    start. Raises NoBadRecord.
    """
    bad: list[int] = []
    if not dies(without(bad, number)):
        return bad
    if dies([]):
        raise DiesAnyway
    low = 0  # It does not die on so many records at the start.
    while len(bad) <= limit:
        high = number  # It dies on so many.
        while high - low > 1:
            middle = (low + high) // 2
            if dies(without(bad, middle)):
                high = middle
            else:
                low = middle
        last = high - 1
        if not dies([range(last, high)]):
            raise DiesOnSeveral(last)
        bad.append(last)
        low = high
        if high == number or not dies(without(bad, number)):
            break
    return bad


def without(bad: Sequence[int], end: int) -> list[range]:
    """Return the records 0 … end - 1 without bad ones, which are sorted."""
    starts = [0, *(record + 1 for record in bad if record < end)]
    ends = [*(record for record in bad if record < end), end]
    return [range(start, stop) for start, stop in zip(starts, ends)
            if start < stop]
