"""Put the files that a task made in their place, each complete at once."""
from __future__ import annotations

import contextlib
import errno
import os
import shutil

from mapreduce.protocol import layout
from mapreduce.worker.errors import TaskError


class OutputDirectory:
    """The directory for the output of a task, open from the start.

    It is this directory that gets the files, whatever has its name by then:
    a task that ends late can't put them into the directory of a later job.
    """

    def __init__(self, path: str) -> None:
        """Open a directory; if that fails, commit will tell."""
        self._path = path
        self._error: OSError | None = None
        try:
            self._directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            self._error = error

    def close(self) -> None:
        """Close the directory."""
        if self._error is None:
            os.close(self._directory)

    def commit(self, path: str) -> None:
        """Move a file into the directory, under its own name, by rename.

        From another file system it is copied to a hidden name there first, so
        that the final name never shows half a file. What had that name is
        replaced. Raises TaskError, with nothing half done left behind.
        """
        try:
            if self._error:
                raise self._error
            self._move(path)
        except OSError as error:
            raise TaskError(
                f"cannot write to the output directory {self._path!r}: "
                f"{error.strerror}") from error

    def _move(self, path: str) -> None:
        name = os.path.basename(path)
        try:
            os.replace(path, name, dst_dir_fd=self._directory)
            return
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
        # The local directory has a name that no other task's has.
        unique = os.path.basename(os.path.dirname(path))
        hidden = layout.partial_output(name, unique)
        try:
            self._copy(path, hidden)
            self._remove_others(layout.partial_output(name, ""), hidden)
            os.replace(hidden, name, src_dir_fd=self._directory,
                       dst_dir_fd=self._directory)
        except BaseException:
            self._remove(hidden)
            raise

    def _copy(self, path: str, name: str) -> None:
        def create(name: str, flags: int) -> int:
            return os.open(name, flags, 0o666, dir_fd=self._directory)
        with open(path, "rb") as source, open(
                name, "xb", opener=create) as target:
            shutil.copyfileobj(source, target)

    def _remove_others(self, prefix: str, hidden: str) -> None:
        """Remove the copies of Workers that were killed over theirs."""
        for name in os.listdir(self._directory):
            if name.startswith(prefix) and name != hidden:
                self._remove(name)

    def _remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._directory)
