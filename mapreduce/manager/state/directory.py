"""Own the state directory of a Manager: its lock, its journal, its starts.

    DIRECTORY/lock             held while a Manager runs; names its owner
    DIRECTORY/journal.sqlite3  see manager/state/journal
    DIRECTORY/mapreduce-shared-1f2e3d4c-2/
                               the files of jobs, of the second start; with
                               --shared_dir it lies there

Each start has a number of its own and a directory of its own. That one has no
mark (see system/scratch), so no other Manager takes it for a leftover.
"""
from __future__ import annotations

import contextlib
import errno
import fcntl
import glob
import logging
import os
import re
import sqlite3
import time

from mapreduce.manager.removal import remove_directory
from mapreduce.manager.scheduling import facts
from mapreduce.manager.state import recovery
from mapreduce.manager.state.journal import (
    DamagedState,
    Journal,
    StateError,
    remove_database,
)
from mapreduce.protocol import layout

LOGGER = logging.getLogger(__name__)

JOURNAL = "journal.sqlite3"
LOCK = "lock"
BOOT_ID = "/proc/sys/kernel/random/boot_id"
# A lock may hold for one machine only. So the owner touches its file, and an
# owner on another machine counts as alive for some time.
TOUCH_INTERVAL = 10.0  # seconds
OWNER_TIMEOUT = 30.0  # seconds


