"""The command mapreduce-cancel: end a job, whether it runs or waits."""
from __future__ import annotations

import click

from mapreduce import client, following, utils

EXAMPLES = """\b
Example:
  mapreduce-cancel 3
"""


@click.command(cls=client.Command, epilog=EXAMPLES)
@client.manager_options
@click.argument("job_id", metavar="JOB", type=click.IntRange(0))
@client.common_options
def main(host: str, port: int, job_id: int, quiet: bool) -> None:
    """Cancel a JOB, and return when it is cancelled.

    JOB is the number of a job, as mapreduce-status shows it. A queued job
    leaves the queue; of a running one, the tasks end and the parts of the
    result are removed.
    """
    manager = client.Manager(host, port)
    job = manager.job(job_id)
    if job.ended:
        raise client.JobFailed(
            f"{utils.report.title(job)} has ended already: it is {job.state}")
    try:
        manager.send(utils.messages.CancelJobMessage(job_id))
        job = following.follow(
            lambda: manager.job(job_id), following.Silence())
    except client.Interrupted as interrupted:
        interrupted.note = (
            f"Job {job_id} is being cancelled. See whether it is: "
            f"mapreduce-status {manager.options()} {job_id}")
        raise
    if job.state != "cancelled":
        raise client.JobFailed(
            f"{utils.report.title(job)} ended before it could be cancelled: "
            f"it is {job.state}")
    if not quiet:
        client.print_text(f"Cancelled {utils.report.title(job)}")


if __name__ == "__main__":
    main(prog_name="mapreduce-cancel")
