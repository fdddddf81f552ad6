"""Make, replace and remove the directories of jobs, for the Manager.

Called by the main thread only. No executable is run here, and no file is read
except to copy it. What may be replaced is decided in manager/output_safety.
"""
from __future__ import annotations

import contextlib
import errno
import logging
import os
import stat
import tempfile
from collections.abc import Callable, Iterable

from mapreduce.manager.kept_output import (
    check_places,
    keep_map_output,
    make_kept_directory,
    prepare_cache,
    prepare_logs,
)
from mapreduce.manager.output_safety import (
    StorageError,
    check_output,
    check_placed,
    check_state,
    find_inputs,
    make_splits,
)
from mapreduce.manager.removal import remove_directory, remove_in_steps
from mapreduce.manager.replacement import (
    Replacement,
    split_output,
    undo_replacement,
)
from mapreduce.manager.scheduling.job import ExpectedOutput
from mapreduce.protocol import layout
from mapreduce.protocol.extensions import ExtendedJobMessage
from mapreduce.protocol.fields import Split
from mapreduce.system import scratch
from mapreduce.system.inputs import rules_of

LOGGER = logging.getLogger(__name__)


def replace_directory(
    path: str, checked: os.stat_result | None,
    must_stop: Callable[[], bool] = lambda: False, owner: str = "",
) -> None:
    """Replace a directory by an empty one; also make missing parents.

    `checked` is the status of the directory that may be deleted, None if
    there is none. Raises OSError, and does not change the old directory, if
    it can't be moved or is another one. What is not deleted, also because
    `must_stop` returns True, is left in a hidden directory beside it, whose
    name holds the owner.
    """
    # A link among its parents stays: the directory that it leads to is used.
    # The directory itself is not resolved again: another user may have put a
    # link in its place since it was checked.
    parent, name = split_output(path)
    parent = os.path.realpath(parent)
    path = os.path.join(parent, name)
    if checked is None:
        os.makedirs(path)
        return
    # Renamed before it is deleted: a reader never sees half of a result, and
    # deleting may take long. In the same parent, because a rename can't cross
    # file systems.
    prefix = layout.hidden_prefix(name, "old")
    scratch.remove_leftovers(prefix, parent)
    hidden = tempfile.mkdtemp(prefix=prefix + owner, dir=parent)
    with scratch.lock(hidden):
        try:
            _exchange(path, hidden, checked)
        except BaseException:
            # If the old directory is in there, it must not be removed.
            os.chmod(hidden, stat.S_IRWXU)
            with contextlib.suppress(OSError):
                os.rmdir(os.path.join(hidden, "new"))
                os.rmdir(hidden)
            raise
        remove_in_steps(hidden, must_stop)


def status_of(path: str) -> os.stat_result | None:
    """Return the status of a path, not followed; None if it is free."""
    try:
        return os.lstat(path)
    except OSError:
        return None


def _exchange(path: str, hidden: str, checked: os.stat_result) -> None:
    """Move a directory into a hidden one, and give its name to a new one."""
    new, old = (os.path.join(hidden, name) for name in ("new", "old"))
    os.mkdir(new)
    os.rename(path, old)
    try:
        if not os.path.samestat(os.lstat(old), checked):
            raise OSError(errno.EBUSY, "another program has replaced it", path)
        os.rename(new, path)
    except BaseException:
        os.rename(old, path)
        raise


def missing_output(expected: ExpectedOutput) -> dict[int, str]:
    """Return the tasks that lack a file, each with the name of its first one.

    The directory is listed once, however many files there are.
    """
    directory = expected.directory
    try:
        with os.scandir(directory) as entries:
            names = {entry.name for entry in entries
                     if entry.is_file(follow_symlinks=False)}
    except OSError as error:
        LOGGER.warning("Cannot list %r: %s", directory, error)
        names = set()
    missing = {}
    for task_id in range(expected.num_tasks):
        for name in layout.task_files(
                task_id, expected.num_partitions, expected.compress):
            # A listing of a network file system may be old; a file is not.
            if name not in names and not os.path.isfile(
                    os.path.join(directory, name)):
                missing[task_id] = name
                break
    return missing


def take_backups(expected: ExpectedOutput, backups: Iterable[int]) -> None:
    """Move the map output of backup attempts to its place.

    It replaces what the first attempts at these tasks left there. No Worker
    must hold a task of the stage any more.
    """
    for task_id in backups:
        names = list(layout.task_files(task_id, expected.num_partitions))
        places = [os.path.join(expected.directory, name) for name in names]
        sources = [os.path.join(expected.directory, layout.BACKUPS, name)
                   for name in names]
        # Otherwise they were moved before: other tasks lacked files then.
        if any(map(os.path.lexists, sources)):
            for source, place in zip(sources, places):
                _replace(source, place)


def _replace(source: str, place: str) -> None:
    try:
        os.replace(source, place)
    except OSError as error:
        LOGGER.warning("Cannot move %r: %s", source, error)
        # What is there is not of this attempt, and must not be taken for it.
        with contextlib.suppress(OSError):
            os.remove(place)


def remove_parts(output_directory: str) -> None:
    """Remove the parts of a result, complete or not, and then the directory.

    The directory is left if it holds other files: those are not ours.
    """
    try:
        with os.scandir(output_directory) as entries:
            names = [entry.name for entry in entries
                     if layout.is_reduce_output(entry.name)]
        for name in names:
            # It was renamed meanwhile; or a faulty Worker made a directory.
            with contextlib.suppress(OSError):
                os.remove(os.path.join(output_directory, name))
        os.rmdir(output_directory)
    except OSError as error:
        LOGGER.warning("Cannot remove all of %r: %s", output_directory, error)


