"""Apache Spark for tests: one session in this process, and a real cluster."""
import contextlib
import importlib.util
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import click.testing
import pytest

from mapreduce.engines import spark_session
from tests.support.ports import free_port
from tests.support.waiting import wait_until


def _missing():
    """Return what of Spark is missing here; an empty text if nothing."""
    if importlib.util.find_spec("pyspark") is None:
        return "the Python package pyspark is not installed"
    home = os.environ.get("JAVA_HOME")
    java = os.path.join(home, "bin/java") if home else "java"
    return "" if shutil.which(java) else "Java is not installed"


needs_spark = pytest.mark.skipif(bool(_missing()), reason=_missing())

START_TIME = 60.0  # seconds for the master and all workers

# Options of Java for machines that live some seconds: less compilation, and no
# verification of the classes of Spark.
QUICK = ("-XX:TieredStopAtLevel=1 -XX:+UseSerialGC "
         "-XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote")

# It is only for one test at a time, and has few cores to share.
SMALL = {"spark.ui.enabled": "false", "spark.driver.memory": "512m",
         "spark.executor.memory": "512m", "spark.executor.cores": "1",
         "spark.driver.extraJavaOptions": QUICK,
         "spark.executor.extraJavaOptions": QUICK}


def options(conf):
    """Return the options for properties of Spark."""
    return [word for item in conf.items()
            for word in ("--conf", "=".join(item))]


def invoke(main, *words, stdin=None):
    """Run a command in this process; return exit code, standard error."""
    outcome = click.testing.CliRunner().invoke(
        main, list(map(str, words)), input=stdin)
    assert outcome.exception is None or isinstance(
        outcome.exception, SystemExit), outcome.exception
    return outcome.exit_code, outcome.stderr


class SharedSpark:
    """One SparkContext, for all jobs of a test file."""

    def __init__(self, directory, master="local[2,4]"):
        """Start it; its files are in a directory."""
        self._stack = contextlib.ExitStack()
        self.log = self._stack.enter_context(
            open(directory / "spark.log", "w+b"))
        self._session = spark_session.Session(
            {**SMALL, "spark.master": master, "spark.log.level": "INFO",
             "spark.driver.host": "127.0.0.1",
             "spark.local.dir": str(directory)},
            str(directory), self.log)
        self.context = self._session._start()

    def session(self, _conf, directory, log):
        """Return a Session that uses this context."""
        context = self.context

        class Session(spark_session.Session):
            """A Session that starts nothing."""

            def _launch(self, _):
                return None

            def _start(self):
                return context
        return Session({}, directory, log)

    def close(self):
        """End it."""
        self.context.stop()
        self._session.end()
        self._stack.close()


class SparkCluster:
    """A master and workers of Spark, each with one core."""

    def __init__(self, directory, prefixes=((), (), ()), hosts=None):
        """Keep all files in a new directory; start nothing yet.

        For the master and each worker there are words that come before its
        command, and the host it listens on.
        """
        self.directory = directory
        self.port = free_port()
        self.workers = []
        self._prefixes = prefixes
        self._hosts = hosts or ["127.0.0.1"] * len(prefixes)
        self._stack = contextlib.ExitStack()
        directory.mkdir()

    @property
    def url(self):
        """The address of the master."""
        return f"spark://{self._hosts[0]}:{self.port}"

    def __enter__(self):
        """Start all; return when the workers are registered."""
        try:
            self._start(0, "master.Master", "--port", str(self.port))
            # A worker that finds no master tries again only after seconds.
            assert wait_until(lambda: "New state: ALIVE" in self._log(
                0), START_TIME), self._logs()
            for number in range(1, len(self._prefixes)):
                self.add_worker(number)
            assert wait_until(
                lambda: self.registered() == len(self.workers), START_TIME
            ), self._logs()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_):
        """End all."""
        self._stack.close()

    def registered(self):
        """Return how many workers the master knows, or knew."""
        return self._log(0).count("Registering worker")

    def _log(self, number):
        return (self.directory / f"{number}.log").read_text()

    def _logs(self):
        return "\n".join(path.read_text()[-2000:]
                         for path in sorted(self.directory.glob("*.log")))

    def add_worker(self, number):
        """Start a worker on the host with this number."""
        self.workers.append(self._start(
            number, "worker.Worker", self.url, "-c", "1", "-m", "700m"))

    def _start(self, number, name, *words):
        directory = self.directory / str(len(self.workers) + 1)
        directory.mkdir(exist_ok=True)
        if self._prefixes[number]:  # It has a /tmp of its own.
            directory = pathlib.Path("/tmp")
        home = pathlib.Path(importlib.util.find_spec("pyspark").origin).parent
        env = {
            **os.environ, "SPARK_HOME": str(home),
            "SPARK_LOCAL_IP": self._hosts[number],
            "SPARK_LOCAL_DIRS": str(directory / "local"),
            "SPARK_WORKER_DIR": str(directory / "work"),
            "SPARK_DAEMON_MEMORY": "256m",
            "SPARK_DAEMON_JAVA_OPTS": QUICK,
            "PATH": f"{pathlib.Path(sys.executable).parent}:"
                    f"{os.environ['PATH']}"}
        log = self._stack.enter_context(
            open(self.directory / f"{number}.log", "ab"))
        process = self._stack.enter_context(subprocess.Popen(
            [*self._prefixes[number], str(home / "bin/spark-class"),
             f"org.apache.spark.deploy.{name}", "--host", self._hosts[number],
             "--webui-port", "0", *words], cwd=directory, env=env,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log))
        self._stack.callback(process.terminate)
        return process

    def executors(self):
        """Return the ids of the processes of its executors."""
        return [pid for pid, line in _processes()
                if "CoarseGrainedExecutorBackend" in line
                and f"{self.directory}/" in _environment(pid)]

    def kill_executor(self):
        """Kill one of them."""
        os.kill(self.executors()[0], signal.SIGKILL)

    def left(self):
        """Return what is left of jobs, beside the logs of Spark itself."""
        return [path for path in self.directory.rglob("*")
                if "mapreduce" in path.name or "blockmgr" in path.name]


def _processes():
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            yield int(path.parent.name), path.read_text(
                encoding="utf-8", errors="replace")


def _environment(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/environ").read_text(
            encoding="utf-8", errors="replace")
    return ""
