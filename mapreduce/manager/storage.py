"""The Manager's side of the file system: inputs, outputs, job directories.

Mappers and reducers never run here, and no file's content is read.
"""
from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sys
import tempfile

from mapreduce.utils import layout
from mapreduce.utils.messages import ManagerJobMessage

LOGGER = logging.getLogger(__name__)

REMOVE_ATTEMPTS = 10  # at a directory into which a Worker still moves files


class StorageError(Exception):
    """A job can't run on these directories; the text says why."""


def list_inputs(input_directory: str) -> list[str]:
    """Return the paths of the files in a directory, sorted by name.

    Symbolic links to files count as files; subdirectories are skipped.
    Raises StorageError for what can't be an input: a pipe, a socket, a
    device, a link that leads nowhere.
    """
    try:
        names = os.listdir(input_directory)
    except OSError as error:
        raise StorageError(
            f"cannot read the input directory {input_directory!r}: "
            f"{error.strerror}") from error
    paths = []
    for name in sorted(names):
        path = os.path.join(input_directory, name)
        if os.path.isfile(path):
            paths.append(path)
        elif os.path.isdir(path):
            LOGGER.info("Skipped %r: a directory in the input", path)
        else:
            raise StorageError(f"the input {path!r} is no regular file")
    return paths


def check_output(
    submission: ManagerJobMessage, input_paths: list[str],
    shared_directory: str,
) -> None:
    """Raise StorageError where replacing the output could do harm."""
    output = submission.output_directory
    if not output:
        raise StorageError("the output directory has an empty name")
    refusal = f"the output directory {output!r} is not replaced: it is "
    if os.path.islink(os.path.normpath(output)):
        raise StorageError(refusal + "a symbolic link")
    if os.path.lexists(output) and not os.path.isdir(output):
        raise StorageError(refusal + "no directory")
    if os.path.ismount(output):
        raise StorageError(refusal + "a mount point")
    precious = {
        "the working directory": os.curdir,
        "the input directory": submission.input_directory,
        "the mapper": submission.mapper_executable,
        "the reducer": submission.reducer_executable,
        "the shared directory": shared_directory,
        "the home directory": os.path.expanduser("~"),
        "this program": __file__,
        "this program's Python": sys.prefix,
    }
    for name, place in precious.items():
        if _is_within(place, output):
            raise StorageError(f"{refusal}or holds {name}")
    for name in ("the input directory", "the shared directory"):
        if _is_within(output, precious[name]):
            raise StorageError(f"{refusal}inside {name}")
    for path in filter(os.path.islink, input_paths):
        if _is_within(path, output):
            raise StorageError(f"{refusal}where the input {path!r} leads")


def _is_within(path: str, directory: str) -> bool:
    """Tell whether a path is a directory or lies in it.

    It does if it goes through the directory, and if it leads there by links.
    """
    return any(
        os.path.commonpath([place, holder]) == holder
        for place in _places(path) for holder in _places(directory))


def _places(path: str) -> set[str]:
    """Return where a path is: links followed, not, and all but the last."""
    path = os.path.abspath(path)
    parent, name = os.path.split(path)
    return {path, os.path.realpath(path),
            os.path.join(os.path.realpath(parent), name)}


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


class Storage:
    """The shared directory of a Manager and the jobs in it."""

    def __init__(self, shared_directory: str) -> None:
        """Keep jobs in an existing directory."""
        self._shared_directory = shared_directory

    def job_directory(self, job_id: int) -> str:
        """Return, e.g., /tmp/mapreduce-shared-abc/job-00000."""
        return os.path.join(
            self._shared_directory, layout.job_directory(job_id))

    def prepare(self, job_id: int, submission: ManagerJobMessage) -> list[str]:
        """Make the directories of a job; return the paths of its inputs.

        The old output is deleted only after the job was found in order.
        Raises StorageError with a reason for the job's owner.
        """
        input_paths = list_inputs(submission.input_directory)
        try:
            check_output(submission, input_paths, self._shared_directory)
            replace_directory(submission.output_directory)
            os.mkdir(self.job_directory(job_id))
        except OSError as error:
            raise StorageError(
                f"cannot make the output directory "
                f"{submission.output_directory!r}: {error}") from error
        return input_paths

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
