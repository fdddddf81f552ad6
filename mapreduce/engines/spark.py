"""Do a job by Apache Spark instead of a Manager and Workers.

The directories are checked, made and replaced here, by the rules of the
Manager. Spark schedules the tasks: see engines/spark_session.
"""
from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import locale
import os
import re
import tempfile
import time
from collections.abc import Mapping
from typing import IO

import click

from mapreduce.client.command import ignore_signals, postponed_signals
from mapreduce.client.errors import NoSpark, UsageError, option_of
from mapreduce.client.job_options import STDIN, STDOUT, JobSpec
from mapreduce.client.progress import Shown
from mapreduce.display import text
from mapreduce.engines import local, repro
from mapreduce.engines.spark_session import (
    LOG_LEVEL,
    STANDALONE,
    Session,
    check_installation,
    check_master,
    failure_in,
)
from mapreduce.engines.spark_stage import HOST, Done, SparkTasks
from mapreduce.manager.kept_output import keep_map_output
from mapreduce.manager.output_safety import StorageError
from mapreduce.manager.scheduling import reasons
from mapreduce.manager.scheduling.job import MAX_ATTEMPTS, ExpectedOutput, Job
from mapreduce.manager.scheduling.plan import Plan
from mapreduce.manager.scheduling.snapshot import (
    ended_job_status,
    job_options,
)
from mapreduce.manager.storage import Storage, missing_output
from mapreduce.protocol import layout
from mapreduce.protocol.extensions import ExtendedJobMessage
from mapreduce.protocol.status import (
    JobDetails,
    JobState,
    JobStatus,
    Stage,
    TaskCommand,
    TaskState,
    TaskStatus,
)
from mapreduce.system import scratch

# Java only moves bytes here: the last stage of its compiler takes more time of
# the cores than it saves.
QUICK = "-XX:TieredStopAtLevel=1"

JobResult = concurrent.futures.Future[None]


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the user said about Spark; None: nothing."""

    master: str | None
    conf: Mapping[str, str] | None
    engine_log: str | None

    @property
    def url(self) -> str:
        """The master; empty: what the configuration of Spark says."""
        return (self.conf or {}).get("spark.master", self.master or "")


def check(job: JobSpec, settings: Settings, verbose: bool) -> None:
    """Raise click.UsageError for an option that can't work with Spark."""
    for name in ("cache", "skip_bad_records"):
        if getattr(job, name) is not None:
            raise click.UsageError(
                f"{_option_of(name)} is not for --engine spark")
    if job.map_speculative or job.reduce_speculative:
        raise click.UsageError(
            "--speculative is not for --engine spark: on a cluster, --conf "
            "spark.speculation=true does the same")
    if job.max_map_attempts != job.max_reduce_attempts:
        raise click.UsageError(
            "with --engine spark, map and reduce tasks have the same number "
            "of attempts; give both or none")
    if settings.url and not settings.url.startswith("local"):
        _check_streams(job, verbose)


def run(
    job: JobSpec, settings: Settings, quiet: bool, extras: local.Extras
) -> None:
    """Do a job by Spark, as engines/local does one by its own Workers.

    Raises click.ClickException if the job can't start, or fails.
    """
    check_installation()
    local.run(job, None, quiet,
              lambda message, shown: _SparkRun(message, settings, shown),
              extras)


def _check_streams(job: JobSpec, verbose: bool) -> None:
    """Raise click.UsageError for files that other hosts would not see."""
    for name, is_given in (
            ("input_paths", STDIN in job.input_paths),
            ("output_directory", job.output_directory == STDOUT)):
        if is_given:
            raise click.UsageError(
                f"{_option_of(name)} - is a file of this machine, which the "
                "hosts of Spark do not see; name one that they share")
    if verbose and job.logs is None:
        raise click.UsageError(
            "--verbose needs --logs with a directory that the hosts of Spark "
            "share")


def _option_of(name: str) -> str:
    return option_of(
        name, f"the option for {name.replace('_', ' ')}", is_long=True)


