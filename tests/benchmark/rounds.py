"""Run a case in rounds: each contender once a round, one after the other.

So whatever slows the machine down for a while slows all of them down. The
round before the first isn't timed: it warms up, and samples memory, which
would disturb the clock. Every result must be the same, line by line.
"""
from __future__ import annotations

import hashlib
import os
import pathlib
import shutil
import subprocess
from collections.abc import Callable, Sequence

from tests.benchmark import measuring, results
from tests.benchmark.cases import Case, Job
from tests.benchmark.contenders import Contender
from tests.benchmark.corpora import Corpus
from tests.benchmark.measuring import BenchmarkError, Watch

BLOCK = 2**20  # bytes

Say = Callable[[str], None]


class Rounds:
    """All rounds of one case."""

    def __init__(self, case: Case, corpus: Corpus, work: pathlib.Path,
                 say: Say) -> None:
        """Prepare to run a case in a directory, and to talk about it."""
        self._case = case
        self._corpus = corpus
        self._directory = work / "run"
        self._say = say
        self._expected: tuple[str, str] | None = None  # of whom, the digest

    def run(self, contenders: Sequence[Contender], number: int
            ) -> results.Outcome:
        """Run a number of rounds, and one to sample memory before them."""
        figures = [results.Figures(contender.name)
                   for contender in contenders]
        for contender, its in zip(contenders, figures):
            self._say(f"{self._case.name}: {contender.name}, memory")
            self._sample(contender, its)
        for round_number in range(1, number + 1):
            for contender, its in zip(contenders, figures):
                run = self._run(contender, measuring.ignore)
                its.runs.append(run)
                self._say(f"{self._case.name}: {contender.name}, round "
                          f"{round_number} of {number}: {run.wall:.2f} s")
        return results.Outcome(
            self._case.name, self._corpus.description, figures)

    def _sample(self, contender: Contender, its: results.Figures) -> None:
        if not measuring.can_sample():
            self._run(contender, measuring.ignore)
            return
        with measuring.Sampler() as sampler:
            run = self._run(contender, sampler.watch)
        its.memory = sampler.peak or None  # 0: it was too quick.
        its.worker_memory = run.worker_memory

    def _run(self, contender: Contender, watch: Watch) -> results.Run:
        """Run a contender once and check its result, in a new directory."""
        shutil.rmtree(self._directory, ignore_errors=True)
        self._directory.mkdir(parents=True)
        try:
            job = Job(self._corpus.directory, self._case.mapper,
                      self._case.reducer, self._directory,
                      self._case.num_mappers, self._case.num_reducers)
            try:
                run = contender.run(job, watch)
            except BenchmarkError as error:
                raise BenchmarkError(
                    f"{contender.name}: {error.message}") from error
            self._check(contender.name, job)
        finally:
            shutil.rmtree(self._directory, ignore_errors=True)
        return run

    def _check(self, name: str, job: Job) -> None:
        """Compare a result with that of whoever came first."""
        found = digest(job)
        if self._expected is None:
            self._expected = name, found
        elif self._expected[1] != found:
            raise BenchmarkError(
                f"{self._case.name}: the result of {name} is not that of "
                f"{self._expected[0]}")


def digest(job: Job) -> str:
    """Return the SHA-256 of the sorted lines of a result."""
    parts = sorted(map(str, job.output.glob("part-*")))
    if not parts:
        raise BenchmarkError("it left no result")
    total = hashlib.sha256()
    command = ["env", "LC_ALL=C", "sort", "-S", "1G", *parts]
    with measuring.running(
            command, job.directory, subprocess.PIPE) as process:
        assert process.stdout
        while block := os.read(process.stdout.fileno(), BLOCK):
            total.update(block)
        measuring.wait(process)
    if process.returncode:
        raise BenchmarkError("its result can't be sorted: "
                             + measuring.tail(job.directory / "log"))
    return total.hexdigest()
