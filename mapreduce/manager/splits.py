"""Divide input files into what mappers read. No file is looked at here."""
from __future__ import annotations

import itertools
from collections.abc import Iterator

from mapreduce.utils.fields import Split
from mapreduce.utils.inputs import is_compressed
from mapreduce.utils.layout import MAX_TASKS


class TooManySplits(Exception):
    """Files would be divided into more ranges than a job may have tasks."""


def divide(sizes: dict[str, int], paths: list[str], size: int) -> list[Split]:
    """Return the splits of files, in their order, of at most size bytes.

    The sizes of the files are given by their paths. A range says where its
    lines begin, not where they end. Compressed files are not divided: nobody
    can read them from the middle. Raises TooManySplits before it makes them.
    """
    numbers = {path: _number_of_splits(path, length, size)
               for path, length in sizes.items()}
    if sum(numbers[path] for path in paths) > max(MAX_TASKS, len(paths)):
        raise TooManySplits
    return list(itertools.chain.from_iterable(
        _ranges(path, sizes[path], numbers[path]) for path in paths))


def _number_of_splits(path: str, length: int, size: int) -> int:
    if is_compressed(path):
        return 1
    return max(1, -(-length // size))


def _ranges(path: str, length: int, number: int) -> Iterator[Split]:
    """Iterate over ranges of nearly equal size; the last has no end."""
    bounds = [length * index // number for index in range(number)]
    for start, end in itertools.zip_longest(bounds, bounds[1:]):
        yield Split(path, start, end)
