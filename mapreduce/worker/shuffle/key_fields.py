"""Partition, sort and rewrite lines by the fields of their keys.

Only for jobs that ask for it: all others use the loops over whole lines. The
options are parsed in protocol/key_fields.
"""
from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator

from mapreduce.protocol.extensions import (
    ExtendedJobMessage,
    ExtendedMapTaskMessage,
    TaskOptions,
)
from mapreduce.protocol.key_fields import (
    TAB,
    limit_keys,
    parse_ranges,
    parse_sort,
)
from mapreduce.worker.shuffle.hash_partitioner import partition_of_key
from mapreduce.worker.shuffle.lines import PartitionedLines, whole_lines

MAX_KNOWN = 3 * 2**10  # keys whose partition is kept …
MAX_KNOWN_LENGTH = 64  # … and the bytes of such a key

# What has the options of a map task.
MapOptions = ExtendedMapTaskMessage | ExtendedJobMessage

Rewrite = Callable[[Iterable[bytes]], Iterator[bytes]]


def sort_arguments(options: TaskOptions) -> list[str]:
    """Return arguments of `sort` for the order of a job.

    An empty list: lines are sorted as a whole.
    """
    separator = options.separator or TAB
    inner = options.key_separator or separator
    last = options.key_fields or 1
    if options.sort_options is not None:
        keys = parse_sort(options.sort_options)
        if options.key_fields and inner == separator:
            keys = limit_keys(keys, last)
        # -s: lines whose keys are equal stay in their order.
        return ["-t", inner, "-s", *keys]
    # Before a TAB there are hardly any other bytes, so equal keys follow each
    # other in the order of whole lines, too.
    return [] if separator == TAB else ["-t", separator, f"-k1,{last}"]


class FieldPartitioner:
    """Distributes lines to partitions by the MD5 of some of their fields."""

    def __init__(
        self, task: MapOptions, num_partitions: int
    ) -> None:
        """Use the options of a task; no partition is known yet."""
        self._parts = PartitionedLines(num_partitions)
        self._separator = os.fsencode(task.separator or TAB)
        self._inner = os.fsencode(task.key_separator or "") or self._separator
        # Without partition_by, all of the key counts.
        self._ranges = parse_ranges(task.partition_by or "1-")
        # Without a number of fields, partition_by counts those of the line.
        self._key_fields = task.key_fields or (
            0 if task.partition_by and not task.key_separator else 1)
        self._known: dict[bytes, list[bytes]] = {}

    def partition(self, block: bytes) -> list[bytes]:
        """Return the lines of a block as one block for each partition."""
        return self._parts.partition(block, self._assign)

    def _assign(self, lines: list[bytes]) -> None:
        for line in lines:
            key = self._hashed(line)
            part = self._known.get(key)
            if part is None:
                part = self._part(key)
            part.append(line)

    def _hashed(self, line: bytes) -> bytes:
        """Return the fields of a line that decide on its partition."""
        if self._key_fields:
            fields = line.split(self._separator, self._key_fields)
            line = self._separator.join(fields[:self._key_fields])
        fields = line.split(self._inner)
        # Each range gives one text: to sort, too, a field that is missing
        # equals an empty one.
        return self._inner.join(
            self._inner.join(fields[first - 1:last])
            for first, last in self._ranges)

    def _part(self, key: bytes) -> list[bytes]:
        lists = self._parts.lists
        part = lists[partition_of_key(key, len(lists))]
        if len(self._known) < MAX_KNOWN and len(key) <= MAX_KNOWN_LENGTH:
            self._known[key] = part
        return part


def needs_fields(task: MapOptions) -> bool:
    """Return whether other fields than the first choose the partition."""
    return (task.partition_by, task.separator, task.key_fields) != (
        None, None, None)


def for_reducer(options: TaskOptions) -> Rewrite | None:
    """Return the function that makes lines as reducer and combiner read them.

    The separator behind the key becomes the one that they expect. None: it is
    the same.
    """
    return _replacing(options, options.separator, options.reducer_separator,
                      options.key_fields or 1)


def from_combiner(options: TaskOptions) -> Rewrite | None:
    """Return the function that makes lines as the mapper printed them."""
    return _replacing(options, options.reducer_separator, options.separator, 1)


def _replacing(
    options: TaskOptions, old: str | None, new: str | None, number: int
) -> Rewrite | None:
    """Return the function that replaces one separator in each line."""
    if options.reducer_separator is None or old == new:
        return None
    end = re.escape(os.fsencode(old or TAB))
    pattern = re.compile(
        rb"(?m)^((?:[^\n]*?%b){%d}[^\n]*?)%b" % (end, number - 1, end))
    replacement = os.fsencode(new or TAB).replace(b"\\", b"\\\\")

    def rewrite(blocks: Iterable[bytes]) -> Iterator[bytes]:
        for block in whole_lines(blocks):
            yield pattern.sub(rb"\g<1>" + replacement, block)
    return rewrite
