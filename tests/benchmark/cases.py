"""What is run: a case is a corpus and two programs, a job is one run of it."""
from __future__ import annotations

import dataclasses
import pathlib
import shutil
from collections.abc import Callable

from tests.benchmark import corpora

PROGRAMS = pathlib.Path(__file__).resolve().parent / "programs"

NUM_PROCESSES = 2  # Workers, cores, halves: what runs side by side
NUM_TASKS = 8  # of a stage, where a contender knows such a thing


@dataclasses.dataclass(frozen=True)
class Case:
    """A corpus and what is done to it."""

    name: str
    make_corpus: Callable[[pathlib.Path, float], corpora.Corpus]
    mapper: str  # path of an executable
    reducer: str


@dataclasses.dataclass(frozen=True)
class Job:
    """One run of a case by one contender."""

    input: pathlib.Path  # a directory of corpora.NUM_FILES files
    mapper: str
    reducer: str
    directory: pathlib.Path  # of this run alone, for all that it writes

    @property
    def output(self) -> pathlib.Path:
        """The directory for the result, in files part-*."""
        return self.directory / "output"


CAT = shutil.which("cat") or "/bin/cat"

CASES = (
    Case("identity", corpora.records, CAT, CAT),
    Case("word count, Python mapper", corpora.text,
         str(PROGRAMS / "words.py"), str(PROGRAMS / "sums.py")),
    Case("word count, shell mapper", corpora.text,
         str(PROGRAMS / "words.sh"), str(PROGRAMS / "sums.py")),
)
