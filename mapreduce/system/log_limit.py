"""Limit the log entries that strangers can cause: 18 GB an hour otherwise.

Of each kind, ten are logged, and then one a minute, which says how many were
left out. Of those that users cause, too, it is a thousand, and then one a
second. A kind is all entries with one text, whatever their values.
"""
from __future__ import annotations

import dataclasses
import logging
import time

MAX_ENTRIES = 10  # of one kind, until they come more slowly
INTERVAL = 60.0  # seconds in which one more entry is allowed
# The same for the life of Workers and jobs.
MAX_OFTEN, OFTEN_INTERVAL = 1_000, 1.0

# Any program that reaches a port can cause all entries of this room, …
ROOM = "mapreduce.utils."
# … and these.
TEXTS = ("Heartbeat from unregistered Worker", "Ignored ", "Cannot send to ",
         "Refused job", "Asked ", "Cannot cancel ")
OFTEN = ("Registered Worker", "Worker died", "Received job", "Started job",
         "Finished job", "Job ", "No Worker lives")


@dataclasses.dataclass
class _Kind:
    allowed: float  # how many entries may be logged now
    updated: float
    left_out: int = 0


class LogLimit(logging.Filter):
    """A filter of a handler, which drops entries of strangers."""

    def __init__(self) -> None:
        """Start with no entry seen."""
        super().__init__()
        # As many as there are such texts in the code.
        self._kinds: dict[str, _Kind] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log an entry; add the number of those left out."""
        text = str(record.msg)
        if text.startswith(OFTEN):
            allowed, interval = MAX_OFTEN, OFTEN_INTERVAL
        elif logging.DEBUG < record.levelno < logging.ERROR and (
                record.name.startswith(ROOM) or text.startswith(TEXTS)):
            allowed, interval = MAX_ENTRIES, INTERVAL
        else:
            return True
        now = time.monotonic()
        kind = self._kinds.setdefault(text, _Kind(allowed, now))
        kind.allowed = min(
            allowed, kind.allowed + (now - kind.updated) / interval)
        kind.updated = now
        if kind.allowed < 1:
            kind.left_out += 1
            return False
        kind.allowed -= 1
        if kind.left_out:
            record.msg = (f"{record.getMessage()} (before it, {kind.left_out} "
                          "entries of this kind were left out)")
            record.args = None
            kind.left_out = 0
        return True