def _make_directories(path: str, submission: ExtendedJobMessage) -> None:
    """Make the directory of a job, and what it holds from the beginning."""
    os.mkdir(path)
    if submission.map_speculative:
        os.mkdir(os.path.join(path, layout.BACKUPS))


class Storage:
    """The shared directory of a Manager and the jobs in it."""

    def __init__(
        self, shared_directory: str,
        must_stop: Callable[[], bool] = lambda: False, owner: str = "",
        state_directory: str = "",
    ) -> None:
        """Use an existing directory.

        While `must_stop` returns True, no old results are deleted. The owner
        is the id of a state, in its directory, which has the directories of
        jobs after this Manager; without one, they go with it.
        """
        self._state_directory = state_directory
        self._must_stop = must_stop
        self._owner = owner
        self._shared_directory = shared_directory
        # Not of this process: file systems exist that show others.
        status = status_of(shared_directory)
        self._uid = status.st_uid if status else os.geteuid()
        # By job id, for the jobs that keep an old result until their end.
        self._replacements: dict[int, Replacement] = {}

    def job_directory(self, job_id: int) -> str:
        """Return, e.g., /tmp/mapreduce-shared-abc/job-00000."""
        return os.path.join(
            self._shared_directory, layout.job_directory(job_id))

    def prepare(
        self, job_id: int, submission: ExtendedJobMessage,
        again: bool = False,
    ) -> list[Split]:
        """Make the directories of a job; return the splits of its input.

        If it is done again, a Manager of the same owner may have died while
        it did it. Raises StorageError with a reason for the user.
        """
        if again:
            undo_replacement(submission, self._owner)
        # All checks come first: a job that can't run must not delete the
        # result of an earlier one.
        found = find_inputs(submission.input_paths, rules_of(submission))
        splits = make_splits(submission, found.files)
        check_placed(submission)
        output = submission.output_directory
        kept = submission.keep_intermediate
        checked = status_of(output)
        check_output(submission, found, self._shared_directory)
        if self._state_directory:
            check_state(submission, found, self._state_directory)
        check_places(submission, found, self._shared_directory)
        make_kept_directory(kept)
        prepare_logs(submission.logs)
        prepare_cache(submission.cache)
        # Before the old result is touched: this may fail, too.
        self._make_job_directory(job_id, submission)
        try:
            if submission.keep_old:
                self._replacements[job_id] = Replacement(
                    submission, self._owner)
            else:
                replace_directory(
                    output, checked, self._must_stop, self._owner)
        except OSError as error:
            self.clean_up(job_id)
            raise StorageError(
                f"cannot make the output directory {output!r}: "
                f"{error.strerror or error}") from error
        return splits

    def adopt(
        self, job_id: int, submission: ExtendedJobMessage,
        directory: str | None,
    ) -> None:
        """Go on with a job that an earlier Manager of the owner prepared.

        The directory is what `output_directory` has returned for it. Raises
        OSError.
        """
        _make_directories(self.job_directory(job_id), submission)
        if directory is not None:
            self._replacements[job_id] = Replacement(
                submission, self._owner, directory)

    def _make_job_directory(
        self, job_id: int, submission: ExtendedJobMessage
    ) -> None:
        path = self.job_directory(job_id)
        try:
            self._check_shared_directory()
            _make_directories(path, submission)
        except OSError as error:
            raise StorageError(
                f"cannot make the directory {path!r}: {error.strerror}"
            ) from error

    def _check_shared_directory(self) -> None:
        """Make it again if it is gone; raise OSError if another has its name.

        A cleaner of temporary files may have removed it. Then any user can
        make one of that name, to read and change what tasks write there.
        """
        path = self._shared_directory
        status = status_of(path)
        if status is None:
            LOGGER.warning(
                "The shared directory %r is gone; it is made again", path)
            os.makedirs(path, mode=0o700)
        elif not stat.S_ISDIR(status.st_mode) or (
                status.st_uid != self._uid):
            raise OSError(
                errno.EPERM, "another user has replaced the shared directory")

    def keep_map_output(self, job_id: int, directory: str) -> None:
        """Copy the map output of a job to the directory that the user gave.

        Raises StorageError with a reason for the user.
        """
        keep_map_output(self.job_directory(job_id), directory)

    def output_directory(self, job_id: int) -> str | None:
        """Return where a job puts its parts; None: in its output directory."""
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
                "cannot replace the output directory: "
                f"{error.strerror or error}") from error

    def clean_up(self, job_id: int) -> None:
        """Remove the directories of a job, except its result."""
        remove_directory(self.job_directory(job_id))
        if replacement := self._replacements.pop(job_id, None):
            if replacement.holds_old:
                remove_in_steps(replacement.hidden, self._must_stop)
            else:
                remove_directory(replacement.hidden)
            replacement.close()

    def close(self) -> None:
        """Remove the directories of all jobs, unless they have an owner."""
        if not self._owner:
            self.remove_all()

    def remove_all(self) -> None:
        """Remove the directories of all jobs."""
        for job_id in list(self._replacements):
            self.clean_up(job_id)
        # The user may have deleted the shared directory already.
        with contextlib.suppress(FileNotFoundError):
            for name in os.listdir(self._shared_directory):
                if layout.is_job_directory(name):
                    remove_directory(
                        os.path.join(self._shared_directory, name))
