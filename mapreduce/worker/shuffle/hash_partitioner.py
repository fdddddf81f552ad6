"""Which lines go to which partition: those of one key to the same one.

This is done for each line of a mapper's output, and costs more than all else
that Python does about it.
"""
from __future__ import annotations

import collections
import functools
import itertools

try:
    # Python's own: of a short key, it costs half of what OpenSSL's does.
    from _md5 import md5  # type: ignore[import-not-found]
except ImportError:
    import hashlib
    md5 = functools.partial(hashlib.md5, usedforsecurity=False)

MAX_KNOWN = 3 * 2**10  # lines that are kept
MAX_KNOWN_LENGTH = 32  # bytes of such a line
UNASKED = 15  # lists that are not looked up after one of mostly unknown lines


class HashPartitioner:
    """Deals out lines to partitions, some of which it knows by heart.

    Few words make up most of a text: so the first short lines that come are
    kept, each with its partition, and looked up in so far as that pays.
    """

    def __init__(self, num_partitions: int) -> None:
        """Know no lines."""
        self.parts: list[list[bytes]] = [[] for _ in range(num_partitions)]
        self._known: dict[bytes, list[bytes]] = {}
        self._unasked = 0

    def partition(self, lines: list[bytes]) -> None:
        """Add each line to the list of its partition in parts."""
        if self._unasked:
            self._unasked -= 1
            self._deal_out_unknown(lines)
            return
        unknown = self._deal_out_known(lines)
        self._deal_out_unknown(unknown)
        if len(self._known) < MAX_KNOWN:
            self._learn(unknown)
        if len(unknown) > len(lines) // 2:
            self._unasked = UNASKED

    def _deal_out_known(self, lines: list[bytes]) -> list[bytes]:
        """Deal out the lines that are known, and return the others."""
        unknown: list[bytes] = []
        parts = map(self._known.get, lines, itertools.repeat(unknown))
        # A loop of Python's own would cost as much as all the rest.
        collections.deque(map(list.append, parts, lines), maxlen=0)
        return unknown

    def _deal_out_unknown(self, lines: list[bytes]) -> None:
        """Deal out lines by their hashes: partition_of, written out."""
        appends = [part.append for part in self.parts]
        num_partitions = len(appends)
        if 256 % num_partitions == 0:
            # Of a big-endian number, the last byte decides alone.
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
                partition = partition_of(line, len(self.parts))
                self._known[line] = self.parts[partition]


def partition_of(line: bytes, num_partitions: int) -> int:
    """Return the partition of a line.

    That is the MD5 of its key, as a big-endian number, modulo the number of
    partitions, as the specification says; the key is what stands before the
    first TAB, or all of the line.
    """
    digest = md5(line.partition(b"\t")[0]).digest()
    return int.from_bytes(digest, "big") % num_partitions
