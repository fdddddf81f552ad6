"""What a field of a message may hold: types, each with its rule.

A rule is checked where a message is decoded; the type is what the rest of the
program sees. A field whose type begins with Optional is left out of the JSON
where it is None.
"""
from __future__ import annotations

import dataclasses
import reprlib
import sys
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

from mapreduce.protocol.layout import MAX_TASKS

MAX_HOST = 255  # characters, as in the name service
MAX_PATH = 4096  # bytes, as in Linux
MAX_COMMAND = 128 * 2**10  # bytes, as of one argument in Linux
MAX_NAME = 255  # characters
MAX_COUNTERS = 1_000  # of a task, and of a job
MAX_AMOUNT = 2**63 - 1  # of a counter, up or down
MAX_SIZE = 2**63 - 1  # bytes, as of a file
MAX_SECONDS = 10**9  # some thirty years


class ProtocolError(Exception):
    """A peer sent what is no message; the text says what is wrong."""


class FieldError(ProtocolError):
    """A field of a message is not what the protocol says."""

    def __init__(
        self, title: str, field: str, wanted: str, value: object
    ) -> None:
        """Name the message, its field, what that must be, and what it is."""
        self.field = field
        self.wanted = wanted
        self.value = reprlib.repr(value)
        super().__init__(f"{title} has a field {field!r} that is not "
                         f"{wanted}: {self.value}")


class Split(NamedTuple):
    """What a mapper reads: a file, or the lines that begin in a range of it.

    On the wire: [path, start, end], where end may be null.
    """

    path: str
    start: int = 0  # bytes from the beginning of the file
    end: int | None = None  # None: where the file ends


@dataclasses.dataclass(frozen=True)
class Rule:
    """What a field must be, for a check and for an error message."""

    description: str
    accepts: Callable[[Any], bool]
    # What JSON can't tell from something simpler is made by this.
    convert: Callable[[Any], Any] = lambda value: value


def _is_integer(value: object) -> bool:
    """Tell integers from true and false, which Python counts among them."""
    return isinstance(value, int) and not isinstance(value, bool)


def _is_between(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: _is_integer(value) and low <= value <= high


_is_size = _is_between(0, MAX_SIZE)


def _is_name(value: object, length: int = MAX_PATH) -> bool:
    """Tell a text that the operating system could take for a path.

    JSON carries the bytes of a name that is no UTF-8 as lone surrogates,
    the way os.fsdecode makes them; any other lone surrogate stands for
    nothing.
    """
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        name = value.encode(sys.getfilesystemencoding(), "surrogateescape")
    except UnicodeEncodeError:
        return False
    return len(name) <= length


def _is_command(value: object) -> bool:
    return _is_name(value, MAX_COMMAND)


def _is_host(value: object) -> bool:
    """Tell a text that could be an address or a host name."""
    return (isinstance(value, str) and 1 <= len(value) <= MAX_HOST
            and value.isprintable() and " " not in value)


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_name, value))


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
    return isinstance(value, dict) and all(
        name and "=" not in name and _is_command(name) and _is_command(text)
        for name, text in value.items())


def _is_counters(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(group, dict) and all(
            _is_integer(amount) and abs(amount) <= MAX_AMOUNT
            and len(name) <= MAX_NAME for name, amount in group.items())
        and len(name) <= MAX_NAME for name, group in value.items()
    ) and sum(map(len, value.values())) <= MAX_COUNTERS


def _is_seconds(value: Any) -> bool:
    return (_is_integer(value) or isinstance(value, float)) and (
        0 < value <= MAX_SECONDS)


_NAME = Rule(f"a text of 1 to {MAX_NAME} characters",
             lambda value: isinstance(value, str)
             and 1 <= len(value) <= MAX_NAME)
_PATH = Rule("a path", _is_name)
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
Paths = Annotated[list[str], Rule("a list of paths", _is_names)]
Splits = Annotated[
    list[Split], Rule("a list of splits", _is_splits, _to_splits)]
Command = Annotated[str, _COMMAND]
OptionalCommand = Annotated[str | None, _COMMAND]
TaskId = Annotated[int, Rule(
    f"a task id from 0 to {MAX_TASKS - 1}", _is_between(0, MAX_TASKS - 1))]
JobId = Annotated[
    int, Rule("a job id", lambda value: _is_integer(value) and value >= 0)]
Count = Annotated[int, _COUNT]
OptionalCount = Annotated[int | None, _COUNT]
CountOrZero = Annotated[int, Rule(
    f"a number from 0 to {MAX_TASKS}", _is_between(0, MAX_TASKS))]
OptionalSize = Annotated[int | None, Rule(
    f"a number of bytes from 1 to {MAX_SIZE}", _is_between(1, MAX_SIZE))]
OptionalSeconds = Annotated[float | None, Rule(
    f"a number of seconds above 0, up to {MAX_SECONDS}", _is_seconds)]
OptionalFlag = Annotated[
    bool | None, Rule("true", lambda value: value is True)]
Environment = Annotated[dict[str, str], _ENVIRONMENT]
OptionalEnvironment = Annotated[dict[str, str] | None, _ENVIRONMENT]
OptionalCounters = Annotated[
    dict[str, dict[str, int]] | None,
    Rule("an object of objects of integers", _is_counters)]
