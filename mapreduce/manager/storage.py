"""The Manager's side of the file system: inputs, outputs, job directories.

Mappers and reducers never run here, and what is in a file is no business of
this module, which at most copies it.
"""
from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile

from mapreduce.manager.output_safety import (
    StorageError,
    check_kept,
    check_output,
    find_inputs,
)
from mapreduce.manager.scheduling.plan import TooManySplits, divide
from mapreduce.protocol import layout
from mapreduce.protocol.extensions import ExtendedJobMessage
from mapreduce.protocol.fields import Split

LOGGER = logging.getLogger(__name__)

REMOVE_ATTEMPTS = 10  # at a directory into which a Worker still moves files


def _make_kept(kept: str) -> None:
    try:
        os.makedirs(kept, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"cannot make the directory {kept!r} for the map output: "
            f"{error.strerror}") from error


def keep_map_output(job_directory: str, kept: str) -> None:
    """Put the map output of a job in a directory, in place of an old one.

    Other files in there stay. All of it is there, under hidden names, before
    any of the old one goes. Raises OSError, and leaves nothing hidden.
    """
    names = [name for name in os.listdir(job_directory)
             if layout.is_map_output(name)]
    hidden = {name: os.path.join(kept, layout.partial_output(name, "kept"))
              for name in names}
    try:
        for name, path in hidden.items():
            _link(os.path.join(job_directory, name), path)
        for name in filter(layout.is_map_output, os.listdir(kept)):
            os.remove(os.path.join(kept, name))
        for name, path in hidden.items():
            os.replace(path, os.path.join(kept, name))
    except BaseException:
        for path in hidden.values():
            _remove_file(path)
        raise


def _link(source: str, target: str) -> None:
    """Have a file under another name, too; or its copy, on another disk."""
    _remove_file(target)  # A Manager that was killed may have left it.
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _remove_file(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.remove(path)


def replace_directory(path: str) -> None:
    """Make a directory, empty and with its parents, in place of what is there.

    The old one is moved aside before it is deleted: at no moment does a
    reader see one that is half deleted. Raises OSError, and leaves the old
    one as it is, if it can't be moved; what can't be deleted stays aside.
    """
    path = os.path.realpath(path)
    if not os.path.isdir(path):
        os.makedirs(path)
        return
    parent, name = os.path.split(path)
    aside = tempfile.mkdtemp(prefix=f".{name}-old-", dir=parent)
    try:
        os.mkdir(os.path.join(aside, "new"))
        os.rename(path, os.path.join(aside, "old"))
        os.rename(os.path.join(aside, "new"), path)
    finally:
        remove_directory(aside)


def remove_parts(output_directory: str) -> None:
    """Remove the parts of a result, hidden halves too, and then the directory.

    What is no part is not ours: it stays, and so does the directory then.
    """
    try:
        with os.scandir(output_directory) as entries:
            names = [entry.name for entry in entries
                     if layout.is_reduce_output(entry.name)]
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                os.remove(os.path.join(output_directory, name))
        os.rmdir(output_directory)
    except OSError as error:
        LOGGER.warning("Cannot remove all of %r: %s", output_directory, error)


def remove_directory(path: str) -> None:
    """Delete a directory into which a Worker may just be moving a file."""
    for _ in range(REMOVE_ATTEMPTS):
        # RecursionError: a tree as deep as Python's own limit.
        with contextlib.suppress(RecursionError):
            shutil.rmtree(path, ignore_errors=True)
        if not os.path.lexists(path):
            return
    LOGGER.warning("Cannot remove all of %r", path)


def _splits(
    submission: ExtendedJobMessage, input_paths: list[str]
) -> list[Split]:
    """Return what the mappers of a job read: its files, or parts of them."""
    size = submission.split_size
    if size is None:
        return list(map(Split, input_paths))
    try:
        sizes = {path: os.path.getsize(path) for path in input_paths}
        return divide(sizes, input_paths, size)
    except OSError as error:
        raise StorageError(f"cannot read the input {error.filename!r}: "
                           f"{error.strerror}") from error
    except TooManySplits as error:
        raise StorageError(
            f"--split-size is too small: more than {layout.MAX_TASKS} "
            f"ranges of {size} bytes") from error


class Storage:
    """The shared directory of a Manager and the jobs in it."""

    def __init__(self, shared_directory: str) -> None:
        """Keep jobs in an existing directory."""
        self._shared_directory = shared_directory

    def job_directory(self, job_id: int) -> str:
        """Return, e.g., /tmp/mapreduce-shared-abc/job-00000."""
        return os.path.join(
            self._shared_directory, layout.job_directory(job_id))

    def prepare(
        self, job_id: int, submission: ExtendedJobMessage
    ) -> list[Split]:
        """Make the directories of a job; return what its mappers read.

        The old output is deleted only after the job was found in order.
        Raises StorageError with a reason for the job's owner.
        """
        found = find_inputs(submission.input_paths)
        splits = _splits(submission, found.files)
        output, kept = (
            submission.output_directory, submission.keep_intermediate)
        check_output(submission, found, self._shared_directory)
        if kept is not None:
            check_kept(kept, output, found, self._shared_directory)
            _make_kept(kept)
        try:
            replace_directory(output)
            os.mkdir(self.job_directory(job_id))
        except OSError as error:
            raise StorageError(
                f"cannot make the output directory {output!r}: {error}"
            ) from error
        return splits

    def keep_map_output(self, job_id: int, directory: str) -> None:
        """Put the map output of a job where its owner wants it.

        Raises StorageError with a reason for the owner.
        """
        try:
            keep_map_output(self.job_directory(job_id), directory)
        except OSError as error:
            raise StorageError(
                f"cannot keep the map output in {directory!r}: {error}"
            ) from error

    def clean_up(self, job_id: int) -> None:
        """Remove the directory of a job, if there is one."""
        remove_directory(self.job_directory(job_id))

    def close(self) -> None:
        """Remove the directories of all jobs."""
        with contextlib.suppress(FileNotFoundError):  # Somebody was faster.
            for name in os.listdir(self._shared_directory):
                if layout.is_job_directory(name):
                    remove_directory(
                        os.path.join(self._shared_directory, name))
