"""Store facts in a SQLite database, and return them at the next start.

The journal has no rules of jobs: a fact itself says whether it must be on the
disk at once, and whether it replaces the others of its job. One process uses
the database, in one thread.

    facts  number, job_id, kind, document    in the order in which they came
    meta   name, value                       of the state as a whole
"""
from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import time
from collections.abc import Collection, Iterator

from mapreduce.manager.scheduling import facts
from mapreduce.protocol import codec
from mapreduce.protocol.conversion import build
from mapreduce.protocol.fields import ProtocolError
from mapreduce.protocol.status import JobState

LOGGER = logging.getLogger(__name__)

APPLICATION_ID = 0x4D617052  # the bytes "MapR": whose database it is
SCHEMA_VERSION = 1
SCHEMA = f"""
PRAGMA auto_vacuum = INCREMENTAL;
BEGIN;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE facts (number INTEGER PRIMARY KEY, job_id INTEGER NOT NULL,
                    kind TEXT NOT NULL, document TEXT NOT NULL);
CREATE INDEX facts_of_job ON facts (job_id);
COMMIT;
"""

# Facts that need not be on the disk at once are stored after so many seconds,
# or when there are so many.
MAX_DELAY = 0.1
MAX_PENDING = 100
VACUUM_PAGES = 1_000  # of 4 KiB, given back to the file system at a time
NUMBERS = "epoch", "num_jobs", "starts"  # values of meta
UNREADABLE = "what the Manager kept of this job can't be read"


class StateError(Exception):
    """A state can't be used; the text says how to go on."""


class DamagedState(StateError):
    """A state that only a copy or --fresh can replace."""