def properties(
    job: ExtendedJobMessage, settings: Settings, directory: str
) -> dict[str, str]:
    """Return the properties of Spark; those of the user come last.

    The directory is for files of a Spark on this machine.
    """
    conf = {
        "spark.app.name": job.job_name or "mapreduce",
        "spark.task.maxFailures": str(job.max_map_attempts or MAX_ATTEMPTS),
        "spark.ui.showConsoleProgress": "false",
        # PySpark passes on collected pieces when it uses half of that.
        "spark.python.worker.memory": "100m",
    }
    if settings.engine_log is not None:
        conf[LOG_LEVEL] = "INFO"  # Otherwise only warnings.
    master = settings.url
    # Without a master it is Spark's own, most likely local, too.
    if not master or master.startswith("local"):
        conf["spark.local.dir"] = directory
    # Other clusters have options of their own there.
    if master.startswith(("local", STANDALONE)):
        conf["spark.driver.defaultJavaOptions"] = QUICK
        conf["spark.executor.defaultJavaOptions"] = QUICK
    conf.update(settings.conf or {})
    if job.max_map_attempts:  # They win over those of, e.g., local[2,4].
        master = re.sub(r"(local\[[^],]+),\d+\]", r"\1]", master)
    return {**conf, "spark.master": master} if master else conf


def _check_name(directory: str) -> None:
    """Raise NoSpark for a directory that Java would not find by its name."""
    if directory.isascii():
        return
    try:
        os.fsencode(directory).decode(locale.nl_langinfo(locale.CODESET))
    except UnicodeError as error:
        # Without this check, PySpark would wait for ever for a file there.
        raise NoSpark(text.clean(
            f"Java can't use the temporary directory {directory!r} in this "
            "locale; set TMPDIR to one whose name is ASCII")) from error


