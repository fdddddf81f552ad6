"""Move the files of a task to its output directory, each in one atomic step.

Until a file has its final name, it is in the local directory of the task or
has a hidden name, so that no reader ever sees half of it.
"""
from __future__ import annotations

import contextlib
import errno
import os
import shutil

from mapreduce.protocol import layout
from mapreduce.worker.errors import TaskError


class OutputDirectory:
    """The output directory of a task, opened when the task was received.

    It is used by its descriptor, not by its name: the next job may replace
    the directory, and a task that ends late must not write into the new one.
    """

    def __init__(self, path: str) -> None:
        """Open a directory; if that fails, `commit` raises the error."""
        self._path = path
        # Kept until commit, where the error becomes the failure of the task.
        self._error: OSError | None = None
        try:
            # The Manager has made a directory, so a link is not from it.
            self._directory = os.open(
                path.rstrip("/") or path,
                os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError as error:
            self._error = error

    def close(self) -> None:
        """Close the directory."""
        if self._error is None:
            os.close(self._directory)

    def commit(self, path: str) -> None:
        """Move a file into the directory by rename; its name stays the same.

        A file that has this name already is replaced. Raises TaskError, and
        then leaves no partial file.
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
        # A rename can't cross file systems. So first copy the file to a hidden
        # name beside the final one. The name of the task's local directory
        # makes it unique: a task may run twice at the same time, if its first
        # Worker was marked dead.
        unique = os.path.basename(os.path.dirname(path))
        hidden = layout.partial_output(name, unique)
        try:
            self._copy(path, hidden)
            # When this copy is complete, older ones have no use.
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
        """Remove the partial copies that killed Workers left."""
        for name in os.listdir(self._directory):
            if name.startswith(prefix) and name != hidden:
                self._remove(name)

    def _remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._directory)