class Journal:
    """The database of one Manager.

    `commit`, `set` and `remove` raise sqlite3.Error if the disk is full or
    broken. Then nothing is lost: what was added is stored by a later commit.
    """

    def __init__(self, path: str) -> None:
        """Open a database, or make one. Raises StateError."""
        self.path = path
        self._pending: list[facts.Fact] = []
        self._due = float("inf")
        self._must_commit = False
        self._is_compact = False
        try:
            if not os.path.lexists(path):
                _check_no_rest(path)
                _create(path)
            elif not os.path.getsize(path):
                # Before SQLite opens it, and removes its WAL.
                raise _damaged(path, "it is empty")
            self._connection = _connect(path)
        except (sqlite3.Error, OSError) as error:
            raise StateError(
                f"cannot use the state in {path!r}: {error}") from error
        try:
            self._check()
        except BaseException:
            self._connection.close()
            raise

    def _check(self) -> None:
        try:
            [owner], [version] = (
                self._connection.execute(f"PRAGMA {name}").fetchone()
                for name in ("application_id", "user_version"))
            if owner == APPLICATION_ID and version <= SCHEMA_VERSION:
                # Before the first access that makes files beside it.
                self._connection.execute("PRAGMA journal_mode = WAL")
                problems = self._connection.execute(
                    "PRAGMA quick_check(1)").fetchall()
                if problems != [("ok",)]:
                    # The first line may tell only which database it is.
                    raise sqlite3.DatabaseError(
                        problems[0][0].rpartition("\n")[2])
                self._check_tables()
        except sqlite3.OperationalError as error:
            hint = ("; is another Manager using it?"
                    if "locked" in str(error) else "")
            raise StateError(f"cannot use the state in {self.path!r}: {error}"
                             f"{hint}") from error
        except sqlite3.DatabaseError as error:
            raise _damaged(self.path, str(error)) from error
        if owner != APPLICATION_ID:
            raise StateError(
                f"{self.path!r} is a database of another program; name "
                "another directory")
        if version > SCHEMA_VERSION:
            raise DamagedState(
                f"the state in {self.path!r} is of a newer version of this "
                "program; start that one, or begin anew with --fresh")

    def _check_tables(self) -> None:
        """Raise sqlite3.DatabaseError if what every state has is not there."""
        tables = self._connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        if not {("meta",), ("facts",)} <= set(tables):
            raise sqlite3.DatabaseError("a table is missing")
        for name in NUMBERS:
            if not (self.get(name) or "0").isdecimal():
                raise sqlite3.DatabaseError(f"{name} is no number")
        if self.get("epoch") and self.get("id") is None:
            raise sqlite3.DatabaseError("its id is missing")

    def close(self) -> None:
        """Store what was added, if possible, and close the database."""
        with contextlib.suppress(sqlite3.Error):
            self.commit()
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    def get(self, name: str) -> str | None:
        """Return a value that `set` has stored; None if there is none."""
        row = self._connection.execute(
            "SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def set(self, **values: str) -> None:
        """Store some values; they are on the disk when this returns."""
        with self._transaction(durable=True):
            self._put(values)

    def _put(self, values: dict[str, str]) -> None:
        # As bytes: a directory may have a name that is not UTF-8.
        self._connection.executemany(
            "INSERT OR REPLACE INTO meta VALUES (?, CAST(? AS TEXT))",
            [(name, os.fsencode(value)) for name, value in values.items()])

    @contextlib.contextmanager
    def _transaction(self, durable: bool) -> Iterator[None]:
        # In a WAL, NORMAL means: no fsync at a commit. A process that is
        # killed loses nothing so; only a power failure does.
        level = "FULL" if durable else "NORMAL"
        self._connection.execute(f"PRAGMA synchronous = {level}")
        self._connection.execute("BEGIN")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        self._is_compact = False

    def read(self) -> dict[int, facts.Fact]:
        """Return all facts by their numbers, in their order.

        A JobAborted of the same job replaces a fact that can't be read.
        """
        return {number: _decode(number, job_id, kind, document)
                for number, job_id, kind, document in self._connection.execute(
                    "SELECT * FROM facts ORDER BY number")}

    def remove(self, numbers: Collection[int]) -> None:
        """Remove the facts with these numbers."""
        with self._transaction(durable=False):
            self._connection.executemany(
                "DELETE FROM facts WHERE number = ?",
                ((number,) for number in numbers))

    @property
    def due(self) -> float:
        """When what was added must be stored, by the monotonic clock."""
        return self._due

    @property
    def must_commit(self) -> bool:
        """Whether a fact must be on the disk before the next action."""
        return self._must_commit

    @property
    def pending(self) -> list[facts.Fact]:
        """The facts that were added, but not stored yet."""
        return self._pending

    def add(self, fact: facts.Fact) -> None:
        """Add a fact, which the next commit stores."""
        # A final fact that replaces a durable one must not be late, either.
        self._must_commit = self._must_commit or fact.durable
        if fact.final:
            # While the disk is full, the memory must not fill up as well.
            self._pending = [other for other in self._pending
                             if other.job_id != fact.job_id]
        if not self._pending:
            self._due = time.monotonic() + MAX_DELAY
        self._pending.append(fact)
        if len(self._pending) >= MAX_PENDING:
            self._due = time.monotonic()

    def commit(self) -> None:
        """Store what was added, all or nothing of it."""
        if not self._pending:
            return
        with self._transaction(self._must_commit):
            num_jobs = max(fact.job_id for fact in self._pending) + 1
            if num_jobs > int(self.get("num_jobs") or 0):
                self._put({"num_jobs": str(num_jobs)})
            for fact in self._pending:
                self._store(fact)
        self._pending = []
        self._due = float("inf")
        self._must_commit = False

    def _store(self, fact: facts.Fact) -> None:
        if fact.final:
            self._connection.execute(
                "DELETE FROM facts WHERE job_id = ?", (fact.job_id,))
        if not isinstance(fact, facts.JobForgotten):
            self._connection.execute(
                "INSERT INTO facts (job_id, kind, document) VALUES (?, ?, ?)",
                (fact.job_id, type(fact).__name__,
                 codec.dump(fact).decode()))

    def compact(self) -> None:
        """Make the files of the database small, if anything was stored."""
        if self._is_compact:
            return
        with contextlib.suppress(sqlite3.Error):
            # Not by execute, which would give back only one page.
            self._connection.executescript(
                f"PRAGMA incremental_vacuum({VACUUM_PAGES})")
            self._connection.execute(
                "PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            [free] = self._connection.execute(
                "PRAGMA freelist_count").fetchone()
            self._is_compact = not free


def _damaged(path: str, reason: str) -> DamagedState:
    return DamagedState(
        f"the state in {path!r} is damaged ({reason}); bring back a copy of "
        "it, or begin anew with --fresh")


def _check_no_rest(path: str) -> None:
    """Raise DamagedState if a database is missing, but not its WAL."""
    # A database that was closed and then removed leaves none.
    with contextlib.suppress(FileNotFoundError):
        if os.path.getsize(f"{path}-wal"):
            raise _damaged(path, "its last changes are there, but not itself")


def _create(path: str) -> None:
    """Make an empty database, which gets its name when it is complete."""
    new = path + ".new"
    # Of a Manager that was killed meanwhile.
    for leftover in (new, f"{new}-journal", f"{path}-wal", f"{path}-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(leftover)
    os.close(os.open(new, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
    with contextlib.closing(sqlite3.connect(new)) as connection:
        connection.executescript(SCHEMA)
    os.rename(new, path)
    sync_directory(os.path.dirname(path))


def _connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    # Before the first access: then no memory is shared through a file, which
    # some file systems can't do, and another Manager is refused.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.text_factory = os.fsdecode
    return connection


def sync_directory(path: str) -> None:
    """Make sure that the names in a directory are on the disk."""
    descriptor = os.open(path or os.curdir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _decode(number: int, job_id: int, kind: str, document: str) -> facts.Fact:
    try:
        return build(
            facts.CLASSES[kind], codec.parse_trusted(document.encode()))
    except (KeyError, ProtocolError, AttributeError, UnicodeError) as error:
        LOGGER.error("Cannot read fact %d of job %d, a %s: %s",
                     number, job_id, kind, error)
        return facts.JobAborted(
            job_id, JobState.FAILED, None, UNREADABLE, False)


def remove_database(path: str) -> None:
    """Remove a database and the files beside it."""
    for name in (path, f"{path}-wal", f"{path}-shm", f"{path}-journal"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
