"""Do a job with a temporary Manager and Workers on this machine."""
from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from mapreduce.client import hints, preflight, progress, submission
from mapreduce.client.command import MAX_WORKERS, tell, tell_all
from mapreduce.client.errors import (
    Interrupted,
    JobFailed,
    NoManager,
    UnknownJob,
    UsageError,
)
from mapreduce.client.job_options import STDOUT, JobSpec
from mapreduce.client.placed_files import check_placed
from mapreduce.client.progress import Shown
from mapreduce.client.remote_manager import RemoteManager
from mapreduce.client.stderr_lines import StderrLines
from mapreduce.display import text
from mapreduce.engines import dry_run, repro, sequential
from mapreduce.engines.local_cluster import ClusterError, LocalCluster
from mapreduce.protocol import layout, messages
from mapreduce.protocol.extensions import ExtendedJobMessage
from mapreduce.protocol.fields import Split
from mapreduce.protocol.status import JobDetails, JobState, JobStatus
from mapreduce.system import inputs, scratch
from mapreduce.system.command_line import check_working_directory
from mapreduce.worker.inputs.decompression import refusal
from mapreduce.worker.inputs.splits import find_bad

CANCEL_TIME = 3.0  # seconds for the tasks of an interrupted job to end
POLL_INTERVAL = 0.02  # seconds between two queries for such a job


class Run(Protocol):
    """One job of an engine; its processes end with the block."""

    status: JobStatus | None  # the last one that is known
    repro: str  # the end of the message, if the job failed

    def __enter__(self) -> Run:
        """Return the object itself."""

    def __exit__(self, *_: object) -> None:
        """Call `end`."""

    def follow(self) -> None:
        """Start the job, and wait until it has ended."""

    def end(self) -> None:
        """End all processes; it may be called twice."""


@dataclasses.dataclass(frozen=True)
class Extras:
    """What a run does beside the job."""

    verbose: bool = False  # print the standard error of its tasks
    verify: bool = False  # compare the result with that of a plain pipeline
    # Gets the details of the job when it has ended, failed or not.
    on_end: Callable[[JobDetails], object] = lambda details: None


def run(
    job: JobSpec, workers: int | None, quiet: bool,
    start: Callable[[ExtendedJobMessage, Shown], Run] | None = None,
    extras: Extras = Extras(),
) -> None:
    """Do a job on `workers` Workers, or one for each core if None.

    With `start`, the run that it returns does the job. Raises
    click.ClickException if the job can't start, or fails.
    """
    check_working_directory()
    num_workers = workers or _num_cores()
    job = submission.validate(_with_defaults(job, num_workers))
    output = job.output_directory
    if not (job.overwrite or job.no_clobber or output == STDOUT):
        preflight.check_output(output)
    check_placed(job.files or (), job.archives or ())
    preflight.check_commands(job)
    with (preflight.stdin_as_file(job.input_paths, job.rules) as paths,
          preflight.stdout_as_directory(output) as directory,
          _logs_directory(job, extras.verbose) as logs):
        skipped = inputs.Skipped()
        files = preflight.list_files(paths, job.rules, skipped)
        planned = submission.with_splits(job, files, num_workers)
        if job.decompress:
            _refuse_formats(files)
        if not quiet:
            tell_all(hints.about_inputs(job, files, skipped))
            if job.split_size is None:
                tell_all(hints.about_division(files, planned.split_size))
        job = dataclasses.replace(
            planned, input_paths=tuple(paths), output_directory=directory,
            logs=logs)
        message = submission.build_extended(job, follow=True)
        shown = Shown(
            quiet, StderrLines(logs) if extras.verbose and logs else None,
            extras.on_end)
        # One line is enough: an empty input has an empty result.
        _do(message, start(message, shown) if start else _LocalRun(
            LocalCluster(num_workers), message, shown), quiet, output,
            has_input=submission.total_size(files) > 0)
        if extras.verify:
            _verify(message, quiet)


def show_plan(job: JobSpec, workers: int | None) -> None:
    """Print what `run` would do, and try the job on a sample."""
    check_working_directory()
    num_workers = workers or _num_cores()
    dry_run.show(
        submission.validate(_with_defaults(job, num_workers)), num_workers)


def _verify(job: ExtendedJobMessage, quiet: bool) -> None:
    sequential.verify(job, job.output_directory)
    if not quiet:
        tell("Verified: map | sort | reduce gives the same lines")


@contextlib.contextmanager
def _logs_directory(job: JobSpec, verbose: bool) -> Iterator[str | None]:
    """Yield the directory for logs; a temporary one only for `verbose`."""
    if job.logs is not None or not verbose:
        yield job.logs
        return
    scratch.remove_leftovers(layout.LOGS_DIRECTORY_PREFIX)
    with scratch.directory(layout.LOGS_DIRECTORY_PREFIX) as directory:
        yield directory


def _refuse_formats(files: list[str]) -> None:
    """Raise UsageError for compressed files that can't be decompressed."""
    reasons = [reason for reason in map(refusal, files) if reason]
    if reasons:
        raise UsageError(text.clean(
            f"{reasons[0]}; --no-decompress gives it to the mapper as it is")
            + (f" (and {len(reasons) - 1} more)" if reasons[1:] else ""))


