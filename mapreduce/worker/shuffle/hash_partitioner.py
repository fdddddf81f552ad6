"""Find the partition of each line from its key, in Python.

This is done for each line of a mapper's output, and costs more than anything
else that Python does with it.
"""
from __future__ import annotations

import collections
import functools
import itertools

from mapreduce.worker.shuffle.lines import PartitionedLines

try:
    # For a short key, it takes half of the time of OpenSSL's.
    from _md5 import md5  # type: ignore[import-not-found]
except ImportError:
    import hashlib
    md5 = functools.partial(hashlib.md5, usedforsecurity=False)

MAX_KNOWN = 3 * 2**10  # lines that are kept
MAX_KNOWN_LENGTH = 32  # bytes of such a line
SKIPPED = 15  # lists that are not looked up after one of mostly unknown lines


class HashPartitioner:
    """Distributes lines to partitions; it keeps the partitions of some lines.

    Few words make up most of a text: so the first short lines are kept, each
    with its partition, and looked up while most lines are found.
    """

    def __init__(self, num_partitions: int) -> None:
        """Keep no lines yet."""
        self._parts = PartitionedLines(num_partitions)
        self._known: dict[bytes, list[bytes]] = {}
        self._skipped = 0

    def partition(self, block: bytes) -> list[bytes]:
        """Return the lines of a block as one block for each partition."""
        return self._parts.partition(block, self._assign)

    def _assign(self, lines: list[bytes]) -> None:
        """Add each line to the list of its partition."""
        if self._skipped:
            self._skipped -= 1
            self._assign_unknown(lines)
            return
        unknown = self._assign_known(lines)
        self._assign_unknown(unknown)
        if len(self._known) < MAX_KNOWN:
            self._learn(unknown)
        if len(unknown) > len(lines) // 2:
            self._skipped = SKIPPED

    def _assign_known(self, lines: list[bytes]) -> list[bytes]:
        """Assign the lines that are known, and return the others."""
        unknown: list[bytes] = []
        parts = map(self._known.get, lines, itertools.repeat(unknown))
        # A `for` statement would take as long as everything else here.
        collections.deque(map(list.append, parts, lines), maxlen=0)
        return unknown

    def _assign_unknown(self, lines: list[bytes]) -> None:
        """Assign lines by their hashes, as partition_of does."""
        appends = [part.append for part in self._parts.lists]
        num_partitions = len(appends)
        if 256 % num_partitions == 0:
            # The last byte of a big-endian number is enough to divide by.
            appends *= 256 // num_partitions
            for line in lines:
                appends[md5(line.partition(b"\t")[0]).digest()[-1]](line)
        else:
            for line in lines:
                digest = md5(line.partition(b"\t")[0]).digest()
                appends[int.from_bytes(digest, "big") % num_partitions](line)

    def _learn(self, lines: list[bytes]) -> None:
        for line in lines:
            if len(self._known) == MAX_KNOWN:
                return
            if len(line) <= MAX_KNOWN_LENGTH:
                partition = partition_of(line, len(self._parts.lists))
                self._known[line] = self._parts.lists[partition]


def partition_of(line: bytes, num_partitions: int) -> int:
    """Return the partition of a line.

    That is the MD5 of its key, as a big-endian number, modulo the number of
    partitions, as the specification says; the key is what stands before the
    first TAB, or all of the line.
    """
    return partition_of_key(line.partition(b"\t")[0], num_partitions)


def partition_of_key(key: bytes, num_partitions: int) -> int:
    """Return the partition of a key, as partition_of does."""
    return int.from_bytes(md5(key).digest(), "big") % num_partitions
