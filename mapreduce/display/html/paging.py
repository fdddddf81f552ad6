"""Divide long tables into pages."""
from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Generic, TypeVar

Row = TypeVar("Row")


@dataclasses.dataclass(frozen=True)
class Page(Generic[Row]):
    """The rows of a table that are shown, and where they are in it."""

    rows: tuple[Row, ...]
    number: int  # from 1
    num_pages: int  # at least 1
    first: int  # the position of the first row, from 1; 0 without rows
    num_rows: int  # of the whole table

    @property
    def last(self) -> int:
        """The position of the last row."""
        return max(self.first + len(self.rows) - 1, 0)


def page(rows: Sequence[Row], number: int, size: int) -> Page[Row]:
    """Return the page of this number, or the nearest one that exists."""
    num_pages = max(1, -(-len(rows) // size))
    number = min(max(number, 1), num_pages)
    start = (number - 1) * size
    return Page(tuple(rows[start:start + size]), number, num_pages,
                start + 1 if rows else 0, len(rows))
