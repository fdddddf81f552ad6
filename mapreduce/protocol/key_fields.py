"""Parse how lines are sorted and partitioned by fields. Only texts, no lines.

Fields are numbered from 1. What separates them is one text, a TAB unless the
user gives another one.
"""
from __future__ import annotations

import re

TAB = "\t"
MAX_DIGITS = 6  # of a number

# The orders of `sort` that do not depend on the process that sorts (-R does).
_FLAGS = "bdfghiMnrsV"
_POSITION = rf"[1-9]\d{{0,{MAX_DIGITS - 1}}}"
_KEY = re.compile(
    rf"({_POSITION})((?:\.{_POSITION})?)([{_FLAGS}]*)"
    rf"(?:,({_POSITION})((?:\.\d{{1,{MAX_DIGITS}}})?)([{_FLAGS}]*))?")
_OPTION = re.compile(rf"-([{_FLAGS}]*)(k(.*))?")
_RANGE = re.compile(rf"({_POSITION})(-({_POSITION})?)?")


def parse_sort(options: str) -> list[str]:
    """Return options such as "-k1,1 -k 2,2nr" as arguments of `sort`.

    Only keys and orders are possible. Raises ValueError for anything else.
    """
    arguments = []
    words = iter(options.split())
    for word in words:
        found = _OPTION.fullmatch(word)
        if not found or word == "-":
            raise ValueError(
                f"{word!r} is no option such as -k2,2nr: possible are -k and "
                f"the letters {_FLAGS}")
        if found[2]:
            key = found[3] or next(words, "")
            _check_key(key)
            arguments.append(f"-{found[1]}k{key}")
        else:
            arguments.append(word)
        _check_flags(arguments[-1])
    if not arguments:
        raise ValueError("it names no key, such as -k2,2nr")
    return arguments


def _check_key(key: str) -> None:
    if not _KEY.fullmatch(key):
        raise ValueError(f"{key!r} is no key such as 2,2nr")


def _check_flags(argument: str) -> None:
    """Raise ValueError where `sort` would: for two orders of one key."""
    orders = (sum(order in argument for order in "ghMn")
              + any(order in argument for order in "diV"))
    if orders > 1:
        raise ValueError(f"{argument!r} has two orders that exclude each "
                         "other")


def limit_keys(arguments: list[str], last_field: int) -> list[str]:
    """Return arguments of `sort` whose keys end with a field.

    So the value that follows the key does not count, as in Hadoop. Keys that
    have an end, or begin later, stay as they are.
    """
    limited = [_limit(argument, last_field) for argument in arguments]
    if not any("k" in argument for argument in limited):
        limited.append(f"-k1,{last_field}")
    return limited


def _limit(argument: str, last_field: int) -> str:
    _, letter, key = argument.partition("k")
    found = _KEY.fullmatch(key)
    if not letter or not found or found[4] or int(found[1]) > last_field:
        return argument
    return f"{argument},{last_field}"


def parse_ranges(text: str) -> list[tuple[int, int | None]]:
    """Return the fields of a text such as 1-2, 2- or 1,3: ranges.

    Each is its first and its last field; None: up to the last one. Raises
    ValueError if it is no such text.
    """
    ranges: list[tuple[int, int | None]] = []
    for part in text.split(","):
        found = _RANGE.fullmatch(part)
        if not found or found[3] and int(found[3]) < int(found[1]):
            raise ValueError(f"{text!r} names no fields such as 1-2")
        first = int(found[1])
        last = int(found[3]) if found[3] else None if found[2] else first
        ranges.append((first, last))
    return ranges
