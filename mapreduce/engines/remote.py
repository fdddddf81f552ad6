"""Submit a job to a running Manager, and wait for its end if required."""
from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable

import click

from mapreduce.client import hints, progress, submission
from mapreduce.client.command import NO_WORKER, tell, tell_all
from mapreduce.client.errors import (
    Interrupted,
    JobFailed,
    NoManager,
    NotReceived,
)
from mapreduce.client.job_options import STDIN, STDOUT, JobSpec
from mapreduce.client.remote_manager import RemoteManager
from mapreduce.display import text
from mapreduce.engines import repro
from mapreduce.protocol.extensions import ExtendedJobMessage
from mapreduce.protocol.messages import (
    JobMessage,
    ManagerJobMessage,
    extended_job,
)
from mapreduce.protocol.status import JobStatus, WorkerState


def submit(
    manager: RemoteManager, job: JobSpec, wait: bool, quiet: bool,
    on_submitted: Callable[[JobMessage], object] = lambda message: None,
) -> int | None:
    """Submit a job; with `wait`, return when it is done.

    The message is that of the specification if it can hold the job. When it
    was sent, it is passed to on_submitted. Without `wait`, returns the id of
    the job if the Manager tells it. Raises click.ClickException if the job
    can't be submitted, or fails while this function waits for it.
    """
    _refuse_streams(job, "mapreduce-run -i - can", "mapreduce-run -o - can")
    message = submission.build_message(job, follow=wait)
    if manager.is_signed:
        # Without a secret, the plain message is that of the specification.
        message = dataclasses.replace(
            message, submitted_by=submission.submitter())
    if not quiet:
        tell_all(hints.about_visible_inputs(job))
    known: tuple[str, ...] = ()
    # Every Manager accepts the message of the specification.
    if not isinstance(message, ManagerJobMessage):
        known = manager.check_accepts(message)
    elif not wait:
        manager.check_secret()
    if wait:
        _follow(manager, message, quiet, on_submitted)
        return None
    job_id = None
    try:
        job_id = manager.submit(message, known)
    except NotReceived as error:  # The Manager may still read it.
        if not quiet:
            click.echo(error.message, err=True)
    on_submitted(message)
    return job_id


def submit_2017(
    manager: RemoteManager, job: JobSpec,
    on_submitted: Callable[[JobMessage], object],
) -> None:
    """Submit a job to a Master of the 2017 dialect, as submit does."""
    _refuse_streams(job, "mapreduce-run -i - can", "mapreduce-run -o - can")
    message = submission.build_message(job, follow=False)
    manager.send(submission.in_dialect_2017(message))
    on_submitted(message)


def run(manager: RemoteManager, job: JobSpec, quiet: bool) -> None:
    """Do a job with the defaults of the local engine; wait for its end.

    Raises click.ClickException if the job can't be submitted, or fails.
    """
    _refuse_streams(job, "without -manager, -input - is it",
                    "without -manager, -output - is it")
    if job.num_mappers is None:
        living = [worker for worker in manager.status().workers
                  if worker.state is not WorkerState.DEAD]
        job = dataclasses.replace(
            job, max_mappers=submission.max_mappers(job, len(living)))
    job = dataclasses.replace(job, environment=job.environment or {})
    message = submission.build_extended(submission.validate(job), follow=True)
    manager.check_accepts(message)
    if not quiet:
        tell_all(hints.about_visible_inputs(job))
    _follow(manager, message, quiet)


def _refuse_streams(job: JobSpec, input_hint: str, output_hint: str) -> None:
    if STDIN in job.input_paths:
        raise click.UsageError(
            f"a Manager can't read this standard input; {input_hint}")
    if job.output_directory == STDOUT:
        raise click.UsageError(
            f"a Manager can't print on this standard output; {output_hint}")


def _follow(
    manager: RemoteManager, message: JobMessage, quiet: bool,
    on_submitted: Callable[[JobMessage], object] = lambda message: None,
) -> None:
    """Send a job and wait until it is done; raise JobFailed if it fails.

    A Manager that keeps its jobs may be away for some time.
    """
    key = message.job_key
    assert key is not None
    # Before the job is sent: a strict Manager can't answer this, so the
    # client could not wait for the job.
    keeps_jobs = manager.status(key).manager is not None
    job: JobStatus | None = None
    has_advised = quiet  # One note on a cluster without Workers is enough.
    was_away = False

    def look() -> JobStatus | None:
        nonlocal job, has_advised, keeps_jobs, was_away
        try:
            status = manager.status(key, hold=progress.POLL_INTERVAL)
        except NoManager:
            was_away = True
            raise
        keeps_jobs = status.manager is not None
        if status.is_stuck and not has_advised:
            has_advised = True
            tell(NO_WORKER)
        found = next((its for its in status.jobs if its.key == key), None)
        # A Manager may have died while it received the job. If it did not,
        # the next one ignores this submission: it knows the key.
        if was_away and keeps_jobs and found is None and job is None:
            manager.send(message)
        was_away = False
        job = found
        return job

    try:
        manager.send(message)
        on_submitted(message)
        with progress.progress(quiet) as shown:
            ended = progress.follow(look, shown, lambda: keeps_jobs)
    # The job goes on without this client, unlike that of the local engine.
    except Interrupted as interrupted:
        interrupted.note = _note(manager, job)
        raise
    if isinstance(message, ExtendedJobMessage) and not quiet:
        progress.show_counters(manager, ended)
    if not quiet:
        tell_all(hints.about_directory(extended_job(message), ended))
    try:
        progress.check(ended)
    except JobFailed as failed:
        raise JobFailed(failed.message + repro.ending(
            manager.command, ended, extended_job(message).environment
        )) from failed
    if not quiet:
        tell_all(hints.about_result(
            os.path.join(ended.directory, ended.output_directory)))
        tell(_done_line(ended))


def _done_line(job: JobStatus) -> str:
    """Return a line that names the job, its time, and its result."""
    directory = os.path.join(job.directory, job.output_directory)
    return (f"{text.title(job)}: done in "
            f"{text.duration(job.seconds)}; the result is in "
            f"{text.clean(directory)}")


def _note(manager: RemoteManager, job: JobStatus | None) -> str:
    """Return a note on how to find a job that is still running."""
    if job is None:
        return ("The job may have been submitted. Look for it: "
                f"mapreduce-status {manager.options()}")
    words = f"{manager.options()} {job.id}"
    return (f"Job {job.id} goes on. Watch it: mapreduce-status {words}\n"
            f"Cancel it: mapreduce-cancel {words}")
