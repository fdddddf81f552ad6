"""Make, replace and remove the directories of jobs, for the Manager.

Called by the main thread only. No executable is run here, and no file is read
except to copy it. What may be replaced is decided in manager/output_safety.
"""
from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator

from mapreduce.manager.output_safety import (
    StorageError,
    check_kept,
    check_output,
    find_inputs,
)
from mapreduce.manager.replacement import Replacement
from mapreduce.manager.scheduling.job import ExpectedOutput
from mapreduce.manager.scheduling.plan import TooManySplits, divide
from mapreduce.protocol import layout
from mapreduce.protocol.extensions import ExtendedJobMessage
from mapreduce.protocol.fields import Split

LOGGER = logging.getLogger(__name__)

# Tries to remove a directory: a Worker may move a file into it meanwhile.
REMOVE_ATTEMPTS = 10


def _make_kept_directory(kept: str) -> None:
    try:
        os.makedirs(kept, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"cannot make the directory {kept!r} for the map output: "
            f"{error.strerror}") from error


def keep_map_output(job_directory: str, kept: str) -> None:
    """Copy the map output of a job into a directory, and remove an older one.

    Other files in the directory are left. Raises OSError, and then removes
    the hidden files that it made.
    """
    names = [name for name in os.listdir(job_directory)
             if layout.is_map_output(name)]
    hidden = {name: os.path.join(kept, layout.partial_output(name, "kept"))
              for name in names}
    try:
        for name, path in hidden.items():
            _link(os.path.join(job_directory, name), path)
        # Only now, when the new output is complete: a full disk must not
        # cost the user the old one.
        for name in filter(layout.is_map_output, os.listdir(kept)):
            os.remove(os.path.join(kept, name))
        for name, path in hidden.items():
            os.replace(path, os.path.join(kept, name))
    except BaseException:  # An ending signal, too, must leave nothing hidden.
        for path in hidden.values():
            _remove_file(path)
        raise


def _link(source: str, target: str) -> None:
    """Give a file a second name, or copy it."""
    _remove_file(target)  # A killed Manager may have left it.
    try:
        os.link(source, target)
    except OSError:  # Another file system, or one without hard links.
        shutil.copyfile(source, target)


