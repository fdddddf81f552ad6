"""Do a job by Apache Spark instead of a Manager and Workers.

The directories are checked, made and replaced here, by the rules of the
Manager. Spark schedules the tasks: see engines/spark_session.
"""
from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import importlib
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from typing import IO

import click

from mapreduce.client import progress
from mapreduce.client.command import ignore_signals, postponed_signals
from mapreduce.client.errors import NoSpark, UsageError
from mapreduce.client.job_options import STDIN, STDOUT, JobSpec
from mapreduce.display import text
from mapreduce.engines import local
from mapreduce.engines.spark_session import Session
from mapreduce.engines.spark_stage import Counters, SparkTasks
from mapreduce.manager.kept_output import keep_map_output
from mapreduce.manager.output_safety import StorageError
from mapreduce.manager.scheduling import tasks
from mapreduce.manager.scheduling.job import MAX_ATTEMPTS, ExpectedOutput
from mapreduce.manager.scheduling.plan import Plan
from mapreduce.manager.scheduling.snapshot import QueuedJob, queued_job_status
from mapreduce.manager.storage import Storage, missing_output
from mapreduce.protocol import layout
from mapreduce.protocol.extensions import ExtendedJobMessage
from mapreduce.protocol.status import JobState, JobStatus
from mapreduce.system import scratch
from mapreduce.utils import network

# The options of a job that mean the same with Spark. Any other one is refused
# by its name, until it is tested with Spark and added here.
SUPPORTED = {
    "input_paths", "output_directory", "mapper_executable",
    "reducer_executable", "combiner", "partitioner", "num_mappers",
    "max_mappers", "num_reducers", "decompress", "split_size", "concatenate",
    "recursive", "hadoop_inputs",
    "skip_bad_inputs", "keep_intermediate", "no_clobber", "keep_old",
    "overwrite", "environment", "max_map_attempts", "max_reduce_attempts",
    "task_timeout", "job_name", "separator", "key_fields", "key_separator",
    "partition_by", "sort_options", "reducer_separator",
}

STANDALONE = "spark://"

JobResult = concurrent.futures.Future[list[Counters]]


@dataclasses.dataclass(frozen=True)
class Settings:
    """The options of this engine."""

    quiet: bool
    master: str | None = None
    conf: Mapping[str, str] | None = None
    engine_log: str | None = None


def run(job: JobSpec, settings: Settings, verify: bool = False) -> None:
    """Do a job by Spark, as engines/local does one by its own Workers.

    With `verify`, the result is compared with that of the plain pipeline.
    Raises click.ClickException if the job can't start, or fails.
    """
    _check_options(job)
    _check_streams(job, settings.master or "local")
    _check_installation()
    local.run(job, None, settings.quiet,
              lambda message: _SparkRun(message, settings),
              local.Extras(verify=verify))


def _check_options(job: JobSpec) -> None:
    """Raise click.UsageError for an option that this engine lacks."""
    for field in dataclasses.fields(job):
        if field.name not in SUPPORTED and (
                getattr(job, field.name) != field.default):
            raise click.UsageError(
                f"--engine spark does not know {_option_of(field.name)}")
    if job.max_map_attempts != job.max_reduce_attempts:
        raise click.UsageError(
            "with --engine spark, map and reduce tasks have the same number "
            "of attempts; give both or none")


def _check_streams(job: JobSpec, master: str) -> None:
    """Raise click.UsageError if the hosts would not see standard streams."""
    if master.startswith("local"):
        return
    for name, is_given in (
            ("input_paths", STDIN in job.input_paths),
            ("output_directory", job.output_directory == STDOUT)):
        if is_given:
            raise click.UsageError(
                f"{_option_of(name)} - is a file of this machine, which the "
                "hosts of Spark do not see; name one that they share")


def _option_of(name: str) -> str:
    """Return the longest form of the option for a field of the job."""
    for option in click.get_current_context().command.params:
        if option.name == name:
            return max(option.opts, key=len)
    return f"the option for {name.replace('_', ' ')}"


def _check_installation() -> None:
    """Raise NoSpark if this machine lacks what Spark needs."""
    try:
        importlib.import_module("pyspark")
    except ImportError as error:
        raise NoSpark("--engine spark needs the Python package pyspark: "
                      "pip install 'mapreduce[spark]'") from error
    home = os.environ.get("JAVA_HOME")
    java = os.path.join(home, "bin/java") if home else "java"
    if shutil.which(java) is None:
        raise NoSpark(
            f"--engine spark needs Java 17 or later, and there is no {java}: "
            "install, for example, the package openjdk-17-jre-headless")


def _check_master(url: str) -> None:
    """Raise NoSpark if nothing listens at a spark:// address."""
    # Without this check, Spark reports that only after a minute.
    if not url.startswith(STANDALONE):
        return
    problems = []
    for address in url.removeprefix(STANDALONE).split(","):
        host, _, port = address.rpartition(":")
        if not (host and port.isdecimal()):
            raise UsageError(f"{url!r} is not spark://host:port")
        try:
            network.tcp_client(host, int(port), b"")
            return
        except (OSError, OverflowError) as error:
            problems.append(f"{address}: {getattr(error, 'strerror', error)}")
    raise NoSpark("cannot reach the master of Spark at "
                  f"{'; '.join(problems)}; is one running there?")


