"""Run the tasks of one job in a SparkContext, whose Java machine ends with it.

    thread of the session         executors, on any hosts
    ---------------------         -----------------------
    launch_gateway
    parallelize  -------------->  map: run_task, then its output as pieces
    partitionBy                   the shuffle of Spark
    collect      <--------------  reduce: pieces to files, then run_task

Here are also the checks of PySpark, Java and the master.

A thread of its own waits for Spark, so that a signal can end the main thread
at any time. Spark's own ways to read and write files are not used, since they
decode text.
"""
from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import importlib
import io
import json
import logging
import os
import pathlib
import pickle
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import IO, Any

import mapreduce
from mapreduce.client.errors import NoSpark, UsageError
from mapreduce.engines.spark_stage import (
    FAILURE,
    OF_PYSPARK,
    Done,
    SparkTasks,
)
from mapreduce.utils import network

END_TIME = 10.0  # seconds for Spark to end, before it is killed
TAIL = 64 * 2**10  # bytes of Spark's log in which an error is looked for

STANDALONE = "spark://"
LOG_LEVEL = "spark.log.level"
LOCAL = re.compile(r"local(?:\[(\d+|\*)\])?")


def check_installation() -> None:
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


def check_master(url: str) -> None:
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


class Session:
    """A Java machine of Spark and its SparkContext, for one job."""

    def __init__(
        self, conf: Mapping[str, str], directory: str, log: IO[bytes]
    ) -> None:
        """Start Spark with properties, and with a directory for its files.

        Its log is appended to a file.
        """
        _silence()
        self.context: Any = None  # None until Spark has started
        self._done: Any = None  # an accumulator, likewise
        self._conf = dict(conf)
        self._log = log
        self._java: subprocess.Popen[bytes] | None = None
        self._thread = concurrent.futures.ThreadPoolExecutor(1)
        self._gateway = self._thread.submit(self._launch, directory)

    def _launch(self, directory: str) -> Any:
        """Start the Java machine, which ends with its standard input."""
        os.environ["PYSPARK_PYTHON"] = (
            self._conf.pop("spark.pyspark.python", "")
            or os.environ.get("PYSPARK_PYTHON") or self._python())
        java_gateway: Any = importlib.import_module("pyspark.java_gateway")
        java_gateway.Popen = self._start_java
        # In a session of its own, which Ctrl-C does not reach; and in a
        # directory without modules, since PySpark imports them from there.
        conf = importlib.import_module("pyspark").SparkConf(False)
        return java_gateway.launch_gateway(conf.setAll(self._conf.items()), {
            "stdout": self._log, "stderr": self._log,
            "cwd": directory, "start_new_session": True})

    def _start_java(self, *args: Any, **kwargs: Any) -> _Java:
        """Start the Java machine; note it before PySpark waits for it."""
        self._java = _Java(*args, **kwargs)
        return self._java

    def _python(self) -> str:
        """Return the command of Python for the executors."""
        # All hosts need the same version, but have it in different places.
        name = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        is_local = self._conf.get("spark.master", "").startswith("local")
        return sys.executable if is_local or not shutil.which(name) else name

    def submit(
        self, tasks: SparkTasks
    ) -> concurrent.futures.Future[None]:
        """Run all tasks of a job."""
        return self._thread.submit(self._run, tasks)

    def _start(self) -> Any:
        """Return a new SparkContext."""
        gateway = self._gateway.result()
        pyspark = importlib.import_module("pyspark")
        conf = pyspark.SparkConf(_jvm=gateway.jvm)
        # Without a number of attempts, such a master tries each task once.
        if found := LOCAL.fullmatch(conf.get("spark.master")):
            attempts = conf.get("spark.task.maxFailures")
            conf.setMaster(f"local[{found[1] or 1},{attempts}]")
        context = pyspark.SparkContext(conf=conf, gateway=gateway)
        if level := self._conf.get(LOG_LEVEL):
            # Spark takes INFO for the level that it has, and does nothing,
            # although its shells leave out what is below warnings.
            context.setLogLevel("OFF")
            context.setLogLevel(level)
        return context

    def _run(self, tasks: SparkTasks) -> None:
        self.context = context = self._start()
        # Not a result of the tasks: it is needed for a job that fails, too.
        self._done = context.accumulator([], importlib.import_module(
            "pyspark.accumulators").AddingAccumulatorParam([]))
        if context.master.startswith("local"):
            tasks = dataclasses.replace(tasks, variables={
                name: os.environ[name] for name in OF_PYSPARK
                if name in os.environ})
        number, job = tasks.plan.num_mappers, tasks.plan.submission
        rdd = context.parallelize(
            range(number), number).mapPartitionsWithIndex(
                shipped(tasks, "map", self._done))
        if job.num_reducers:
            # int, since executors can't import a function of this module.
            rdd = rdd.partitionBy(
                job.num_reducers, int).mapPartitionsWithIndex(
                    shipped(tasks, "reduce", self._done))
        rdd.collect()

    def done(self) -> list[Done]:
        """Return what is known of the tasks that are done, each once."""
        # Spark adds nothing of attempts that failed, but may do a task again,
        # such as one whose map output was lost.
        tasks = self._done.value if self._done else []
        return list({(task.stage, task.task_id): (task, counters)
                     for task, counters in tasks}.values())

    def num_done(self) -> tuple[int, int]:
        """Return how many map tasks and reduce tasks are done."""
        done = [0, 0]
        # Spark may not have begun the job, or may have ended just now. Py4J
        # would log a signal that comes meanwhile, with a trace.
        with _no_logs(), contextlib.suppress(Exception):
            tracker = self.context.statusTracker()
            job = max(tracker.getJobIdsForGroup())
            for index, stage in enumerate(
                    sorted(tracker.getJobInfo(job).stageIds)):
                done[index] = tracker.getStageInfo(stage).numCompletedTasks
        return done[0], done[1]

    def problem(self, trace: str) -> str:
        """Return a line for an error that is none of a task."""
        self._log.flush()
        size = os.fstat(self._log.fileno()).st_size
        log = os.pread(self._log.fileno(), TAIL, max(0, size - TAIL)).decode(
            "utf-8", "replace")
        for pattern, hint in HINTS.items():
            if found := re.search(pattern, trace) or re.search(pattern, log):
                return hint.format(*found.groups())
        if self._has_ended():
            return "the Java process of Spark on this machine has ended"
        first = trace.strip().partition("\n\tat ")[0].splitlines()
        return first[-1].strip(": ") if first else "no reason is known"

    def _has_ended(self) -> bool:
        return self._java is not None and self._java.poll() is not None

    def end(self) -> None:
        """End the Java machine, and with it all that it has started."""
        # PySpark logs that its connections end.
        with _no_logs():
            # If Spark could not be started, that error was reported already.
            with contextlib.suppress(Exception):
                self._end_start()
                gateway = self._gateway.result()
                _end_process(gateway.proc)
                # Else a thread of Py4J goes on: it connects to Java for each
                # object that Python lets go.
                gateway.shutdown()
            self._thread.shutdown()

    def _end_start(self) -> None:
        """End a Java machine that has not started: that may take for ever."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._java and not self._gateway.done():
                # Not it alone: a script starts Java as a child.
                os.killpg(self._java.pid, number)
            concurrent.futures.wait([self._gateway], END_TIME)


class _Java(subprocess.Popen[bytes]):
    """A Java machine. PySpark waits for its port while `poll` is not true."""

    def poll(self) -> int | None:
        """Return None while it runs, later a number that is not 0."""
        code = super().poll()
        return 1 if code == 0 else code


# Errors of Spark, and the line that a user reads instead.
HINTS = {
    r"different version: ?([\d.]+) than that in driver:? ([\d.]+)":
    "Python is {0} on a host of Spark, but {1} here; name one of the same "
    "version by --conf spark.pyspark.python=PATH",
    r'Cannot run program "([^"]+)"': "a host of Spark has no {0}; name its "
    "Python by --conf spark.pyspark.python=PATH",
    r"All masters are unresponsive": "no master of Spark answers",
    r"(UnsupportedClassVersionError|class file version)":
    "Java is too old for this version of Spark ({0})",
    r"(ExecutorLostFailure \(.*\).*)": "{0}",
    r"(Job aborted due to stage failure: .*)": "{0}",
    r"Exception in thread \"main\" (.*)": "{0}",
    r"(?m)^(Invalid (?:initial|maximum) heap size.*)": "Java: {0}",
    r"(?m)^Error: (.*)": "{0}",
    r"JAVA_GATEWAY_EXITED": "Java has ended at once, without a reason",
}


@contextlib.contextmanager
def _no_logs() -> Iterator[None]:
    """Have nothing logged in this process until the end of the block."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _silence() -> None:
    """Keep PySpark from printing errors when the Java machine has ended."""
    accumulators = importlib.import_module("pyspark.accumulators")
    for server in vars(accumulators).values():
        if hasattr(server, "handle_error"):
            server.handle_error = lambda *_: None


