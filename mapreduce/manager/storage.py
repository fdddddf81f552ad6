"""The Manager's side of the file system: inputs, outputs, job directories.

Mappers and reducers never run here, and no file's content is read.
"""
from __future__ import annotations

import logging
import os
import pathlib
import shutil
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
        with os.scandir(input_directory) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise StorageError(
            f"cannot read the input directory {input_directory!r}: "
            f"{error.strerror}") from error
    paths = []
    for entry in found:
        path = os.path.join(input_directory, entry.name)
        if entry.is_file():
            paths.append(path)
        elif entry.is_dir():
            LOGGER.info("Skipped %r: a directory in the input", path)
        else:
            raise StorageError(f"the input {path!r} is no regular file")
    return paths


def check_output(submission: ManagerJobMessage, shared_directory: str) -> None:
    """Raise StorageError where deleting the output could do harm."""
    output = submission.output_directory
    if not output:
        raise StorageError("the output directory has an empty name")
    refusal = f"the output directory {output!r} is not replaced: it is "
    if os.path.islink(output.rstrip("/")):
        raise StorageError(refusal + "a symbolic link")
    if os.path.lexists(output) and not os.path.isdir(output):
        raise StorageError(refusal + "no directory")
    if os.path.ismount(output):
        raise StorageError(refusal + "a mount point")
    path = pathlib.Path(output).resolve()
    if path == pathlib.Path.home().resolve():
        raise StorageError(refusal + "the home directory")
    precious = {
        "the working directory": os.curdir,
        "the input directory": submission.input_directory,
        "the mapper": submission.mapper_executable,
        "the reducer": submission.reducer_executable,
        "the shared directory": shared_directory,
    }
    for name, place in precious.items():
        resolved = pathlib.Path(place).resolve()
        if path == resolved or path in resolved.parents:
            raise StorageError(f"{refusal}or holds {name}")
    for name in ("the input directory", "the shared directory"):
        if pathlib.Path(precious[name]).resolve() in path.parents:
            raise StorageError(f"{refusal}inside {name}")


def replace_directory(path: str) -> None:
    """Make a directory, empty and with its parents, in place of what is there.

    The old one is moved aside before it is deleted: at no moment does a
    reader see one that is half deleted.
    """
    path = path.rstrip("/")
    if not os.path.isdir(path):
        os.makedirs(path)
        return
    parent, name = os.path.split(path)
    aside = tempfile.mkdtemp(prefix=f".{name}-old-", dir=parent or os.curdir)
    os.rename(path, os.path.join(aside, name))
    os.mkdir(path)
    shutil.rmtree(aside)


def remove_directory(path: str) -> None:
    """Delete a directory into which a Worker may just be moving a file."""
    for _ in range(REMOVE_ATTEMPTS):
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

        Nothing is deleted before all else was found in order. Raises
        StorageError with a reason for the job's owner.
        """
        input_paths = list_inputs(submission.input_directory)
        check_output(submission, self._shared_directory)
        try:
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
