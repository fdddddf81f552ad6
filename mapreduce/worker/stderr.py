"""What an executable says on its standard error, in so far as it is kept."""
from __future__ import annotations

TAIL = 4 * 2**10  # bytes that are kept


class Stderr:
    """The last words of a process, for the reason why it failed."""

    def __init__(self) -> None:
        """Begin with nothing said."""
        self._tail = b""

    def add(self, chunk: bytes) -> None:
        """Take what was read, whatever it is a part of."""
        self._tail = (self._tail + chunk)[-TAIL:]

    def end(self) -> None:
        """Take it that nothing more comes."""

    def seconds_to_look(self) -> float | None:
        """Return when to call look, if it is to be called."""
        return None

    def look(self) -> None:
        """Do what is due by now."""

    @property
    def text(self) -> str:
        """What is kept, stripped."""
        return self._tail.decode("utf-8", "backslashreplace").strip()
