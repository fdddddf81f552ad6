"""Name the backup attempts of a job. Pure."""
from __future__ import annotations

from mapreduce.protocol.status import TaskStatus


def backups_line(tasks: tuple[TaskStatus, ...]) -> str:
    """Return, e.g., Backup attempts: map 3 on localhost:6002 (done).

    Names of hosts are as they came. The text is empty if there are none.
    """
    shown = [f"{task.stage.value} {task.task_id} on "
             f"{its.worker.host}:{its.worker.port} ({its.state.value})"
             for task in tasks for its in task.history if its.speculative]
    return f"Backup attempts: {', '.join(shown)}" if shown else ""
