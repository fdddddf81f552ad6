"""Move the files of a task to its output directory, each in one atomic step.

Until a file has its final name, it is in the local directory of the task or
has a hidden name, so that no reader ever sees half of it.
"""
from __future__ import annotations

import bz2
import contextlib
import errno
import gzip
import importlib
import lzma
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

from mapreduce.protocol import layout
from mapreduce.protocol.extensions import ExtendedTask
from mapreduce.system import scratch
from mapreduce.worker.errors import TaskError
from mapreduce.worker.processes.executor import Executor
from mapreduce.worker.processes.working_directory import make_directory

# The variable that tells an extended task where the result is made.
RESULT = "mapreduce_output_fileoutputformat_outputdir"
DIRECTORY = "mapreduce_task_output_dir"

GZIP_LEVEL = 6  # as of gzip itself


@contextlib.contextmanager
def open_part(path: str, compress: str | None) -> Iterator[BinaryIO]:
    """Open a new file for a part of the result, which may be compressed.

    Raises TaskError if that needs a package that is missing.
    """
    with open(path, "wb") as file:
        if compress is None:
            yield file
            return
        with _compressing(file, compress) as part:
            yield part


def _compressing(file: BinaryIO, compress: str) -> Any:
    """Return a file that writes compressed data into another one."""
    match compress:
        case "gzip":
            # Without name and time, equal results are equal files.
            return gzip.GzipFile("", "wb", GZIP_LEVEL, file, 0)
        case "bz2":
            return bz2.BZ2File(file, "wb")
        case "xz":
            return lzma.LZMAFile(file, "wb")
    try:
        zstandard = importlib.import_module("zstandard")
    except ImportError as error:
        raise TaskError(
            "--compress zstd needs the Python package zstandard for the "
            "Worker") from error
    return zstandard.ZstdCompressor().stream_writer(file, closefd=False)


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

    def adopt(
        self, paths: Mapping[str, str], unique: str,
        check: Callable[[str, BinaryIO], object],
    ) -> None:
        """Give files names in the directory, as links or copies.

        `paths` are by the new names. `check` gets the path of each file, and
        the file as it will be there, open; only when it has accepted all do
        they get their names. Raises OSError, and what `check` raises; then no
        partial file is left.
        """
        if self._error:
            raise self._error
        hidden = {name: layout.partial_output(name, unique) for name in paths}
        try:
            for name, path in paths.items():
                self._link(path, hidden[name])
                with open(hidden[name], "rb", opener=self._open) as file:
                    check(path, file)
            for name, partial in hidden.items():
                os.replace(partial, name, src_dir_fd=self._directory,
                           dst_dir_fd=self._directory)
        except BaseException:
            for partial in hidden.values():
                self._remove(partial)
            raise

    def _link(self, path: str, name: str) -> None:
        try:
            os.link(path, name, dst_dir_fd=self._directory)
        except OSError:  # Another file system, or one without hard links.
            self._copy(path, name)

    def _open(self, name: str, flags: int) -> int:
        return os.open(name, flags, 0o666, dir_fd=self._directory)

    def _copy(self, path: str, name: str) -> None:
        with open(path, "rb") as source, open(
                name, "xb", opener=self._open) as target:
            shutil.copyfileobj(source, target)

    def _remove_others(self, prefix: str, hidden: str) -> None:
        """Remove the partial copies that killed Workers left."""
        for name in os.listdir(self._directory):
            if name.startswith(prefix) and name != hidden:
                self._remove(name)

    def _remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._directory)


class SideFiles:
    """Files that the executables of a task make beside standard output.

    They put them into a directory of the task. What is there when the task has
    succeeded is moved to the result, before the part of the task. Without
    RESULT, there is no such directory. The result is opened at the start, as
    the output directory of the task is.
    """

    def __init__(self, environment: Mapping[str, str], local: str) -> None:
        """Make the directory in the local directory of the task."""
        self.variables: dict[str, str] = {}
        self._result: OutputDirectory | None = None
        if RESULT not in environment:
            return
        # Its name makes that of a partial copy unique.
        self._directory = os.path.join(
            os.path.abspath(local), os.path.basename(local))
        os.mkdir(self._directory)
        self.variables[DIRECTORY] = self._directory
        self._result = OutputDirectory(environment[RESULT])

    def __enter__(self) -> SideFiles:
        """Return this."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the result."""
        if self._result:
            self._result.close()

    def commit(self) -> None:
        """Move all files to the result; raise TaskError for a bad one."""
        if self._result is None:
            return
        names = sorted(os.listdir(self._directory))
        for name in names:
            self._check(name)
        for name in names:
            self._result.commit(os.path.join(self._directory, name))

    def _check(self, name: str) -> None:
        path = os.path.join(self._directory, name)
        if layout.is_result(name):
            raise TaskError(f"the side file {name!r} has the name of a part "
                            "of the result; choose another one")
        if os.path.islink(path) or not os.path.isfile(path):
            raise TaskError(f"the side file {name!r} is no regular file")


@contextlib.contextmanager
def local_directory(
    task: ExtendedTask, executor: Executor
) -> Iterator[tuple[str, SideFiles]]:
    """Yield the local directory of a task and its side files; then remove it.

    The executor starts all executables with what they must find.
    """
    with (scratch.directory(
            layout.local_directory_prefix(task.task_id)) as directory,
          SideFiles(task.environment, directory) as side_files):
        executor.environment.of_task.update(side_files.variables)
        executor.directory = make_directory(task, directory)
        if executor.directory and RESULT in task.environment:
            # Executables that run elsewhere must find it, too.
            executor.environment.given = {
                **task.environment,
                RESULT: os.path.abspath(task.environment[RESULT])}
        yield directory, side_files