class _SparkRun:
    """One job, its directories, and the Session that does it."""

    def __init__(
        self, job: ExtendedJobMessage, settings: Settings, shown: Shown
    ) -> None:
        self.status: JobStatus | None = None
        self.repro = ""
        # The Manager's record of a job, but Spark knows its tasks.
        self._job = Job(0, job, time.monotonic())
        self._tasks: list[TaskStatus] = []
        self._settings = settings
        self._shown = shown
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> _SparkRun:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """End Spark, and remove what must not stay."""
        ignore_signals()
        self._stack.close()
        # Now, since a line must not name files that were removed.
        if self.status and not (self._tasks[-1:] and (
                self._tasks[-1].reason or "").startswith(HOST)):
            self.repro = repro.ending(
                self._command, self.status, self._job.submission.environment)

    def _command(self, _: int, stage: Stage, task_id: int) -> TaskCommand:
        """Return what the last attempt at the task that failed has run."""
        assert self._job.plan
        return self._job.plan.command(
            stage, task_id, self._tasks[-1].attempts - 1, os.getcwd())

    def follow(self) -> None:
        """Do the job; raise NoSpark if Spark can't be used."""
        check_master(self._settings.url)
        log = self._stack.enter_context(self._open_log())
        scratch.remove_leftovers(layout.SHARED_DIRECTORY_PREFIX)
        directory = self._stack.enter_context(
            scratch.directory(layout.SHARED_DIRECTORY_PREFIX))
        _check_name(directory)
        storage = Storage(directory)
        self._stack.callback(storage.close)
        try:
            tasks = self._prepare(storage)
        except StorageError as error:
            ended = self._fail(str(error))
        else:
            # A signal must not come before the stack knows how to end it.
            with postponed_signals():
                session = Session(
                    properties(self._job.submission, self._settings,
                               directory), directory, log)
                self._stack.callback(session.end)
            result = session.submit(tasks)
            ended = self._shown.follow(lambda: self._look(
                session, result, storage))
        self._shown.end(JobDetails(
            ended, tuple(self._tasks), self._job.counters.statuses(),
            tuple(job_options(self._job.submission))))

    def _open_log(self) -> IO[bytes]:
        name = self._settings.engine_log
        try:
            return (tempfile.TemporaryFile() if name is None
                    else open(name, "a+b"))
        except OSError as error:
            raise UsageError(
                f"cannot write the log {name!r}: {error.strerror}") from error

    def _prepare(self, storage: Storage) -> SparkTasks:
        """Check and make the directories; raise StorageError."""
        job = self._job.submission
        splits = storage.prepare(0, job)
        directory = ""
        if kept := job.keep_intermediate:
            scratch.remove_leftovers(layout.SHARED_DIRECTORY_PREFIX, kept)
            directory = os.path.abspath(self._stack.enter_context(
                scratch.directory(layout.SHARED_DIRECTORY_PREFIX, kept)))
        self._job.begin(Plan(
            f"{time.strftime('%Y%m%d%H%M')}_0000", dataclasses.replace(
                job, logs=job.logs and os.path.abspath(job.logs)),
            directory, splits, os.path.abspath(
                storage.output_directory(0) or job.output_directory)))
        assert self._job.plan
        return SparkTasks(self._job.plan, os.getcwd())

    def _look(
        self, session: Session, result: JobResult, storage: Storage
    ) -> JobStatus:
        """Return the status of the job, and complete it when it has ended."""
        done = session.num_done()
        if not result.done():
            in_reduce = self._job.submission.num_reducers and (
                done[0] == self._job.num_mappers)
            return self._set_status(
                JobState.QUEUED if session.context is None else
                JobState.REDUCE if in_reduce else JobState.MAP, done)
        problem = self._note(session.done())
        if error := result.exception():
            problem = self._reason(session, str(error))
        try:
            with postponed_signals():
                self._keep_map_output()
                if problem:
                    return self._fail(problem, done)
                self._publish(storage)
                return self._set_status(
                    JobState.DONE, (self._job.num_mappers,
                                    self._job.submission.num_reducers))
        except StorageError as error:
            return self._fail(problem or str(error), done)

    def _reason(self, session: Session, trace: str) -> str:
        """Return why the job fails; note the task if one is the cause."""
        if session.context is None:
            raise NoSpark(text.clean(
                f"Spark did not start: {session.problem(trace)}"))
        failure = failure_in(trace)
        if failure is None:
            return session.problem(trace)
        stage, task_id, attempts, reason = failure
        self._tasks.append(TaskStatus(Stage(stage), task_id, TaskState.FAILED,
                                      None, attempts, None, reason))
        return reasons.failed(
            stage, task_id, attempts, reason) + layout.log_note(
                self._job.submission.logs, stage, task_id, attempts)

    def _note(self, tasks: list[Done]) -> str:
        """Keep the tasks that are done, with times since the job started.

        Return a reason for the job to fail: a counter that is too large.
        """
        begin = time.time() - time.monotonic() + self._job.started
        self._tasks = [
            dataclasses.replace(task, started=(task.started or 0.0) - begin)
            for task, _ in sorted(tasks, key=lambda done: (
                done[0].stage.value, done[0].task_id))]
        return next(filter(None, [
            self._job.counters.add(counted) for _, counted in tasks]), "")

    def _keep_map_output(self) -> None:
        """Keep complete map output, also if the reduce stage has failed."""
        kept, plan = self._job.submission.keep_intermediate, self._job.plan
        if kept and plan and plan.num_mappers == sum(
                (task.stage, task.state) == (Stage.MAP, TaskState.DONE)
                for task in self._tasks):
            keep_map_output(plan.directory, kept)

    def _publish(self, storage: Storage) -> None:
        """Give the result its name; raise StorageError if that fails."""
        job, plan = self._job.submission, self._job.plan
        assert plan
        missing = missing_output(ExpectedOutput(
            plan.result_directory, job.num_reducers or plan.num_mappers, 0,
            job.compress))
        for name in missing.values():
            raise StorageError(
                f"{name} is not in the output directory, although its task "
                "is done: all hosts must share that directory")
        storage.publish(0)

    def _fail(self, reason: str, done: tuple[int, int] = (0, 0)) -> JobStatus:
        self._job.reason = reason
        return self._set_status(JobState.FAILED, done)

    def _set_status(self, state: JobState, done: tuple[int, int]) -> JobStatus:
        self._job.state = state
        self.status = dataclasses.replace(
            ended_job_status(self._job, os.getcwd(), time.monotonic()),
            tasks_done=sum(done), map_tasks_done=done[0],
            reduce_tasks_done=done[1])
        return self.status