def _with_defaults(job: JobSpec, num_workers: int) -> JobSpec:
    """Return the job with defaults for what the user did not set."""
    if job.num_reducers is None:
        job = dataclasses.replace(
            job, num_reducers=num_workers * submission.REDUCE_TASKS)
    # With an environment, even an empty one, the tasks are extended. All
    # Workers here accept them, and they can have counters and arguments.
    return dataclasses.replace(
        job, environment=job.environment or {}, keep_old=True)


def _num_cores() -> int:
    """Return the number of cores that this process may use."""
    # In a container or under taskset, that is less than the machine has.
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), MAX_WORKERS)
    return min(os.cpu_count() or 1, MAX_WORKERS)


def _do(
    job: ExtendedJobMessage, attempt: Run, quiet: bool, output: str,
    has_input: bool,
) -> None:
    """Do a job, and report how it ended."""
    try:
        with attempt:
            attempt.follow()
    except ClusterError as error:
        raise JobFailed(text.clean(str(error))) from error
    except Interrupted as interrupted:
        attempt.end()  # if the signal came before __exit__ did this
        # If the job is done, the result is complete and stays, and then the
        # exit code must be 0. Otherwise, nothing of it is left.
        if attempt.status is None or attempt.status.state is not JobState.DONE:
            if not quiet:
                interrupted.note = _nothing_left(output)
            raise
    ended = attempt.status
    assert ended
    try:
        progress.check(ended)
    except JobFailed as failed:
        message = failed.message
        if job.logs and layout.LOGS_DIRECTORY_PREFIX in job.logs:
            # That directory is temporary, and its lines were printed.
            message = message.partition(f"\n{layout.LOG_NOTE}")[0]
        # Standard input is gone soon.
        is_gone = layout.INPUT_DIRECTORY_PREFIX in str(job.input_paths)
        raise JobFailed("".join([
            message, _bad_inputs(job, ended), "" if is_gone else attempt.repro
        ])) from failed
    if not quiet:
        num_parts = ended.reduce_tasks or ended.map_tasks
        if has_input:
            tell_all(hints.about_result(ended.output_directory))
        tell(f"Done in {text.duration(ended.seconds)}: "
             f"{text.count(num_parts, 'part')} in "
             f"{_name_of(output)}")


def _nothing_left(output: str) -> str:
    """Return a line on what an interrupted job has left behind."""
    name = _name_of(output)
    if output != STDOUT and os.path.lexists(output):
        return (f"Interrupted: nothing of this job is left in {name}, which "
                "is as it was before")
    return f"Interrupted: nothing is left in {name}"


def _name_of(output: str) -> str:
    """Return the name of an output, e.g., standard output."""
    return "standard output" if output == STDOUT else text.clean(output)


def _bad_inputs(job: ExtendedJobMessage, ended: JobStatus) -> str:
    """Return a line on all inputs that can't be read, if the job failed so."""
    if not re.search("cannot (read|decompress) the input",
                     ended.reason or ""):
        return ""
    rules = dataclasses.replace(inputs.rules_of(job), with_bad=True)
    bad = find_bad(
        list(map(Split, inputs.list_inputs(job.input_paths, rules))),
        bool(job.decompress))
    if not bad:
        return ""
    return text.clean(
        f"\n{text.count(len(bad), 'input')} can't be read: "
        f"{', '.join(map(repr, bad))}; --skip-bad-inputs goes on without")


class _LocalRun:
    """The only job of a cluster, and its last known status."""

    def __init__(
        self, cluster: LocalCluster, job: ExtendedJobMessage, shown: Shown
    ) -> None:
        self.status: JobStatus | None = None
        self._shown = shown
        self.repro = ""  # the end of the message, if the job failed
        self._cluster = cluster
        self._job = job

    def __enter__(self) -> _LocalRun:
        """Return the object itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the cluster."""
        self.end()

    def end(self) -> None:
        """End the cluster."""
        self._cluster.end()

    def follow(self) -> None:
        """Submit the job and wait until it has ended."""
        manager = self._cluster.start()
        try:
            self._cluster.call(lambda: manager.send(self._job))
            ended = self._shown.follow(lambda: self._look(manager))
            # The outcome of the job is known already.
            with contextlib.suppress(NoManager, UnknownJob):
                self._shown.end(manager.details(ended.id))
            self.repro = repro.ending(
                manager.command, ended, self._job.environment)
        except BaseException:  # Whatever ends the run ends the job.
            self._cancel(manager)
            raise

    def _look(self, manager: RemoteManager) -> JobStatus | None:
        status = self._cluster.watch(
            lambda: manager.status(
                self._job.job_key, hold=progress.POLL_INTERVAL))
        self.status = next(iter(status.jobs), None)
        return self.status

    def _cancel(self, manager: RemoteManager) -> None:
        """Cancel the job, so that the Manager removes its incomplete result.

        Return when it has ended, or after CANCEL_TIME.
        """
        deadline = time.monotonic() + CANCEL_TIME
        with contextlib.suppress(NoManager):
            manager.send(messages.CancelJobMessage(0))
            while time.monotonic() < deadline:
                # It may be done already, which only the Manager knows. Or the
                # Manager has not handled the submission yet.
                with contextlib.suppress(UnknownJob):
                    self.status = manager.job(0)
                if self.status and self.status.ended:
                    return
                time.sleep(POLL_INTERVAL)
