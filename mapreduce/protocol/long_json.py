"""Parse long JSON objects that any program may have sent. Pure.

While json.loads runs, no other thread of Python does. 16 MB of brackets would
hold them up for seconds, and fill gigabytes. So it gets only pieces here: some
items of a list, or some members of an object, that hold no objects. Other
threads run between two pieces, and what the values cost is limited.
"""
from __future__ import annotations

import json
import re
import sys
from typing import Any

# In one message: the input of a task may be a list of hundreds of thousands.
MAX_VALUES = 500_000
# Bytes of memory for each byte of a message. Lists of paths need 3 to 5, and
# lists of splits with short paths 8.
MAX_COST = 9
SLACK = 2**19  # bytes of memory that any message may cost
MAX_DEPTH = 30  # of lists and objects; messages have 3
MAX_TEXT = 2**20  # bytes of one text with escapes, or of a key
PIECE = 4 * 2**10  # bytes for json.loads, at most, if they are several items
# Bytes in CPython, about: of a small list, a small dict, an item of a list,
# and an entry of a dict, without the key and the value.
LIST_COST, DICT_COST, ITEM_COST, ENTRY_COST = 96, 248, 9, 100

_SPACES = b" \t\n\r"
_SPACE = rb"[ \t\n\r]*"
_TEXT = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
# A text, or a number or a word such as null. json.loads checks the latter.
_PLAIN = rb"(?:" + _TEXT + rb'|[^ \t\n\r"\[\]{},:]{1,5000})'


def _some(item: bytes, end: bytes) -> re.Pattern[bytes]:
    """Return the pattern of one or more items, with commas between them."""
    comma = _SPACE + rb"," + _SPACE
    return re.compile(
        item + rb"(?:" + comma + item + rb")*(?=" + _SPACE + end + rb")",
        re.DOTALL)


_LIST = (rb"\[" + _SPACE + rb"(?:" + _PLAIN + _SPACE + rb"(?:," + _SPACE
         + _PLAIN + _SPACE + rb")*)?\]")  # without lists and objects in it
_ITEM = rb"(?:" + _PLAIN + rb"|" + _LIST + rb")"
_KEY = rb"(" + _TEXT + rb")" + _SPACE + rb":" + _SPACE
_ITEMS = _some(_ITEM, rb"[,\]]")
_MEMBERS = _some(_KEY + _ITEM, rb"[,}]")
_ONE_KEY = re.compile(_KEY, re.DOTALL)
_ONE_PLAIN = re.compile(_PLAIN, re.DOTALL)
# Of a text. The engine of re keeps a state for each repetition.
_PART = re.compile(rb'[^"\\]*(?:\\.[^"\\]*){0,500}', re.DOTALL)
_BEGIN = re.compile(_SPACE)
_NEXT = re.compile(_SPACE + rb"([,\]}])" + _SPACE)


def parse(payload: bytes) -> Any:
    """Return the list or object in a payload, as json.loads does.

    Raises ValueError if it is neither, or takes too much.
    """
    payload = payload.strip(_SPACES)
    value, end = _Parser(payload).container(0, 1)
    if end != len(payload):
        raise ValueError("more than one value")
    return value


class TooMuch(ValueError):
    """A text has too many values, or they take too much memory."""