class _SparkRun:
    """One job, its directories, and the Session that does it."""

    repro = ""  # Its tasks have variables of Spark, too.

    def __init__(
        self, job: ExtendedJobMessage, settings: Settings
    ) -> None:
        self.status: JobStatus | None = None
        self._job = job
        self._settings = settings
        self._started = time.monotonic()
        self._num_mappers = 0
        self._counters = tasks.Counters()
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> _SparkRun:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """End Spark, and remove what must not stay."""
        ignore_signals()
        self._stack.close()

    def follow(self) -> None:
        """Do the job; raise NoSpark if Spark can't be used."""
        if self._settings.master:
            _check_master(self._settings.master)
        log = self._stack.enter_context(self._open_log())
        scratch.remove_leftovers(layout.SHARED_DIRECTORY_PREFIX)
        directory = self._stack.enter_context(
            scratch.directory(layout.SHARED_DIRECTORY_PREFIX))
        storage = Storage(directory)
        self._stack.callback(storage.close)
        try:
            plan = self._prepare(storage)
        except StorageError as error:
            self._set_status(JobState.FAILED, reason=str(error))
            return
        # A signal must not come before the stack knows how to end it.
        with postponed_signals():
            session = Session(self._conf(directory), directory, log,
                              self._settings.engine_log is not None)
            self._stack.callback(session.end)
        result = session.submit(SparkTasks(plan, os.getcwd()))

        def look() -> JobStatus:
            if result.done():
                return self._complete(result, session, storage, plan)
            return self._look(session)

        with progress.progress(self._settings.quiet) as shown:
            progress.follow(look, shown)
        if not self._settings.quiet:
            progress.tell_counters(self._counters.statuses())

    def _open_log(self) -> IO[bytes]:
        name = self._settings.engine_log
        try:
            return open(name, "a+b") if name else tempfile.TemporaryFile()
        except OSError as error:
            raise UsageError(
                f"cannot write the log {name!r}: {error.strerror}") from error

    def _prepare(self, storage: Storage) -> Plan:
        """Check and make the directories; raise StorageError."""
        splits = storage.prepare(0, self._job)
        kept = self._job.keep_intermediate
        if kept:
            scratch.remove_leftovers(layout.SHARED_DIRECTORY_PREFIX, kept)
        directory = self._stack.enter_context(scratch.directory(
            layout.SHARED_DIRECTORY_PREFIX, kept)) if kept else ""
        plan = Plan(
            f"{time.strftime('%Y%m%d%H%M')}_0000", self._job,
            directory and os.path.abspath(directory), splits,
            os.path.abspath(storage.output_directory(0)
                            or self._job.output_directory))
        self._num_mappers = plan.num_mappers
        return plan

    def _conf(self, directory: str) -> dict[str, str]:
        """Return the properties of Spark; those of the user come last."""
        conf = {
            "spark.app.name": self._job.job_name or "mapreduce",
            "spark.task.maxFailures": str(
                self._job.max_map_attempts or MAX_ATTEMPTS),
            "spark.ui.showConsoleProgress": "false",
            # PySpark passes on collected pieces when it uses half of that.
            "spark.python.worker.memory": "100m",
        }
        if master := self._settings.master:
            conf["spark.master"] = master
            if master.startswith("local"):
                conf["spark.local.dir"] = directory
        return {**conf, **(self._settings.conf or {})}

    def _look(self, session: Session) -> JobStatus:
        """Return the status of the job while it runs."""
        mapped, reduced = session.num_done()
        if session.context is None:
            return self._set_status(JobState.QUEUED)
        in_reduce = self._job.num_reducers and mapped == self._num_mappers
        return self._set_status(
            JobState.REDUCE if in_reduce else JobState.MAP, mapped, reduced)

    def _complete(
        self, result: JobResult, session: Session, storage: Storage,
        plan: Plan,
    ) -> JobStatus:
        """Return the final status of the job, whose tasks have ended."""
        if error := result.exception():
            reason = session.explain(error)
            if session.context is None:
                raise NoSpark(
                    text.clean(f"Spark did not start: {reason}")) from error
            return self._set_status(JobState.FAILED, reason=reason)
        for counted in result.result():
            if reason := self._counters.add(counted):
                return self._set_status(JobState.FAILED, reason=reason)
        try:
            with postponed_signals():
                self._publish(storage, plan)
                return self._set_status(
                    JobState.DONE, self._num_mappers, self._job.num_reducers)
        except StorageError as error:
            return self._set_status(JobState.FAILED, reason=str(error))

    def _publish(self, storage: Storage, plan: Plan) -> None:
        """Give the result its name; raise StorageError if that fails."""
        number = self._job.num_reducers or self._num_mappers
        missing = missing_output(
            ExpectedOutput(plan.result_directory, number, 0))
        for name in missing.values():
            raise StorageError(
                f"{name} is not in the output directory, although its task "
                "is done: all hosts must share that directory")
        if kept := self._job.keep_intermediate:
            try:
                keep_map_output(plan.directory, kept)
            except OSError as error:
                raise StorageError(f"cannot keep the map output in {kept!r}: "
                                   f"{error.strerror or error}") from error
        storage.publish(0)

    def _set_status(
        self, state: JobState, mapped: int = 0, reduced: int = 0,
        reason: str | None = None,
    ) -> JobStatus:
        self.status = dataclasses.replace(
            queued_job_status(QueuedJob(0, self._job, None), os.getcwd()),
            state=state, reason=reason,
            seconds=round(time.monotonic() - self._started, 3),
            tasks_done=mapped + reduced,
            tasks=self._num_mappers + self._job.num_reducers,
            map_tasks_done=mapped, map_tasks=self._num_mappers,
            reduce_tasks_done=reduced)
        return self.status
