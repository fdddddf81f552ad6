"""Compute how evenly the input of a job is spread over reduce tasks. Pure."""
from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from mapreduce.protocol.status import Stage, TaskStatus

UNEVEN = 3.0  # times the median: a part with more than that gets a note


@dataclasses.dataclass(frozen=True)
class Part:
    """What one reduce task had to do."""

    task_id: int
    amount: float  # in the unit of the Balance
    share: float  # of all amounts, from 0 to 1
    task: TaskStatus


@dataclasses.dataclass(frozen=True)
class Balance:
    """All reduce tasks that are done, the heaviest first."""

    unit: str  # records, bytes, or time where the Workers counted neither
    parts: tuple[Part, ...]
    median: float

    @property
    def is_uneven(self) -> bool:
        """Whether the heaviest part has far more than most."""
        return self.parts[0].amount > UNEVEN * self.median


def balance(tasks: tuple[TaskStatus, ...]) -> Balance | None:
    """Return the balance of a job; None before two reduce tasks are done."""
    done = [task for task in tasks
            if task.stage is Stage.REDUCE and task.seconds is not None
            and task.state.value == "done"]
    for unit in ("records", "bytes", "time"):
        amounts = [_amount(task, unit) for task in done]
        known = [amount for amount in amounts if amount is not None]
        total = sum(known)
        if len(known) < 2 or len(known) < len(done) or not total:
            continue
        parts = (Part(task.task_id, amount, amount / total, task)
                 for task, amount in zip(done, known))
        return Balance(
            unit, tuple(sorted(parts, key=lambda part: -part.amount)),
            _median(known))
    return None


# The module statistics would double the time to import this one, which every
# command does.
def _median(amounts: Sequence[float]) -> float:
    ordered = sorted(amounts)
    middle = len(ordered) // 2
    return (ordered[middle] + ordered[-1 - middle]) / 2


def _amount(task: TaskStatus, unit: str) -> float | None:
    return {"records": task.input_records, "bytes": task.input_bytes,
            "time": task.seconds}[unit]


def balance_line(tasks: tuple[TaskStatus, ...]) -> str:
    """Return, e.g., part 7 has 41 % of the records.

    The text is empty if no part has more than UNEVEN times the median, or if
    the Workers did not count.
    """
    found = balance(tasks)
    if found is None or found.unit == "time" or not found.is_uneven:
        return ""
    heaviest = found.parts[0]
    return (f"part {heaviest.task_id} has {100 * heaviest.share:.0f} % of the "
            f"{found.unit}")