class StateDirectory:
    """The state directory, which this process owns until `close`."""

    def __init__(
        self, path: str, parent: str | None = None, fresh: bool = False
    ) -> None:
        """Take a directory, and make it if it is missing.

        The files of jobs are kept in it, or in another `parent`. If it is
        fresh, the state that is there is removed. Raises StateError.
        """
        self.path = os.path.abspath(path)
        self._parent = os.path.abspath(parent) if parent else self.path
        self._touched = time.monotonic()
        self.epoch = 0
        with contextlib.ExitStack() as undo:
            try:
                # Not the absolute path: an empty one is no directory.
                os.makedirs(path, mode=0o700, exist_ok=True)
                self._lock = os.open(
                    os.path.join(self.path, LOCK),
                    os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                undo.callback(os.close, self._lock)
                self._take()
            except OSError as error:
                raise StateError(
                    f"cannot use the state directory {path!r}: "
                    f"{error.strerror or error}") from error
            self._open(fresh)
            undo.callback(self.journal.close)
            self._check_working_directory()
            self._undo = undo.pop_all()

    def close(self) -> None:
        """Release the directory; the state stays."""
        self._undo.close()

    def _take(self) -> None:
        host = os.uname().nodename
        before = os.fstat(self._lock).st_mtime
        owner = os.pread(self._lock, 1_000, 0).decode(errors="replace")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StateError(
                f"the state directory {self.path!r} is in use by {owner}; "
                "stop that Manager, or name another directory") from error
        # The clock of the file system counts, not that of this machine.
        os.utime(self._lock)
        age = os.fstat(self._lock).st_mtime - before
        if (owner and not owner.endswith(f" on {host}")
                and age < OWNER_TIMEOUT):
            os.utime(self._lock, (before, before))
            raise StateError(
                f"the state directory {self.path!r} was used by {owner} "
                f"{age:.0f} s ago; stop that Manager, and try again after "
                f"{OWNER_TIMEOUT:g} s")
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"process {os.getpid()} on {host}".encode(), 0)

    def touch(self) -> None:
        """Show other machines from time to time that the owner is alive.

        Log it if the directory was removed: the next start would find nothing.
        """
        if time.monotonic() - self._touched >= TOUCH_INTERVAL:
            self._touched = time.monotonic()
            with contextlib.suppress(OSError):
                os.utime(self._lock)
            if self._is_removed():
                self._touched = float("inf")  # never again
                LOGGER.error(
                    "The state directory %s was removed: jobs end with this "
                    "Manager; start another one", self.path)

    def _is_removed(self) -> bool:
        try:
            return os.fstat(self._lock).st_nlink == 0
        except OSError as error:
            # NFS reports ESTALE for a file that another machine removed.
            return error.errno == errno.ESTALE

    def _open(self, fresh: bool) -> None:
        path = os.path.join(self.path, JOURNAL)
        try:
            self.journal = Journal(path)
        except DamagedState:
            if not fresh:
                raise
            remove_database(path)
            self._remove_lost()
            self.journal = Journal(path)
        if fresh or self.journal.get("ended"):
            # Elsewhere, a relative path would mean another directory.
            if self.journal.get("directory") == os.getcwd():
                recovery.abandon(list(self.known().values()), self.owner)
            self._remove_state()
            self.journal = Journal(path)
        if self.journal.get("id") is None:
            self.journal.set(
                id=os.urandom(4).hex(), starts="0",
                # As without a state, the time makes the ids that tasks see
                # unique.
                cluster_id=time.strftime("%Y%m%d%H%M"),
                directory=os.getcwd())

    def _remove_state(self) -> None:
        for directory in self.old_directories():
            remove_directory(directory)
        self.journal.close()
        remove_database(self.journal.path)

    def _remove_lost(self) -> None:
        """Remove the directories of a state whose id can't be read."""
        prefix = os.path.join(self.path, layout.SHARED_DIRECTORY_PREFIX)
        for path in glob.glob(glob.escape(prefix) + "*"):
            if re.fullmatch(r"[0-9a-f]{8}-\d+", path.removeprefix(prefix)):
                remove_directory(path)

    def _check_working_directory(self) -> None:
        # Relative paths of jobs would mean other files, and an output
        # directory that is not theirs would be deleted.
        directory = self.journal.get("directory")
        if directory != os.getcwd():
            raise StateError(
                f"the state in {self.path!r} is of a Manager that ran in "
                f"{directory!r}; start it there, or begin anew with --fresh")

    @property
    def owner(self) -> str:
        """The prefix that the names of this state's directories contain."""
        return f"{self.journal.get('id')}-"

    @property
    def cluster_id(self) -> str:
        """The id of the cluster that tasks see, e.g., 202611211417."""
        return self.journal.get("cluster_id") or ""

    @property
    def shared_directory(self) -> str:
        """The directory for the files of jobs, of this start."""
        return self._shared(self._parent, str(self.epoch))

    def _shared(self, parent: str, epoch: str) -> str:
        return os.path.join(
            parent, f"{layout.SHARED_DIRECTORY_PREFIX}{self.owner}{epoch}")

    def begin(self) -> bool:
        """Begin the next start, and make its directory.

        Return whether the machine was started anew since the last one. Raises
        OSError and sqlite3.Error.
        """
        last = int(self.journal.get("epoch") or 0)
        last_boot = self.journal.get("boot_id")
        # A copy of the database that was brought back knows fewer starts.
        self.epoch = max([last, *self._directories()]) + 1
        # Before any file is touched: no other start may have this number.
        self.journal.set(
            epoch=str(self.epoch), boot_id=_boot_id(),
            parents="\0".join({self._parent, *self._parents()}))
        os.mkdir(self.shared_directory, 0o700)
        return last_boot not in (None, _boot_id())

    def count_start(self) -> int:
        """Count a Manager that has its ports; return how many came before it.

        Another one may have begun, and found its port in use.
        """
        before = int(self.journal.get("starts") or self.epoch - 1)
        self.journal.set(starts=str(before + 1))
        return before

    def _parents(self) -> list[str]:
        return (self.journal.get("parents") or self._parent).split("\0")

    def old_directories(self) -> list[str]:
        """Return the directories of earlier starts, the last one last."""
        return [path for epoch, path in sorted(self._directories().items())
                if epoch != self.epoch]

    def _directories(self) -> dict[int, str]:
        """Return the directories of all starts by their numbers."""
        found = {}
        for parent in {self._parent, *self._parents()}:
            prefix = self._shared(parent, "")
            for path in glob.glob(glob.escape(prefix) + "*"):
                epoch = path.removeprefix(prefix)
                if re.fullmatch(r"\d+", epoch):
                    found[int(epoch)] = path
        return found

    def remove_old(self) -> None:
        """Remove the directories of earlier starts."""
        for path in self.old_directories():
            remove_directory(path)

    def known(self) -> dict[int, facts.Fact]:
        """Return all facts of earlier starts by their numbers."""
        return self.journal.read()

    def note_end(self) -> None:
        """Note that the next start begins anew, before any file is removed."""
        # A full disk has no room for that, but files can be removed there.
        with contextlib.suppress(sqlite3.Error):
            self.journal.set(ended="yes")

    def end(self) -> None:
        """Remove the state. Raises OSError."""
        remove_directory(self.shared_directory)
        self._remove_state()


def _boot_id() -> str:
    """Return a text that changes when the machine is started anew."""
    try:
        with open(BOOT_ID, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""
