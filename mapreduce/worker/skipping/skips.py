"""Keep which records a task leaves out, and which process has died."""
from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator

from mapreduce.protocol import layout
from mapreduce.protocol.fields import Split
from mapreduce.worker.errors import ExecutableDied
from mapreduce.worker.processes.executor import Executor
from mapreduce.worker.skipping.halving import without
from mapreduce.worker.skipping.records import Records

# What a process reads, which tells it from the others of its task: a mapper
# its splits, a reducer ().
Source = tuple[Split, ...]
REDUCER: Source = ()


class Skips:
    """The records that a task leaves out; at first none."""

    def __init__(self) -> None:
        """Start with all records."""
        self.suspect: Source | None = None  # whose process has died
        self._found: dict[Source, tuple[Records, list[int]]] = {}

    @property
    def names(self) -> list[str]:
        """The records that are left out, as Records.name returns them."""
        return [records.name(number)
                for records, numbers in self._found.values()
                for number in numbers]

    @contextlib.contextmanager
    def watching(self, source: Source) -> Iterator[None]:
        """Note it if the process that reads a source dies in the block."""
        try:
            yield
        except ExecutableDied:
            self.suspect = source
            raise

    def rest(self, source: Source) -> Generator[bytes, None, None] | None:
        """Return the blocks of a source without what is left out of it.

        None if that is nothing.
        """
        if source not in self._found:
            return None
        records, numbers = self._found[source]
        return records.read(without(numbers, records.number))

    def add(self, source: Source, records: Records, numbers: list[int]
            ) -> None:
        """Leave records out of a source, from which none were left out."""
        self._found[source] = records, numbers

    def count(self, executor: Executor, name: str) -> None:
        """Add the records to the counters of a task, each and as a sum."""
        names = self.names
        if names:
            executor.count(layout.RECORDS, name, len(names))
        for record in names:
            executor.count(layout.SKIPPED_RECORDS, record)
