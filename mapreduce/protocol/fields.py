"""Define the types of the fields of messages, each with its rule.

The codec checks the rule when it decodes a message, so the rest of the program
may rely on it. A field whose type begins with Optional is left out of the JSON
when it is None.
"""
from __future__ import annotations

import dataclasses
import functools
import reprlib
import sys
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

from mapreduce.protocol.key_fields import parse_ranges, parse_sort
from mapreduce.protocol.layout import (
    COMPRESSIONS,
    MAX_SKIPPED,
    MAX_TASKS,
    RECORD_COUNTERS,
)

MAX_HOST = 255  # characters, as in the name service
MAX_PATH = 4096  # bytes, as in Linux
MAX_COMMAND = 128 * 2**10  # bytes, as of one argument in Linux
MAX_NAME = 255  # characters
MAX_REASON = 64 * 2**10  # characters of why a task failed
MAX_COUNTERS = 1_000  # of a task, and of a job, beside RECORD_COUNTERS
MAX_AMOUNT = 2**63 - 1  # of a counter, up or down
MAX_SIZE = 2**63 - 1  # bytes, as of a file
MAX_SECONDS = 10**9  # about thirty years


# Returns an optional field of a message that its repr leaves out: the reprs of
# some messages are lines of the log for which users look.
hidden: Callable[[], Any] = functools.partial(
    dataclasses.field, default=None, repr=False)


class ProtocolError(Exception):
    """A peer sent bytes that are not a message; the text says why."""


class FieldError(ProtocolError):
    """A field of a message breaks its rule."""

    def __init__(
        self, title: str, field: str, expected: str, value: object
    ) -> None:
        """Keep the parts of the error; `title` names the message."""
        # Apart from each other, so that a client can name its own option
        # instead of the field.
        self.field = field
        self.expected = expected
        # The values of an environment may be passwords.
        self.value = ("(not shown)" if field == "environment"
                      else reprlib.repr(value))
        super().__init__(f"{title} has a field {field!r} that is not "
                         f"{expected}: {self.value}")


class Split(NamedTuple):
    """A part of the input of a mapper: the lines that begin in a byte range.

    On the wire: [path, start, end]. An end of null is the end of the file.
    """

    path: str
    start: int = 0  # bytes from the beginning of the file
    end: int | None = None  # None: the end of the file

    def __repr__(self) -> str:
        """Return, e.g., 'input/a' or 'input/a'[100:200], for the log."""
        if not self.start and self.end is None:
            return repr(self.path)
        end = "" if self.end is None else self.end
        return f"{self.path!r}[{self.start}:{end}]"


@dataclasses.dataclass(frozen=True)
class Rule:
    """A condition on the JSON value of a field, and its text for errors."""

    description: str
    accepts: Callable[[Any], bool]
    # For types that JSON lacks: a split, for example, is an array there.
    convert: Callable[[Any], Any] = lambda value: value


def _is_integer(value: object) -> bool:
    # In Python, True and False are integers, too.
    return isinstance(value, int) and not isinstance(value, bool)


def _is_between(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: _is_integer(value) and low <= value <= high


_is_size = _is_between(0, MAX_SIZE)


def _is_name(value: object, length: int = MAX_PATH) -> bool:
    """Return whether the operating system accepts a value as a path."""
    # No path contains NUL, and os functions raise ValueError for it.
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        # A name that is not UTF-8 has its bytes as lone surrogates in JSON,
        # as os.fsdecode makes them. Other lone surrogates have no bytes.
        name = value.encode(sys.getfilesystemencoding(), "surrogateescape")
    except UnicodeEncodeError:
        return False
    return len(name) <= length


def _is_command(value: object) -> bool:
    return _is_name(value, MAX_COMMAND)


def _is_host(value: object) -> bool:
    # Names are resolved later. Only values that would break a log line or
    # the resolver are refused here.
    return (isinstance(value, str) and 1 <= len(value) <= MAX_HOST
            and value.isprintable() and " " not in value)


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_name, value))


def _is_links(value: object) -> bool:
    """Return whether a value is a list of paths and names."""
    return isinstance(value, list) and all(
        isinstance(link, list) and len(link) == 2 and _is_names(link)
        and link[1] not in ("", ".", "..") and "/" not in link[1]
        for link in value)


def _is_split(value: object) -> bool:
    if not isinstance(value, list) or len(value) != 3:
        return False
    path, start, end = value
    return _is_name(path) and _is_size(start) and (
        end is None or (_is_size(end) and end >= start))


def _is_splits(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_split, value))


def _to_splits(value: list[Any]) -> list[Split]:
    return [Split(*split) for split in value]


def _is_environment(value: object) -> bool:
    # No environment can hold an empty name or a name with "=".
    return isinstance(value, dict) and all(
        name and "=" not in name and _is_command(name) and _is_command(text)
        for name, text in value.items())


