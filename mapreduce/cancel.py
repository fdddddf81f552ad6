"""Run the command mapreduce-cancel: cancel a queued or running job."""
from __future__ import annotations

import click

from mapreduce.client import command, completion, errors, progress
from mapreduce.client.remote_manager import RemoteManager
from mapreduce.display import text
from mapreduce.protocol import messages
from mapreduce.protocol.signing import Secret
from mapreduce.protocol.status import JobState, JobStatus
from mapreduce.system.command_line import Number

EXAMPLES = """\b
Example:
  mapreduce-cancel 3
"""


@click.command(cls=command.Command, epilog=EXAMPLES)
@command.manager_options
@click.argument("job_id", metavar="JOB", type=Number(0),
                shell_complete=completion.active_jobs)
@command.common_options
def main(
    host: str, port: int, secret: Secret | None, job_id: int, quiet: bool
) -> None:
    """Cancel a JOB and wait until it is cancelled.

    JOB is the number of a job, as mapreduce-status shows it. A queued job is
    removed from the queue. If the job is running, its tasks are ended and the
    parts of its result are removed.
    """
    manager = RemoteManager(host, port, secret)
    job = manager.job(job_id)
    # The Manager does not answer a cancel, so the state of the job is queried
    # before and after it.
    if job.ended:
        raise errors.JobFailed(
            f"{text.title(job)} has ended already: it is {job.state.value}")
    try:
        job = _cancel(manager, job_id)
    except errors.Interrupted as interrupted:
        interrupted.note = (
            f"Job {job_id} is being cancelled. See whether it is: "
            f"mapreduce-status {manager.options()} {job_id}")
        raise
    # Its last task may have finished before the message arrived.
    if job.state is not JobState.CANCELLED:
        raise errors.JobFailed(
            f"{text.title(job)} ended before it could be cancelled: "
            f"it is {job.state.value}")
    if not quiet:
        command.print_text(f"Cancelled {text.title(job)}")


def _cancel(manager: RemoteManager, job_id: int) -> JobStatus:
    """Cancel a job; return its status when it has ended.

    A Manager that keeps its jobs may be away for some time.
    """
    keeps_jobs = manager.status().manager is not None
    is_sent = False

    def look() -> JobStatus:
        nonlocal is_sent
        try:
            if not is_sent:
                manager.send(messages.CancelJobMessage(job_id))
                is_sent = True
            return manager.job(job_id)
        except errors.NoManager:
            # It may have died before it read the message.
            is_sent = False
            raise

    return progress.follow(look, progress.NoProgress(), lambda: keeps_jobs)


if __name__ == "__main__":
    main(prog_name="mapreduce-cancel")
