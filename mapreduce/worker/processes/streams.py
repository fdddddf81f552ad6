"""Handle the standard input and the standard error of a process."""
from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import IO

from mapreduce.worker.errors import TaskError


class StdinWriter:
    """Writes blocks to a pipe, never more than it has space for."""

    def __init__(self, file: IO[bytes], blocks: Iterable[bytes]) -> None:
        """Use a file that is the writing end of a pipe."""
        # A blocking write would stop the thread that also reads the output of
        # the process: each could wait for the other for ever.
        os.set_blocking(file.fileno(), False)
        self._file = file.fileno()
        self._blocks = iter(blocks)
        self._rest = memoryview(b"")

    def write_some(self) -> bool:
        """Write what the pipe has space for; return whether to continue."""
        try:
            self._rest = self._rest[os.write(self._file, self._rest):]
        except BlockingIOError:
            return True
        except BrokenPipeError:  # The process may end without reading all.
            return False
        # The next block is made now, while the process reads this one.
        return bool(self._rest) or self._load()

    def _load(self) -> bool:
        """Get the next block; return whether there is one."""
        # First free the old block: two long lines would need twice the memory.
        self._rest = memoryview(b"")
        for block in self._blocks:
            if block:
                self._rest = memoryview(block)
                return True
        return False


TAIL = 4 * 2**10  # bytes that are kept


class StderrTail:
    """The end of the standard error of a process, for error messages."""

    def __init__(self) -> None:
        """Start empty."""
        self._tail = b""

    def add(self, chunk: bytes) -> None:
        """Add bytes; they may begin and end anywhere in a line."""
        self._tail = (self._tail + chunk)[-TAIL:]

    def end(self) -> None:
        """Note that no more bytes follow; a subclass handles the last line."""

    @property
    def text(self) -> str:
        """The last TAIL bytes as text, without white space around them."""
        # Any bytes are possible: the tail may even begin within a character.
        return self._tail.decode("utf-8", "backslashreplace").strip()


class LoggedStderr(StderrTail):
    """Standard error that also goes to a file, complete."""

    def __init__(self, inner: StderrTail, file: IO[bytes]) -> None:
        """Pass all bytes to `inner`, and write them to an unbuffered file."""
        super().__init__()
        self._inner = inner
        self._file = file

    def add(self, chunk: bytes) -> None:
        """Add bytes; raise TaskError if they can't be written."""
        rest = memoryview(chunk)
        try:
            while rest:  # On a disk that is nearly full, a part is written.
                rest = rest[self._file.write(rest):]
        except OSError as error:
            raise TaskError(f"cannot write the log {self._file.name!r}: "
                            f"{error.strerror}") from error
        self._inner.add(chunk)

    def end(self) -> None:
        """Note that no more bytes follow."""
        self._inner.end()

    @property
    def text(self) -> str:
        """The end as text, as of `inner`."""
        return self._inner.text


@contextlib.contextmanager
def open_log(path: str | None) -> Iterator[IO[bytes] | None]:
    """Open a new file for standard error, if a path is given."""
    if path is None:
        yield None
        return
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        # A Worker that was marked dead may still write to the old file.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        file = open(path, "xb", buffering=0)
    except OSError as error:
        raise TaskError(f"cannot write the log {path!r}: {error.strerror}"
                        ) from error
    with file:
        yield file
