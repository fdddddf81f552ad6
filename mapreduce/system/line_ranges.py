"""Divide files into ranges of a number of lines, by reading them."""
from __future__ import annotations

from collections.abc import Iterator


def line_ranges(path: str, lines: int) -> Iterator[tuple[int, int]]:
    """Iterate over the ranges of a file with so many lines each, in bytes.

    The last one may have fewer. There is none for an empty file. Raises
    OSError if the file can't be read.
    """
    start = end = number = 0
    with open(path, "rb") as file:
        for line in file:
            end += len(line)
            number += 1
            if number % lines == 0:
                yield start, end
                start = end
    if end > start:
        yield start, end