def _is_counters(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(group, dict) and all(
            _is_integer(amount) and abs(amount) <= MAX_AMOUNT
            and len(name) <= MAX_NAME for name, amount in group.items())
        and len(name) <= MAX_NAME for name, group in value.items()
    ) and sum(map(len, value.values())) <= MAX_COUNTERS + len(RECORD_COUNTERS)


def _is_separator(value: object) -> bool:
    # One byte, as `sort` needs it.
    return _is_name(value, 1) and value not in ("", "\n")


def _can_be(parse: Callable[[str], object]) -> Callable[[Any], bool]:
    """Return a condition: a text for which a function raises no ValueError."""
    def is_possible(value: object) -> bool:
        if not _is_command(value):
            return False
        try:
            parse(str(value))
        except ValueError:
            return False
        return True
    return is_possible


def _is_seconds(value: Any) -> bool:
    return (_is_integer(value) or isinstance(value, float)) and (
        0 < value <= MAX_SECONDS)


_SEPARATOR = Rule("one byte, such as a comma", _is_separator)
_NAME = Rule(f"a text of 1 to {MAX_NAME} characters",
             lambda value: isinstance(value, str)
             and 1 <= len(value) <= MAX_NAME)
_PATH = Rule("a path", _is_name)
_PATHS = Rule("a list of paths", _is_names)
_COMMAND = Rule("a command", _is_command)
_COUNT = Rule(f"a number from 1 to {MAX_TASKS}", _is_between(1, MAX_TASKS))
_ENVIRONMENT = Rule("an object of texts", _is_environment)

Host = Annotated[str, Rule("a host", _is_host)]
Port = Annotated[
    int, Rule("a port from 1 to 65535", _is_between(1, 65535))]
OptionalName = Annotated[str | None, _NAME]
Text = Annotated[str, Rule("a text", lambda value: isinstance(value, str))]
Path = Annotated[str, _PATH]
OptionalPath = Annotated[str | None, _PATH]
Paths = Annotated[list[str], _PATHS]
OptionalPaths = Annotated[list[str] | None, _PATHS]
Splits = Annotated[
    list[Split], Rule("a list of splits", _is_splits, _to_splits)]
Command = Annotated[str, _COMMAND]
OptionalCommand = Annotated[str | None, _COMMAND]
TaskId = Annotated[int, Rule(
    f"a task id from 0 to {MAX_TASKS - 1}", _is_between(0, MAX_TASKS - 1))]
# Without an upper limit: a Manager may run for years.
JobId = Annotated[
    int, Rule("a job id", lambda value: _is_integer(value) and value >= 0)]
Pid = Annotated[int, Rule("a process id", _is_size)]
# These two count only where messages are signed. From other peers they may be
# fields of their own, with any value, and must be ignored.
OptionalJobId = Annotated[int | None, Rule(
    "any value", lambda _: True,
    lambda value: value if _is_integer(value) else None)]
OptionalToken = Annotated[str | None, Rule(
    "any value", lambda _: True,
    lambda value: value if isinstance(value, str) else None)]
Count = Annotated[int, _COUNT]
OptionalCount = Annotated[int | None, _COUNT]
CountOrZero = Annotated[int, Rule(
    f"a number from 0 to {MAX_TASKS}", _is_between(0, MAX_TASKS))]
OptionalSkips = Annotated[int | None, Rule(
    f"a number from 1 to {MAX_SKIPPED}", _is_between(1, MAX_SKIPPED))]
OptionalSeparator = Annotated[str | None, _SEPARATOR]
OptionalCompression = Annotated[str | None, Rule(
    "one of " + ", ".join(COMPRESSIONS), lambda value: isinstance(value, str)
    and value in COMPRESSIONS)]
OptionalSort = Annotated[str | None, Rule(
    "options of sort such as -k1,1 -k2,2nr", _can_be(parse_sort))]
OptionalLinks = Annotated[list[list[str]] | None, Rule(
    "a list of paths, each with a name", _is_links)]
OptionalRanges = Annotated[str | None, Rule(
    "fields such as 1-2", _can_be(parse_ranges))]
OptionalSize = Annotated[int | None, Rule(
    f"a number of bytes from 1 to {MAX_SIZE}", _is_between(1, MAX_SIZE))]
OptionalSeconds = Annotated[float | None, Rule(
    f"a number of seconds above 0, up to {MAX_SECONDS}", _is_seconds)]
# Only true or absent: with one form for each meaning, nothing is ambiguous.
OptionalFlag = Annotated[
    bool | None, Rule("true", lambda value: value is True)]
Environment = Annotated[dict[str, str], _ENVIRONMENT]
OptionalEnvironment = Annotated[dict[str, str] | None, _ENVIRONMENT]
OptionalCounters = Annotated[
    dict[str, dict[str, int]] | None,
    Rule("an object of objects of integers", _is_counters)]
