"""Write to a process, as it reads: never more than there is room for."""
from __future__ import annotations

import os
from collections.abc import Iterable
from typing import IO


class StdinWriter:
    """What a process is fed with, in so far as it is still to come."""

    def __init__(self, file: IO[bytes], blocks: Iterable[bytes]) -> None:
        """Begin; the file is the writing end of a pipe."""
        os.set_blocking(file.fileno(), False)
        self._file = file.fileno()
        self._blocks = iter(blocks)
        self._rest = memoryview(b"")

    def go_on(self) -> bool:
        """Write what there is room for; tell whether to go on later.

        The next block is made at once, while the process reads this one.
        """
        try:
            self._rest = self._rest[os.write(self._file, self._rest):]
        except BlockingIOError:
            return True
        except BrokenPipeError:
            return False
        return bool(self._rest) or self._load()

    def _load(self) -> bool:
        """Take the next block; tell whether there is one."""
        self._rest = memoryview(b"")  # Before the next one is made.
        for block in self._blocks:
            if block:
                self._rest = memoryview(block)
                return True
        return False


TAIL = 4 * 2**10  # bytes that are kept


class StderrTail:
    """The last words of a process, for the reason why it failed."""

    def __init__(self) -> None:
        """Begin with nothing said."""
        self._tail = b""

    def add(self, chunk: bytes) -> None:
        """Take what was read, whatever it is a part of."""
        self._tail = (self._tail + chunk)[-TAIL:]

    def end(self) -> None:
        """Take it that nothing more comes."""

    @property
    def text(self) -> str:
        """What is kept, stripped."""
        return self._tail.decode("utf-8", "backslashreplace").strip()
