"""Record what was sent and received while a rule is checked."""
from __future__ import annotations

import dataclasses
import json
import threading
import time
from typing import Any

SHOWN = 400  # characters of one message


def shown(message: Any) -> str:
    """Return a message as one line for people."""
    line = message if isinstance(message, str) else json.dumps(message)
    return line if len(line) <= SHOWN else line[:SHOWN] + " …"


@dataclasses.dataclass(frozen=True)
class Entry:
    """A message, or a note on what the kit did."""

    seconds: float  # since the check began
    what: str  # e.g., "TCP to the Manager"
    message: Any  # a JSON value; text where the bytes are no JSON

    def __str__(self) -> str:
        """Return the entry as one line."""
        return f"{self.seconds:7.3f} s  {self.what}: {shown(self.message)}"


class Transcript:
    """All entries of one check; any thread may add one."""

    def __init__(self) -> None:
        """Start without entries; their times count from now."""
        self._start = time.monotonic()
        self._lock = threading.Lock()
        self._entries: list[Entry] = []

    def add(self, what: str, message: Any) -> None:
        """Add an entry with the time of now."""
        entry = Entry(
            round(time.monotonic() - self._start, 3), what, message)
        with self._lock:
            self._entries.append(entry)

    def entries(self) -> list[Entry]:
        """Return the entries up to now."""
        with self._lock:
            return list(self._entries)


def parsed(payload: bytes) -> Any:
    """Return the JSON value in a message, or a text that describes it."""
    try:
        # Of bytes, json.loads accepts UTF-16, too.
        return json.loads(payload.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return f"no JSON: {payload[:SHOWN]!r}"


def is_same(first: Any, second: Any) -> bool:
    """Return whether two values are the same in JSON.

    In Python, 1, 1.0 and True are equal; in JSON they are not.
    """
    return (json.dumps(first, sort_keys=True)
            == json.dumps(second, sort_keys=True))


def _refuse(constant: str) -> None:
    """Raise ValueError for NaN and Infinity, which are no JSON."""
    raise ValueError(constant)
