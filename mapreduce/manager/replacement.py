"""Make a result beside an old one, and replace that at the end.

    .NAME-new-1f2e3d4c/       marked as ours, and locked by this process
        new/                  the parts, while the job runs
        old/                  what had the name NAME, until it is deleted

It lies beside NAME, because a rename can't cross file systems. A Manager that
is killed leaves it; the next one that replaces NAME removes it.

If directories have an owner, which is the state of a Manager, they have its
name after "new-" or "old-", and no mark: no other Manager removes them.
"""
from __future__ import annotations

import contextlib
import glob
import os

from mapreduce.manager.output_safety import StorageError, check_content
from mapreduce.manager.removal import remove_directory
from mapreduce.protocol import layout
from mapreduce.protocol.extensions import ExtendedJobMessage
from mapreduce.system import scratch


class Replacement:
    """The result of one job, which is to replace an old one, if there is one.

    All methods but close raise OSError.
    """

    def __init__(
        self, submission: ExtendedJobMessage, owner: str = "",
        directory: str | None = None,
    ) -> None:
        """Make the hidden directories, and parents that are missing.

        The submission was checked by output_safety. With a directory, use
        what an earlier Manager of the owner has made, which put the parts
        there.
        """
        self._submission = submission
        self._new_parents: list[str] = []
        self._lock = contextlib.ExitStack()
        parent, name = split_output(submission.output_directory)
        self._output = os.path.join(parent, name)
        if directory is None:
            self._make(parent, name, owner)
        else:
            self.directory = directory
            self.hidden = os.path.dirname(directory)

    def _make(self, parent: str, name: str, owner: str) -> None:
        prefix = layout.hidden_prefix(name, "new")
        # Eight random digits. If the name exists, mkdir raises an error.
        self.hidden = os.path.join(
            parent, prefix + owner + os.urandom(4).hex())
        self.directory = os.path.join(self.hidden, "new")
        self._new_parents = _missing(parent)
        with contextlib.ExitStack() as undo:
            undo.callback(self._remove_new_parents)
            os.makedirs(parent or os.curdir, exist_ok=True)
            scratch.remove_leftovers(prefix, parent or os.curdir)
            os.mkdir(self.hidden, 0o700)
            undo.callback(os.rmdir, self.hidden)
            if not owner:
                undo.enter_context(scratch.lock(self.hidden))
            os.mkdir(self.directory)
            self._lock = undo.pop_all()

    @property
    def holds_old(self) -> bool:
        """Whether the hidden directory holds an old result."""
        return os.path.lexists(os.path.join(self.hidden, "old"))

    def publish(self) -> None:
        """Give the result its name; an old result moves to `hidden`.

        Raises StorageError if that must not be replaced, and changes nothing.
        """
        old = os.path.join(self.hidden, "old")
        try:
            os.rename(self._output, old)
        except FileNotFoundError:
            os.rename(self.directory, self._output)
            return
        # Checked again, because the job may have run for hours; and only now,
        # because before the rename another directory could get the name.
        try:
            self._check(old)
            os.rename(self.directory, self._output)
        except BaseException:
            os.rename(old, self._output)
            raise

    def _check(self, old: str) -> None:
        name = self._submission.output_directory
        if self._submission.no_clobber:
            raise StorageError(f"the output directory {name!r} was made by "
                               "another program while the job ran")
        if os.path.islink(old) or not os.path.isdir(old):
            raise StorageError(f"the output directory {name!r} is not "
                               "replaced: it is no directory any more")
        check_content(self._submission, old)

    def close(self) -> None:
        """Release the lock of the hidden directory, which is empty."""
        with contextlib.suppress(OSError):
            self._lock.close()

    def _remove_new_parents(self) -> None:
        """Remove the parents that were made, unless they hold something."""
        with contextlib.suppress(OSError):
            for path in self._new_parents:
                os.rmdir(path)


def undo_replacement(submission: ExtendedJobMessage, owner: str) -> None:
    """Undo what a Manager did that died while it made an output directory.

    An old result gets its name back. With no_clobber, an empty directory is
    taken for one that it made.
    """
    parent, name = split_output(submission.output_directory)
    output = os.path.join(parent, name)
    for kind in ("old", "new"):
        prefix = layout.hidden_prefix(name, kind) + owner
        for hidden in glob.glob(
                glob.escape(os.path.join(parent, prefix)) + "*"):
            _give_back(os.path.join(hidden, "old"), output)
            remove_directory(hidden)
    if submission.no_clobber:
        with contextlib.suppress(OSError):
            os.rmdir(output)


def undo_publication(
    submission: ExtendedJobMessage, directory: str, identity: tuple[int, ...]
) -> None:
    """Undo what `publish` did before its Manager died, if anything.

    The directory is that of the parts, with the numbers of its device and
    inode. Raises OSError.
    """
    output = os.path.join(*split_output(submission.output_directory))
    hidden = os.path.dirname(directory)
    if not os.path.lexists(directory) and identity_of(output) == identity:
        # It is gone if the job ended while the disk was full.
        os.makedirs(hidden, 0o700, exist_ok=True)
        os.rename(output, directory)
    _give_back(os.path.join(hidden, "old"), output)


def _give_back(old: str, output: str) -> None:
    if os.path.lexists(old) and not os.path.lexists(output):
        os.rename(old, output)


def identity_of(path: str) -> tuple[int, ...]:
    """Return the numbers of the device and the inode of a directory.

    Nothing if there is none.
    """
    try:
        status = os.lstat(path)
    except OSError:
        return ()
    return status.st_dev, status.st_ino


def _missing(path: str) -> list[str]:
    """Return those of a directory and its parents that are missing."""
    missing = []
    while path and not os.path.lexists(path):
        missing.append(path)
        path = os.path.dirname(path)
    return missing


def split_output(output: str) -> tuple[str, str]:
    """Return the parent of a directory and its name, which is not "..".

    A relative path stays relative, because each Worker may have mounted the
    working directory elsewhere.
    """
    parent, name = os.path.split(output.rstrip("/"))
    if name in ("", os.curdir, os.pardir):
        return os.path.split(os.path.realpath(output))
    return parent, name
