"""Make temporary directories that show whether their process is alive.

A killed process can't remove its directories. So each process holds a lock on
its directories, and the next daemon on this machine removes those that have no
lock. The lock is on the directory itself, and a mode bit marks it as ours,
because the specification defines which files may lie in it and beside it.
"""
from __future__ import annotations

import contextlib
import fcntl
import glob
import logging
import os
import re
import shutil
import signal
import stat
import tempfile
from collections.abc import Iterator

LOGGER = logging.getLogger(__name__)

# This mode is set after the lock is taken: a directory with this mode and
# without a lock is abandoned. No other program is likely to make one, as the
# sticky bit has no effect where only the owner may write.
MARKED = stat.S_IRWXU | stat.S_ISVTX

MOUNTS = "/proc/self/mountinfo"
# Types of file systems that no other machine can use at the same time.
LOCAL = {
    "bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "overlay",
    "ramfs", "reiserfs", "tmpfs", "xfs", "zfs"}
SYSTEM = ("/", "/tmp", "/var")


@contextlib.contextmanager
def directory(prefix: str, parent: str | None = None) -> Iterator[str]:
    """Make a temporary directory that is removed at the end of the block.

    Its name begins with the prefix. It is made in `parent`, or in the
    directory for temporary files.
    """
    # A signal handler may end the process by an exception. It must not come
    # between the directory and the object that removes it.
    with _no_signals():
        temporary = (
            tempfile.TemporaryDirectory(prefix=prefix) if parent is None
            else tempfile.TemporaryDirectory(prefix=prefix, dir=parent))
    with temporary as path, lock(path):
        yield path


def place_beside(folder: str) -> str:
    """Return a directory outside a folder, for files that will be renamed.

    Where no rename can lead from there into the folder, it is the folder
    itself. Raises OSError if there is no such folder.
    """
    folder = os.path.realpath(folder)
    parent = os.path.dirname(folder)
    same_disk = os.stat(parent).st_dev == os.stat(folder).st_dev
    return parent if same_disk and os.access(parent, os.W_OK) else folder


@contextlib.contextmanager
def _no_signals() -> Iterator[None]:
    """Postpone the signals of this thread until the end of the block."""
    mask = signal.pthread_sigmask(
        signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@contextlib.contextmanager
def lock(path: str) -> Iterator[None]:
    """Mark a directory, and hold its lock until the end of the block."""
    with _open(path) as descriptor:
        # A file system may have no locks. Then the mode is not set either,
        # and no other process takes the directory for abandoned.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.fchmod(descriptor, MARKED)
        yield


def remove_leftovers(prefix: str, parent: str | None = None) -> None:
    """Remove the directories that killed processes of this user left.

    They lie in `parent`, or in the directory for temporary files. Those that
    can't be removed are left without an error. On a file system that other
    machines may use, all are left: they may be in use there.
    """
    parent = parent or tempfile.gettempdir()
    if not _is_local(parent):
        return
    pattern = glob.escape(os.path.join(parent, prefix)) + "*"
    for path in glob.glob(pattern):
        with contextlib.suppress(OSError), _open(path) as descriptor:
            status = os.fstat(descriptor)
            if (stat.S_IMODE(status.st_mode) == MARKED
                    and status.st_uid == os.geteuid()):
                # Raises BlockingIOError while the process is alive.
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                LOGGER.info("Removing %s, which a killed process left", path)
                shutil.rmtree(path, ignore_errors=True)


def _is_local(folder: str) -> bool:
    """Return whether only this machine uses a file system.

    Elsewhere (NFS, sshfs, FUSE, a folder of the host of a virtual machine),
    a lock may hold for one machine only.
    """
    path = os.path.realpath(folder)
    try:
        with open(MOUNTS, encoding="utf-8", errors="surrogateescape") as file:
            mounts = [line.split() for line in file]
    except OSError:
        # Not on Linux: the system itself is on local disks.
        device = os.stat(path).st_dev
        return device in [os.stat(name).st_dev for name in SYSTEM
                          if os.path.isdir(name)]
    kind, depth = "", -1
    for fields in mounts:
        point = _unescape(fields[4])
        # Of several mounts on one point, the last one is seen.
        if len(point) >= depth and os.path.commonpath([path, point]) == point:
            kind, depth = fields[fields.index("-") + 1], len(point)
    return kind in LOCAL


def _unescape(text: str) -> str:
    r"""Return a path of the list of mounts, where \040 is a space."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


@contextlib.contextmanager
def _open(path: str) -> Iterator[int]:
    # O_NOFOLLOW: in a directory that all users may write, another user could
    # put a symbolic link to one of our directories.
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