def failure_in(trace: str) -> tuple[str, int, int, str] | None:
    """Return the stage, id, attempts and reason of a task that has failed.

    None if no task of ours is the cause.
    """
    _, found, rest = trace.partition(FAILURE)
    if not found:
        return None
    stage, task_id, attempts, reason = json.JSONDecoder().raw_decode(rest)[0]
    return stage, task_id, attempts, reason


def _end_process(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin
    process.stdin.close()
    try:
        process.wait(END_TIME)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _package() -> bytes:
    """Return this package as an archive."""
    home = pathlib.Path(mapreduce.__file__).parent
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for pattern in ("*.py", "*.so"):
            for path in home.rglob(pattern):
                file.write(path, path.relative_to(home.parent))
    return archive.getvalue()


def shipped(
    tasks: SparkTasks, stage: str, done: Any
) -> Callable[[int, Iterable[Any]], Iterable[Any]]:
    """Return a function that does a task of a stage in an executor.

    It contains this package, so the hosts need no installation of it. It adds
    to an accumulator what is known of the task.
    """
    package, pickled = _package(), pickle.dumps(tasks)

    # A nested function is pickled with its code, not by its name.
    def do(task_id: int, items: Iterable[Any]) -> Iterable[Any]:
        parent = os.environ["SPARK_LOCAL_DIRS"].split(",")[0]
        home = os.path.join(parent, "mapreduce-package")
        # Absolute, since tasks go to another directory.
        paths = [home, *map(os.path.abspath, sys.path)]
        sys.path[:] = dict.fromkeys(paths)
        if not os.path.isdir(home):
            new = tempfile.mkdtemp(dir=parent)
            with zipfile.ZipFile(io.BytesIO(package)) as archive:
                archive.extractall(new)
            try:
                os.rename(new, home)
            except OSError:  # Another task has made it meanwhile.
                shutil.rmtree(new, ignore_errors=True)
            importlib.invalidate_caches()
        importlib.import_module("mapreduce.engines.spark_stage")
        context = importlib.import_module("pyspark").TaskContext.get()
        method: Callable[..., Iterable[Any]] = getattr(
            pickle.loads(pickled), stage)
        return method(task_id, context.attemptNumber(), done.add, items)
    return do
