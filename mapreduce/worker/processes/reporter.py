"""What executables report of themselves on standard error.

The form is that of Hadoop Streaming: lines of

    reporter:counter:group,counter,amount
    reporter:status:text

among all else. What only looks like one of them is ordinary text.
"""
from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator

from mapreduce.protocol.fields import MAX_AMOUNT, MAX_COUNTERS, MAX_NAME
from mapreduce.worker.errors import TaskError
from mapreduce.worker.processes.streams import StderrTail

PREFIX = b"reporter:"
MAX_REPORT = 64 * 2**10  # bytes of a line that are waited for
MAX_STATUS = 255  # characters; what is beyond is cut off

_COUNTER = re.compile(rb"reporter:counter:([^,]*),([^,]*),([+-]?[0-9]{1,19})")
_STATUS = re.compile(rb"reporter:status:(.*)", re.DOTALL)


class CounterError(TaskError):
    """An executable counts what is too much."""


class Reporter:
    """Sums up what all executables of a task report."""

    def __init__(self, publish: Callable[[str], object]) -> None:
        """Start with nothing reported.

        Each new status is published at once, between two reads of a pipe: so
        publish must not wait for anything.
        """
        self.counters: dict[str, dict[str, int]] = {}
        self._publish = publish
        self._status: str | None = None

    def take(self, line: bytes) -> bool:
        """Take a line if it is a report; tell whether it is.

        Raises CounterError for counters that are too many or too large.
        """
        line = line.strip()
        if match := _COUNTER.fullmatch(line):
            group, name, amount = match.groups()
            return self._count(_text(group), _text(name), int(amount))
        if match := _STATUS.fullmatch(line):
            self._note_status(_text(match[1].strip())[:MAX_STATUS])
            return True
        return False

    def _note_status(self, status: str) -> None:
        if status != self._status:
            self._status = status
            self._publish(status)

    def _count(self, group: str, name: str, amount: int) -> bool:
        """Add to a counter; tell whether it could be one."""
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
        if max(len(group), len(name)) > MAX_NAME:
            raise CounterError(
                f"the name of a counter has more than {MAX_NAME} characters: "
                f"{group[:MAX_NAME]!r}, {name[:MAX_NAME]!r}")
        if sum(map(len, self.counters.values())) == MAX_COUNTERS:
            raise CounterError(
                f"the task has more than {MAX_COUNTERS} different counters")


class ReportedStderr(StderrTail):
    """Standard error out of which a Reporter takes what is meant for it."""

    def __init__(self, reporter: Reporter) -> None:
        """Begin with nothing said."""
        super().__init__()
        self._reporter = reporter
        self._begun = b""  # a line that may yet become a report
        self._at_start = True  # of a line, apart from what has begun

    def add(self, chunk: bytes) -> None:
        """Take what was read, whatever it is a part of."""
        begun, self._begun = self._begun, b""
        super().add(b"".join(self._sift(begun + chunk)))

    def end(self) -> None:
        """Take the last line, whose newline never came."""
        begun, self._begun = self._begun, b""
        if not self._reporter.take(begun):
            super().add(begun)

    def _sift(self, text: bytes) -> Iterator[bytes]:
        """Iterate over what is no report, nor the beginning of one."""
        if PREFIX not in text:  # As most of what is said.
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
                if whole and self._reporter.take(line):
                    continue
            self._at_start = whole
            yield line


def _text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")
