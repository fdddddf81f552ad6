"""Run a stage of a task again and again, without the records on which it dies.

    run --died--> search --records found--> run, and so on
                  search --it has not died again--> run, once more
                  search --no record is the cause, or too many--> TaskError

Each run of the search reads a part of what the process has read that died. Its
output is dropped, and so are its counters; its standard error is not.
"""
from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from mapreduce.protocol import layout
from mapreduce.worker.errors import (
    ExecutableDied,
    TaskError,
    TooManyBadRecords,
)
from mapreduce.worker.processes.executor import Executor
from mapreduce.worker.skipping import halving
from mapreduce.worker.skipping.records import Records
from mapreduce.worker.skipping.skips import Skips, Source

LOGGER = logging.getLogger(__name__)

OPTION = "--skip-bad-records"


class Stage(NamedTuple):
    """What the search needs of a stage, which raises TaskError."""

    counter: str  # of the records that are left out
    run: Callable[[Skips], None]  # does the whole task
    records: Callable[[Source], Records]  # returns what a process reads
    # Runs only the executable of a source, on other blocks.
    probe: Callable[[Source, Iterable[bytes]], None]


def run_without_bad(stage: Stage, limit: int, executor: Executor) -> None:
    """Do a task, without up to `limit` records on which the executable dies.

    Raises TaskError if that is not possible; TooManyBadRecords if it dies on
    more records.
    """
    skips = Skips()
    searched: set[Source] = set()
    while True:
        executor.forget_counters()
        # Before the run, because the counters may be too many.
        skips.count(executor, stage.counter)
        skips.suspect = None
        try:
            stage.run(skips)
            return
        except ExecutableDied as death:
            source = skips.suspect
            # Another executable of the task, or it dies only now and then.
            if source is None or source in searched:
                raise
            LOGGER.warning("Look for bad records, because %s", death)
            search = _Search(stage, executor, source, death)
        searched.add(source)
        search.complete(skips, limit)


class _Search:
    """The search for the bad records of one source."""

    def __init__(
        self, stage: Stage, executor: Executor, source: Source,
        death: ExecutableDied,
    ) -> None:
        self._death = death
        self._stage = stage
        self._executor = executor
        self._source = source
        self._records = stage.records(source)
        self._num_runs = 0

    def complete(self, skips: Skips, limit: int) -> None:
        """Add the bad records to those that are left out."""
        left = limit - len(skips.names)
        try:
            bad = halving.find_bad(self._records.number, left, self._dies)
        except halving.DiesAnyway:
            raise self._failure(
                "without any input, too") from self._death
        except halving.DiesOnSeveral as error:
            raise self._failure(
                "only on several records together, of which the last is "
                + self._records.name(error.last)) from self._death
        if not bad:
            LOGGER.warning("It did not die again on the same input")
            return
        skips.add(self._source, self._records, bad)
        if len(bad) > left:
            raise TooManyBadRecords(
                f"{layout.too_many_skipped(limit, skips.names)}\n"
                f"{self._death}") from self._death
        for record in bad:
            LOGGER.warning("Leave out the record %s (found in %d runs)",
                           self._records.name(record), self._num_runs)

    def _failure(self, when: str) -> TaskError:
        return TaskError(f"{self._death}\nIt dies {when}; so {OPTION} can't "
                         "help")

    def _dies(self, ranges: Sequence[range]) -> bool:
        self._num_runs += 1
        self._executor.note_status(
            f"looks for bad records: run {self._num_runs}")
        try:
            self._stage.probe(self._source, self._records.read(ranges))
        except ExecutableDied:
            return True
        return False
