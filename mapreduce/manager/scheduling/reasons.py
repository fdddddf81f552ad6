"""Word why a job fails because of one of its tasks. Pure."""
from __future__ import annotations

from collections.abc import Sequence

from mapreduce.protocol.messages import Address
from mapreduce.protocol.status import Stage


def failed(stage: str, task_id: int, number: int, reason: str) -> str:
    """Return why a job fails after a number of failures of one task."""
    times = "once," if number == 1 else f"{number} times, the last time"
    return f"{stage} task {task_id} failed {times} because {reason}"


def lost(stage: Stage, task_id: int, workers: Sequence[Address]) -> str:
    """Return why a job fails after Workers with one task have died."""
    names = ", ".join(f"{host}:{port}" for host, port in workers)
    return (f"{stage.value} task {task_id} was with {len(workers)} "
            f"Workers when they died: {names}")
