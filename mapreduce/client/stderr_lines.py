"""Print what tasks write on standard error, while their job runs.

It is read from the files that the job keeps in a directory of this machine.
"""
from __future__ import annotations

import contextlib
import os

from mapreduce.client.command import tell
from mapreduce.display import text
from mapreduce.protocol import layout

BLOCK = 64 * 2**10  # bytes of one read


class StderrLines:
    """What was printed of each file of a directory."""

    def __init__(self, directory: str) -> None:
        """Start before the first file."""
        self._directory = directory
        self._offsets: dict[str, int] = {}  # by the name of each file
        self._begun: dict[str, bytes] = {}  # lines without their ends

    def show(self) -> None:
        """Print the lines that are complete and new."""
        with contextlib.suppress(OSError), os.scandir(
                self._directory) as entries:
            grown = [entry.name for entry in entries
                     if layout.parse_stderr_log(entry.name)
                     and entry.stat().st_size > self._offsets.get(
                         entry.name, 0)]
            for name in sorted(grown):
                self._read(name)

    def end(self) -> None:
        """Print the rest, also last lines without newlines."""
        self.show()
        for name, line in sorted(self._begun.items()):
            if line:
                _print(name, line)
        self._begun.clear()

    def _read(self, name: str) -> None:
        with open(os.path.join(self._directory, name), "rb") as file:
            file.seek(self._offsets.get(name, 0))
            while block := file.read(BLOCK):
                *lines, rest = (self._begun.get(name, b"") + block).split(
                    b"\n")
                self._begun[name] = rest
                for line in lines:
                    _print(name, line)
            self._offsets[name] = file.tell()


def _print(name: str, line: bytes) -> None:
    """Print a line with its task, e.g., map 3: no such key."""
    stage, task_id, attempt = layout.parse_stderr_log(name) or ("", 0, 1)
    again = f" (attempt {attempt})" if attempt > 1 else ""
    tell(text.clean(f"{stage} {task_id}{again}: "
                    f"{line.decode('utf-8', 'backslashreplace')}"))
