"""Find the counters and status lines in the standard error of executables.

They are lines in the form of Hadoop Streaming:

    reporter:counter:group,counter,amount
    reporter:status:text

All other lines, also those that only resemble these, are ordinary text.
"""
from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator

from mapreduce.protocol import codec
from mapreduce.protocol.fields import MAX_AMOUNT, MAX_COUNTERS, MAX_NAME
from mapreduce.protocol.layout import RECORD_COUNTERS, RECORDS
from mapreduce.worker.errors import TaskError
from mapreduce.worker.processes.streams import StderrTail

PREFIX = b"reporter:"
# Bytes of the names of a task's counters in JSON. A Manager accepts 1 MiB.
MAX_COUNTER_NAMES = 512 * 2**10
MAX_REPORT = 64 * 2**10  # bytes of an incomplete line that are kept
MAX_STATUS = 255  # characters; the rest is cut off

_COUNTER = re.compile(rb"reporter:counter:([^,]*),([^,]*),([+-]?[0-9]{1,19})")
_STATUS = re.compile(rb"reporter:status:(.*)", re.DOTALL)


class CounterError(TaskError):
    """The counters of an executable are too many or too large."""


class Reporter:
    """Adds up the counters of all executables of a task."""

    def __init__(self, publish: Callable[[str], object]) -> None:
        """Start without counters.

        `publish` is called with each new status, between two reads of a pipe,
        so it must not block.
        """
        self.counters: dict[str, dict[str, int]] = {}
        self._publish = publish
        self._status: str | None = None
        self._size = 0  # of the names of the counters

    def forget_counters(self) -> None:
        """Begin anew without counters."""
        self.counters.clear()
        self._size = 0

    def consume(self, line: bytes) -> bool:
        """Handle a line if it is a counter or a status; return whether it is.

        Raises CounterError for counters that are too many or too large.
        """
        line = line.strip()
        if match := _COUNTER.fullmatch(line):
            group, name, amount = match.groups()
            return self.count(_text(group), _text(name), int(amount))
        if match := _STATUS.fullmatch(line):
            self.note_status(_text(match[1].strip()))
            return True
        return False

    def note_status(self, status: str) -> None:
        """Publish a status of the task, if it is a new one."""
        status = status[:MAX_STATUS]
        # An executable may repeat its status for each line that it reads.
        if status != self._status:
            self._status = status
            self._publish(status)

    def count(self, group: str, name: str, amount: int) -> bool:
        """Add to a counter; return False if the amount is out of range."""
        # The pattern allows 19 digits, which may be more than 2**63 - 1.
        if abs(amount) > MAX_AMOUNT:
            return False
        counters = self.counters.setdefault(group, {})
        if name not in counters:
            self._check_new(group, name)
        counters[name] = counters.get(name, 0) + amount
        if abs(counters[name]) > MAX_AMOUNT:
            raise CounterError(
                f"the counter {group!r}, {name!r} is beyond {MAX_AMOUNT}")
        return True

    def _check_new(self, group: str, name: str) -> None:
        # The same limits as for the field of the message: otherwise the
        # Manager would ignore the whole `finished`.
        if max(len(group), len(name)) > MAX_NAME:
            raise CounterError(
                f"the name of a counter has more than {MAX_NAME} characters: "
                f"{group[:MAX_NAME]!r}, {name[:MAX_NAME]!r}")
        own = self.counters.get(RECORDS, {}).keys() & set(RECORD_COUNTERS)
        is_own = group == RECORDS and name in RECORD_COUNTERS
        if not is_own and sum(map(len, self.counters.values())) - len(
                own) == MAX_COUNTERS:
            raise CounterError(
                f"the task has more than {MAX_COUNTERS} different counters")
        self._size += codec.text_size(group) + codec.text_size(name)
        if self._size > MAX_COUNTER_NAMES:
            raise CounterError("the names of the task's counters are too long")


class ReportedStderr(StderrTail):
    """Standard error from which a Reporter consumes its lines."""

    def __init__(self, reporter: Reporter) -> None:
        """Start empty."""
        super().__init__()
        self._reporter = reporter
        self._begun = b""  # the start of a line that may be for the reporter
        self._at_start = True  # whether a line starts here, before _begun

    def add(self, chunk: bytes) -> None:
        """Add bytes; they may begin and end anywhere in a line."""
        begun, self._begun = self._begun, b""
        super().add(b"".join(self._sift(begun + chunk)))

    def end(self) -> None:
        """Handle the last line if it has no newline."""
        begun, self._begun = self._begun, b""
        if not self._reporter.consume(begun):
            super().add(begun)

    def _sift(self, text: bytes) -> Iterator[bytes]:
        """Iterate over the ordinary text; keep the start of another line."""
        # A shortcut for most of standard error: without this prefix, only the
        # last line, which is not complete, needs a closer look.
        if PREFIX not in text:
            done = text.rfind(b"\n") + 1
            if done:
                self._at_start = True
                yield text[:done]
                text = text[done:]
        for line in io.BytesIO(text):
            whole = line.endswith(b"\n")
            if self._at_start and PREFIX.startswith(line[:len(PREFIX)]):
                if not whole and len(line) < MAX_REPORT:
                    self._begun = line
                    return
                if whole and self._reporter.consume(line):
                    continue
            self._at_start = whole
            yield line


def _text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")