def _remove_file(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.remove(path)


def replace_directory(path: str) -> None:
    """Replace a directory by an empty one; also make missing parents.

    Raises OSError, and does not change the old directory, if it can't be
    moved. What then can't be deleted is left in a hidden directory beside it.
    """
    # A link among its parents stays: the directory that it leads to is used.
    path = os.path.realpath(path)
    if not os.path.isdir(path):
        os.makedirs(path)
        return
    parent, name = os.path.split(path)
    # Renamed before it is deleted: a reader never sees half of a result, and
    # deleting may take long. In the same parent, because a rename can't cross
    # file systems.
    hidden = tempfile.mkdtemp(prefix=f".{name}-old-", dir=parent)
    try:
        os.mkdir(os.path.join(hidden, "new"))
        os.rename(path, os.path.join(hidden, "old"))
        os.rename(os.path.join(hidden, "new"), path)
    finally:
        remove_directory(hidden)


def missing_output(expected: ExpectedOutput) -> dict[int, str]:
    """Return the tasks that lack a file, each with the name of its first one.

    The directory is listed once, however many files there are.
    """
    directory = expected.directory
    try:
        names = set(os.listdir(directory))
    except OSError as error:
        LOGGER.warning("Cannot list %r: %s", directory, error)
        names = set()
    missing = {}
    for task_id in range(expected.num_tasks):
        for name in _files_of(task_id, expected.num_partitions):
            # A network file system may show an old listing for some seconds,
            # but not an old file.
            if name not in names and not os.path.lexists(
                    os.path.join(directory, name)):
                missing[task_id] = name
                break
    return missing


def _files_of(task_id: int, num_partitions: int) -> Iterator[str]:
    if not num_partitions:
        yield layout.reduce_output(task_id)
    for partition in range(num_partitions):
        yield layout.map_output(task_id, partition)


def remove_parts(output_directory: str) -> None:
    """Remove the parts of a result, complete or not, and then the directory.

    The directory is left if it holds other files: those are not ours.
    """
    try:
        with os.scandir(output_directory) as entries:
            names = [entry.name for entry in entries
                     if layout.is_reduce_output(entry.name)]
        for name in names:
            # A Worker may just have renamed a hidden part.
            with contextlib.suppress(FileNotFoundError):
                os.remove(os.path.join(output_directory, name))
        os.rmdir(output_directory)
    except OSError as error:
        LOGGER.warning("Cannot remove all of %r: %s", output_directory, error)


def remove_directory(path: str) -> None:
    """Delete a directory, also if a Worker moves a file into it meanwhile."""
    for _ in range(REMOVE_ATTEMPTS):
        # RecursionError: a tree deeper than Python's recursion limit.
        with contextlib.suppress(RecursionError):
            shutil.rmtree(path, ignore_errors=True)
        if not os.path.lexists(path):
            return
    LOGGER.warning("Cannot remove all of %r", path)


def _splits(
    submission: ExtendedJobMessage, input_paths: list[str]
) -> list[Split]:
    """Return the splits of the input of a job: whole files or ranges."""
    size = submission.split_size
    if size is None:
        return list(map(Split, input_paths))
    try:
        sizes = {path: _size(path, bool(submission.skip_bad_inputs))
                 for path in input_paths}
        return divide(sizes, input_paths, size)
    except OSError as error:
        raise StorageError(f"cannot read the input {error.filename!r}: "
                           f"{error.strerror}") from error
    except TooManySplits as error:
        raise StorageError(
            f"--split-size is too small: more than {layout.MAX_TASKS} "
            f"ranges of {size} bytes") from error


def _size(path: str, may_be_bad: bool) -> int:
    """Return the size of a file in bytes; 0 for a bad one, if it may be."""
    try:
        return os.path.getsize(path)
    except OSError:
        if may_be_bad:
            return 0
        raise


class Storage:
    """The shared directory of a Manager and the jobs in it."""

    def __init__(self, shared_directory: str) -> None:
        """Use an existing directory."""
        self._shared_directory = shared_directory
        # By job id, for the jobs that keep an old result until their end.
        self._replacements: dict[int, Replacement] = {}

    def job_directory(self, job_id: int) -> str:
        """Return, e.g., /tmp/mapreduce-shared-abc/job-00000."""
        return os.path.join(
            self._shared_directory, layout.job_directory(job_id))

    def prepare(
        self, job_id: int, submission: ExtendedJobMessage
    ) -> list[Split]:
        """Make the directories of a job; return the splits of its input.

        Raises StorageError with a reason for the user.
        """
        # All checks come first: a job that can't run must not delete the
        # result of an earlier one.
        found = find_inputs(
            submission.input_paths, bool(submission.skip_bad_inputs))
        splits = _splits(submission, found.files)
        output, kept = (
            submission.output_directory, submission.keep_intermediate)
        check_output(submission, found, self._shared_directory)
        if kept is not None:
            check_kept(kept, output, found, self._shared_directory)
            _make_kept_directory(kept)
        # Before the old result is touched: this may fail, too.
        self._make_job_directory(job_id)
        try:
            if submission.keep_old:
                self._replacements[job_id] = Replacement(submission)
            else:
                replace_directory(output)
        except OSError as error:
            self.clean_up(job_id)
            raise StorageError(
                f"cannot make the output directory {output!r}: {error}"
            ) from error
        return splits

    def _make_job_directory(self, job_id: int) -> None:
        path = self.job_directory(job_id)
        try:
            if not os.path.isdir(self._shared_directory):
                # A cleaner of temporary files has removed it, for example.
                LOGGER.warning("The shared directory %r is gone; it is made "
                               "again", self._shared_directory)
                os.makedirs(self._shared_directory, mode=0o700)
            os.mkdir(path)
        except OSError as error:
            raise StorageError(
                f"cannot make the directory {path!r}: {error.strerror}"
            ) from error

    def keep_map_output(self, job_id: int, directory: str) -> None:
        """Copy the map output of a job to the directory that the user gave.

        Raises StorageError with a reason for the user.
        """
        try:
            keep_map_output(self.job_directory(job_id), directory)
        except OSError as error:
            raise StorageError(
                f"cannot keep the map output in {directory!r}: {error}"
            ) from error

    def output_directory(self, job_id: int) -> str | None:
        """Return where a job puts its parts; None: where its user wants."""
        replacement = self._replacements.get(job_id)
        return replacement.directory if replacement else None

    def publish(self, job_id: int) -> None:
        """Replace an old result by that of a job.

        Raises StorageError with a reason for the user.
        """
        try:
            self._replacements[job_id].publish()
        except OSError as error:
            raise StorageError(
                f"cannot replace the output directory: {error}") from error

    def clean_up(self, job_id: int) -> None:
        """Remove the directories of a job, except its result."""
        remove_directory(self.job_directory(job_id))
        if replacement := self._replacements.pop(job_id, None):
            remove_directory(replacement.hidden)
            replacement.close()

    def close(self) -> None:
        """Remove the directories of all jobs."""
        for job_id in list(self._replacements):
            self.clean_up(job_id)
        # The user may have deleted the shared directory already.
        with contextlib.suppress(FileNotFoundError):
            for name in os.listdir(self._shared_directory):
                if layout.is_job_directory(name):
                    remove_directory(
                        os.path.join(self._shared_directory, name))
