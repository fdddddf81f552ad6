"""Keep map output in a directory, each entry under a key. No task is run here.

    DIR/CACHEDIR.TAG        marks the directory as a cache of this form
    DIR/<key>/manifest      what the entry is, and the digest of each file
    DIR/<key>/part00000 …   its files, which are never written again
    DIR/.new-…, DIR/.old-…  an entry that is being made, or removed

Any number of processes may use a directory at the same time. An entry gets its
name, and loses it, by a rename, so it is there as a whole or not at all.
Nothing is synced to the disk: each use compares all bytes with their digests,
so what a power failure has cut off is not used, either.
"""
from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

TAG = "CACHEDIR.TAG"  # Programs that make backups leave such directories out.
TAG_TEXT = ("Signature: 8a477f597d28d172789f06886806bc55\n"
            "# Map output of mapreduce, form 1; see mapreduce-cache --help.\n")
MANIFEST = "manifest"
NEW, OLD = ".new-", ".old-"
KEY = re.compile("[0-9a-f]{64}")
BLOCK = 2**20  # bytes of one read
LEFT_BEHIND = 24 * 60 * 60  # seconds after which .new- and .old- are no use


class CacheError(Exception):
    """A directory can't be used as a cache; the text is for the user."""


class Damaged(Exception):
    """An entry is not what was stored."""


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What an entry is; all that is needed to use it."""

    files: Mapping[str, tuple[int, str]]  # by name: the bytes, and the digest
    input: str  # the next two are for people
    mapper: str
    # Those of the task, which count again with each use.
    counters: Mapping[str, Mapping[str, int]]

    def check(self, name: str, file: BinaryIO, pause: Check) -> None:
        """Raise Damaged if a file is not the one of this name."""
        if (os.fstat(file.fileno()).st_size, digest(file, pause)) != (
                self.files[name]):
            raise Damaged(name)


@dataclasses.dataclass(frozen=True)
class Entry:
    """An entry as `mapreduce-cache` shows it."""

    key: str
    manifest: Manifest | None  # None: it is damaged
    size: int  # bytes of all its files
    used: float  # seconds since 1970


Check = Callable[[], object]  # called between two blocks; it may raise


def digest(file: BinaryIO, pause: Check = lambda: None) -> str:
    """Return the SHA-256 of the rest of a file."""
    found = hashlib.sha256()
    while block := file.read(BLOCK):
        found.update(block)
        pause()
    return found.hexdigest()


def prepare(path: str) -> None:
    """Make a cache of a directory that is new or empty.

    One that is a cache stays as it is. Raises CacheError.
    """
    with _unusable(path):
        os.makedirs(path, mode=stat.S_IRWXU, exist_ok=True)
        if not _members(path):
            _tag(path)
    check(path)


def check(path: str) -> None:
    """Raise CacheError unless a cache is here, or can be. Makes nothing."""
    with _unusable(path):
        if not os.path.lexists(path):
            return
        names = _members(path)
    if TAG in names:
        Cache(path)
    elif names:
        raise CacheError(
            f"the directory {path!r} is no cache: it holds {min(names)!r}"
            "; name one that is new or empty")


@contextlib.contextmanager
def _unusable(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CacheError(f"cannot use the directory {path!r} as a cache: "
                         f"{error.strerror}") from error


def _members(path: str) -> list[str]:
    return [name for name in os.listdir(path)
            if not name.startswith((NEW, OLD))]


def _tag(path: str) -> None:
    os.chmod(path, stat.S_IRWXU)
    # By a rename: another process may look at the same moment.
    descriptor, new = tempfile.mkstemp(prefix=NEW, dir=path)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(TAG_TEXT)
    os.replace(new, os.path.join(path, TAG))


class Cache:
    """A directory that `prepare` has made a cache."""

    def __init__(self, path: str) -> None:
        """Open a cache; raise CacheError if it is none of this user."""
        self._path = path
        try:
            with open(os.path.join(path, TAG), encoding="utf-8",
                      errors="replace") as file:
                text = file.read(2 * len(TAG_TEXT))
            status = os.stat(path)
        except OSError as error:
            reason = error.strerror
            if isinstance(error, FileNotFoundError) and os.path.isdir(path):
                reason = f"it has no file {TAG}"
            raise CacheError(
                f"the directory {path!r} is no cache: {reason}") from error
        if text != TAG_TEXT:
            raise CacheError(f"the directory {path!r} is no cache of this "
                             "version; name another one")
        # A user who may write there chooses what jobs take for map output.
        if status.st_uid != os.geteuid() or status.st_mode & 0o022:
            raise CacheError(f"the cache {path!r} belongs to another user, or "
                             "other users may write to it; name another one")

    def _of(self, key: str, name: str = "") -> str:
        return os.path.join(self._path, key, name)

    def files(self, key: str, manifest: Manifest) -> dict[str, str]:
        """Return the paths of the files of an entry, by their names."""
        return {name: self._of(key, name) for name in manifest.files}

    def read(self, key: str) -> Manifest | None:
        """Return the manifest of an entry; None if there is none.

        Raises Damaged if it is not what was stored.
        """
        try:
            with open(self._of(key, MANIFEST), "rb") as file:
                checksum, _, body = file.read().partition(b"\n")
        except FileNotFoundError as error:
            if os.path.isdir(self._of(key)):
                raise Damaged(key) from error
            return None
        if checksum != _checksum(key, body):
            raise Damaged(key)
        fields = json.loads(body)
        fields["files"] = {
            name: tuple(found) for name, found in fields["files"].items()}
        return Manifest(**fields)

    def touch(self, key: str) -> None:
        """Note that an entry was used now."""
        with contextlib.suppress(OSError):
            os.utime(self._of(key, MANIFEST))

    def store(
        self, key: str, linked: Mapping[str, str], copied: Mapping[str, str],
        about: Mapping[str, Any], pause: Check = lambda: None,
    ) -> None:
        """Add an entry, unless there is one with the key.

        `linked` and `copied` are paths of files, by their names in the entry.
        The linked ones must not be written again, and become read-only.
        `about` has the other fields of the manifest. Raises OSError.
        """
        new = tempfile.mkdtemp(prefix=NEW, dir=self._path)
        try:
            files = {}
            for name, path in {**linked, **copied}.items():
                target = os.path.join(new, name)
                link_or_copy(path, target, links=name in linked)
                with open(target, "rb") as file:
                    files[name] = (
                        os.fstat(file.fileno()).st_size, digest(file, pause))
            _write_manifest(new, key, {**about, "files": files})
            # Otherwise another process was faster, with the same files.
            with _suppressed(errno.ENOTEMPTY, errno.EEXIST):
                os.rename(new, self._of(key))
        finally:
            shutil.rmtree(new, ignore_errors=True)

    def remove(self, key: str) -> bool:
        """Remove an entry, also one in use; return whether it was there."""
        # Without a lock: a process that loses an entry while it links its
        # files runs the mapper. Without a new directory: the disk may be full.
        old = os.path.join(self._path, f"{OLD}{secrets.token_hex(8)}")
        try:
            os.rename(os.path.join(self._path, key), old)
        except FileNotFoundError:
            return False
        shutil.rmtree(old, ignore_errors=True)
        return True

    def entries(self) -> Iterator[Entry]:
        """Iterate over the entries, the one used last first."""
        found = filter(None, map(self._entry, filter(
            KEY.fullmatch, os.listdir(self._path))))
        yield from sorted(found, key=lambda entry: -entry.used)

    def _entry(self, key: str) -> Entry | None:
        """Return an entry; None if it is gone."""
        try:
            with os.scandir(self._of(key)) as members:
                sizes = {member.name: member.stat().st_size
                         for member in members}
            used = os.stat(self._of(
                key, MANIFEST if MANIFEST in sizes else "")).st_mtime
            manifest = self.read(key)
        except Damaged:
            manifest = None
        except OSError:
            return None
        if manifest and any(sizes.get(name) != size for name, (size, _) in
                            manifest.files.items()):
            manifest = None
        return Entry(key, manifest, sum(sizes.values()), used)

    def is_whole(self, entry: Entry) -> bool:
        """Return whether all files of an entry are what was stored."""
        if entry.manifest is None:
            return False
        try:
            for name, path in self.files(entry.key, entry.manifest).items():
                with open(path, "rb") as file:
                    entry.manifest.check(name, file, lambda: None)
        except (OSError, Damaged):
            return False
        return True

    def prune(self, max_size: int) -> list[Entry]:
        """Remove the entries used longest ago until the others are so small.

        Return what was removed. The size is in bytes.
        """
        removed, size = [], 0
        for entry in self.entries():
            size += entry.size
            if size > max_size and self.remove(entry.key):
                removed.append(entry)
        self._remove_left_behind()
        return removed

    def _remove_left_behind(self) -> None:
        """Remove what killed processes have left."""
        with os.scandir(self._path) as members:
            for member in members:
                with contextlib.suppress(FileNotFoundError):
                    if member.name.startswith((NEW, OLD)) and (
                            member.stat().st_mtime
                            < time.time() - LEFT_BEHIND):
                        shutil.rmtree(member.path, ignore_errors=True)


def link_or_copy(path: str, target: str, links: bool = True) -> None:
    """Give a file a second name, which is read-only; or copy it."""
    try:
        if not links:
            raise OSError
        os.link(path, target)
    except OSError:  # Another file system, or one without hard links.
        shutil.copyfile(path, target)
    mode = stat.S_IMODE(os.stat(target).st_mode)
    os.chmod(target, mode & ~0o222)


def _write_manifest(
    directory: str, key: str, fields: Mapping[str, Any]
) -> None:
    body = json.dumps(fields).encode("ascii")
    with open(os.path.join(directory, MANIFEST), "wb") as file:
        file.write(_checksum(key, body) + b"\n" + body)


@contextlib.contextmanager
def _suppressed(*numbers: int) -> Iterator[None]:
    """Suppress errors of the system that have one of these numbers."""
    try:
        yield
    except OSError as error:
        if error.errno not in numbers:
            raise


def _checksum(key: str, body: bytes) -> bytes:
    """Return a line by which a manifest is known to be that of its key."""
    return hashlib.sha256(key.encode() + b"\n" + body).hexdigest().encode()
