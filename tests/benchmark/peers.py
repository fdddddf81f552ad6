"""Contenders from the Python Package Index, in an environment of their own."""
from __future__ import annotations

import dataclasses
import pathlib
import shutil
import sys
from collections.abc import Callable, Sequence

from tests.benchmark import measuring
from tests.benchmark.cases import NUM_PROCESSES, NUM_TASKS, PROGRAMS, Job
from tests.benchmark.contenders import Command
from tests.benchmark.measuring import BenchmarkError


@dataclasses.dataclass(frozen=True)
class Peer:
    """A package that is a contender."""

    name: str
    requirements: Sequence[str]
    check: str  # a statement of Python that only works if it is there
    command: Callable[[str, Job], Sequence[str]]  # of an interpreter, a job
    waits_for_children: bool = True
    program: str | None = None  # which must be on the PATH, besides


def _madoop(python: str, job: Job) -> Sequence[str]:
    # It splits the input by itself, and maps on all cores.
    return [python, "-m", "madoop", "-numReduceTasks", str(NUM_TASKS),
            "-input", str(job.input), "-output", str(job.output),
            "-mapper", job.mapper, "-reducer", job.reducer]


def _mrjob(python: str, job: Job) -> Sequence[str]:
    # It has as many tasks as cores, and makes as many processes.
    return [python, str(PROGRAMS / "mrjob_job.py"), "--runner", "local",
            "--no-conf", "--num-cores", str(NUM_PROCESSES), "--quiet",
            "--local-tmp-dir", str(job.directory / "mrjob"),
            "--output-dir", str(job.output), "--no-cat-output",
            "--map-program", job.mapper, "--reduce-program", job.reducer,
            *map(str, sorted(job.input.iterdir()))]


def spark(python: str, job: Job) -> Sequence[str]:
    """Return the command that runs a job by RDD.pipe of PySpark."""
    return ["env", f"PYSPARK_PYTHON={python}", "PYTHONHASHSEED=0",
            python, str(PROGRAMS / "spark_job.py"), job.input.as_uri(),
            job.output.as_uri(), job.mapper, job.reducer,
            str(job.directory / "spark"), str(NUM_PROCESSES), str(NUM_TASKS)]


MADOOP = Peer("madoop", ["madoop==1.3.2"], "import madoop", _madoop)
# mrjob takes from setuptools what Python has no more.
MRJOB = Peer("mrjob", ["mrjob==0.7.4", "setuptools<81"],
             "import mrjob.job", _mrjob)
# Nobody waits for the Java machine and its workers.
SPARK = Peer("PySpark", ["pyspark==3.5.5"], "import pyspark", spark,
             waits_for_children=False, program="java")


def contender(peer: Peer, work: pathlib.Path) -> Command | None:
    """Return a peer as a contender, after installing it if need be.

    None if it can't be had.
    """
    if peer.program and not shutil.which(peer.program):
        return None
    environment = work / "peers-env"
    python = str(environment / "bin" / "python")
    try:
        if not _succeeds([python, "-c", peer.check], work):
            if not _succeeds([python, "-c", "import pip"], work):
                measuring.run([sys.executable, "-m", "venv", "--clear",
                               str(environment)], work)
            measuring.run([
                python, "-m", "pip", "install", "--quiet",
                "--disable-pip-version-check", *peer.requirements], work)
            measuring.run([python, "-c", peer.check], work)
    except BenchmarkError:
        return None
    return Command(peer.name, lambda job: peer.command(python, job),
                   peer.waits_for_children)


def _succeeds(command: Sequence[str], directory: pathlib.Path) -> bool:
    try:
        measuring.run(command, directory)
    except (BenchmarkError, OSError):
        return False
    return True