class _Parser:
    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self._values_left = MAX_VALUES
        self._cost = 0

    def match(
        self, pattern: re.Pattern[bytes], start: int
    ) -> re.Match[bytes]:
        """Match a pattern; raise ValueError if it is not there."""
        match = pattern.match(self._payload, start, start + MAX_TEXT)
        if match is None:
            raise ValueError(f"no JSON at byte {start}, or too long a text")
        return match

    def container(self, start: int, depth: int) -> tuple[Any, int]:
        """Return the list or object that begins at a byte, and its end."""
        is_object = self._payload.startswith(b"{", start)
        if not is_object and not self._payload.startswith(b"[", start):
            raise ValueError(f"neither a list nor an object at byte {start}")
        if depth > MAX_DEPTH:
            raise TooMuch(
                f"lists and objects in more than {MAX_DEPTH} levels")
        values: Any = {} if is_object else []
        self._values_left -= 1
        self._spend(start, [], DICT_COST if is_object else LIST_COST)
        close = b"}" if is_object else b"]"
        at = self.match(_BEGIN, start + 1).end()
        if self._payload.startswith(close, at):
            return values, self.match(_BEGIN, at + 1).end()
        add = values.update if is_object else values.extend
        while True:
            piece, end = (self._piece(is_object, at)
                          or self._single(is_object, at, depth))
            add(piece)
            follows = self.match(_NEXT, end)
            at = follows.end()
            if follows[1] == close:
                return values, at
            if follows[1] != b",":
                raise ValueError(f"no end of a list or object at byte {end}")

    def _piece(self, is_object: bool, start: int) -> tuple[Any, int] | None:
        """Return some items or members, without objects, and their end."""
        match = (_MEMBERS if is_object else _ITEMS).match(
            self._payload, start, start + PIECE)
        if match is None:
            return None
        piece = _loads((b"{%b}" if is_object else b"[%b]") % match[0])
        if is_object:
            self._spend(match.end(), [*piece, *piece.values()],
                        ENTRY_COST * len(piece))
        else:
            self._spend(match.end(), piece)
        return piece, match.end()

    def _single(
        self, is_object: bool, at: int, depth: int
    ) -> tuple[Any, int]:
        """Return one item or member, and its end."""
        key = None
        if is_object:
            found = self.match(_ONE_KEY, at)
            key, at = _loads(found[1]), found.end()
        if self._payload[at:at + 1] in (b"[", b"{"):
            value, end = self.container(at, depth + 1)
        else:
            end = self._end_of_plain(at)
            value = _loads(self._payload[at:end])
            self._spend(end, [value])
        if not is_object:
            return [value], end
        self._spend(end, [key], ENTRY_COST)
        return {key: value}, end

    def _end_of_plain(self, start: int) -> int:
        """Return the end of a text, which may be long, or of another value."""
        if not self._payload.startswith(b'"', start):
            return self.match(_ONE_PLAIN, start).end()
        close = self._payload.find(b'"', start + 1)
        if close > 0 > self._payload.find(b"\\", start, close):
            return close + 1
        end, before = start + 1, start
        while end > before:
            before, part = end, _PART.match(
                self._payload, end, start + MAX_TEXT)
            assert part
            end = part.end()
        if not self._payload.startswith(b'"', end):
            raise ValueError(f"no end of the text at byte {start}")
        return end + 1

    def _spend(self, end: int, values: list[Any], cost: int = 0) -> None:
        """Count values and their memory; raise TooMuch above a limit.

        They end at the byte `end`; `cost` is what is not in the values
        themselves.
        """
        self._values_left -= len(values)
        self._cost += cost + _cost(values)
        for value in values:
            if isinstance(value, list):
                self._values_left -= len(value)
                self._cost += _cost(value)
        if self._values_left < 0:
            raise TooMuch(f"more than {MAX_VALUES} values")
        # Not of the whole payload: a flood is refused after its first part.
        if self._cost > SLACK + MAX_COST * end:
            raise TooMuch("too many short values, lists or objects")


def _cost(values: list[Any]) -> int:
    """Return the bytes of memory that the values in a list take, about."""
    # All of None, True, False, and the small numbers are shared.
    return ITEM_COST * len(values) + sum(
        sys.getsizeof(value) for value in values
        if isinstance(value, str | list | dict | float)
        or isinstance(value, int) and not -6 < value < 257)


def _loads(text: bytes) -> Any:
    # Not of bytes: json would guess their encoding.
    return json.loads(text.decode("utf-8"))
