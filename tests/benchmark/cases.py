"""What is run: a case is a corpus and two programs, a job is one run of it."""
from __future__ import annotations

import dataclasses
import functools
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
    # How many tasks; only our own contenders take these numbers.
    num_mappers: int = NUM_TASKS
    num_reducers: int = NUM_TASKS


@dataclasses.dataclass(frozen=True)
class Job:
    """One run of a case by one contender."""

    input: pathlib.Path  # a directory of corpora.NUM_FILES files
    mapper: str
    reducer: str
    directory: pathlib.Path  # of this run alone, for all that it writes
    num_mappers: int = NUM_TASKS
    num_reducers: int = NUM_TASKS

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

_SMALL = corpora.Shape(num_lines=1_500_000)
_MANY_FILES = corpora.Shape(num_lines=1_500_000, num_files=1_000)
_ONE_FILE = corpora.Shape(num_lines=17_500_000, num_files=1)
_LONG_LINES = corpora.Shape(num_lines=20_000, length=10_001)


def _records(
    shape: corpora.Shape
) -> Callable[[pathlib.Path, float], corpora.Corpus]:
    return functools.partial(corpora.records, shape=shape)


# What --more adds: programs that are not Python's, and extremes in number and
# size. Each is run with the compiled loops and with those in Python.
MORE_CASES = (
    Case("tr and uniq -c", corpora.text,
         str(PROGRAMS / "lines.sh"), str(PROGRAMS / "count.sh")),
    Case("awk and awk", corpora.text,
         str(PROGRAMS / "words_awk.sh"), str(PROGRAMS / "sums_awk.sh")),
    *(Case(f"{number:,} partitions", _records(_SMALL), CAT, CAT,
           num_reducers=number) for number in (16, 64, 1_000)),
    Case("1,000 map tasks, one reducer", _records(_MANY_FILES), CAT, CAT,
         num_mappers=1_000, num_reducers=1),
    Case("one file of 1 GB", _records(_ONE_FILE), CAT, CAT, num_mappers=1),
    Case("lines of 10 KB", _records(_LONG_LINES), CAT, CAT),
)
