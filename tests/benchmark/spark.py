"""Contenders on Apache Spark, and mapreduce-run beside them.

The start of Spark is the time of the same command on an input of one line. It
is measured by itself in each run, and is not part of the time of the job.
"""
from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import pathlib
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from tests.benchmark import measuring, peers, results
from tests.benchmark.cases import CASES, NUM_PROCESSES, Job
from tests.benchmark.cluster import free_port
from tests.benchmark.measuring import BenchmarkError, Watch

START_TIME = 30.0  # seconds for a cluster of Spark to start

# From a job and the URL of a master to the words of a command.
Words = Callable[[Job, str], Sequence[str]]


CASE = CASES[2]  # word count, with the mapper that takes least time itself


def check_installation() -> None:
    """Raise BenchmarkError if PySpark or Java is missing."""
    if not (importlib.util.find_spec("pyspark") and shutil.which("java")):
        raise BenchmarkError("--engine spark needs Java, and pyspark: "
                             "env/bin/pip install pyspark")


def _mapreduce_run(job: Job, *engine: str) -> list[str]:
    return [
        sys.executable, "-m", "mapreduce.run", "--quiet", "-i",
        str(job.input), "-o", str(job.output), "-m", job.mapper, "-r",
        job.reducer, "--nmappers", str(job.num_mappers), "--nreducers",
        str(job.num_reducers), *engine]


def _workers(job: Job, _: str) -> list[str]:
    return _mapreduce_run(job, "--workers", str(NUM_PROCESSES))


def _engine(job: Job, master: str) -> list[str]:
    return _mapreduce_run(job, "--engine", "spark", "--master", master)


def _pipe(job: Job, _: str) -> Sequence[str]:
    return peers.spark(sys.executable, job)


@dataclasses.dataclass(frozen=True)
class OnSpark:
    """A contender whose start is measured by itself."""

    name: str
    words: Words
    has_cluster: bool = False  # else all of it runs in one process

    def run(self, job: Job, watch: Watch) -> results.Run:
        """Run a job of one line, and then the job."""
        with contextlib.ExitStack() as stack:
            master = f"local[{NUM_PROCESSES}]"
            if self.has_cluster:
                master = stack.enter_context(_standalone(job.directory))
            start = self._time(_one_line(job), master, measuring.ignore)
            wall = self._time(job, master, watch)
        return results.Run(max(wall - start, 0.001), None, start)

    def _time(self, job: Job, master: str, watch: Watch) -> float:
        wall, _ = measuring.run(
            self.words(job, master), job.directory, watch)
        return wall


def _one_line(job: Job) -> Job:
    """Return a job like another one, with an input of one line."""
    directory = job.directory / "one-line"
    source = directory / "input"
    source.mkdir(parents=True)
    (source / "0000").write_text("a line\n", "ascii")
    return dataclasses.replace(job, input=source, directory=directory)


@contextlib.contextmanager
def _standalone(directory: pathlib.Path) -> Iterator[str]:
    """Run a master and workers with one core each; yield the master's URL."""
    spec = importlib.util.find_spec("pyspark")
    assert spec and spec.origin
    command = [str(pathlib.Path(spec.origin).parent / "bin/spark-class")]
    place = directory / "standalone"
    place.mkdir()
    package = "org.apache.spark.deploy"
    port = free_port()
    url = f"spark://127.0.0.1:{port}"
    common = ["--host", "127.0.0.1", "--webui-port", "0"]
    with contextlib.ExitStack() as stack:
        stack.enter_context(measuring.running(
            [*command, f"{package}.master.Master", "--port", str(port),
             *common], place, end=measuring.terminate))
        for _ in range(NUM_PROCESSES):
            stack.enter_context(measuring.running(
                [*command, f"{package}.worker.Worker", url, "-c", "1", "-m",
                 "2g", *common], place, end=measuring.terminate))
        deadline = time.monotonic() + START_TIME
        log = place / "log"
        while log.read_text("utf-8").count(
                "Registering worker") < NUM_PROCESSES:
            if time.monotonic() > deadline:
                raise BenchmarkError(
                    f"Spark did not start: {measuring.tail(log)}")
            time.sleep(measuring.POLL_INTERVAL)
        yield url


CONTENDERS = (
    OnSpark("mapreduce-run", _workers),
    OnSpark("--engine spark, local[2]", _engine),
    OnSpark("--engine spark, standalone", _engine, has_cluster=True),
    OnSpark("PySpark, RDD.pipe, local[2]", _pipe),
)
