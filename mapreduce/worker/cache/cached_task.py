"""Take the output of a map task from a cache, or put it there.

When in doubt, the mapper runs: a cache that can't be used, or an entry that is
damaged or gone, never fails a task.
"""
from __future__ import annotations

import contextlib
import logging
import os
import shutil
from collections.abc import Iterable

from mapreduce.protocol import layout
from mapreduce.protocol.extensions import ExtendedMapTaskMessage
from mapreduce.protocol.fields import MAX_NAME
from mapreduce.system.map_cache import Cache, CacheError, Damaged, Manifest
from mapreduce.worker.cache.identities import Identities, Uncertain
from mapreduce.worker.cache.key import HIDDEN, difference, facts_of, key_of
from mapreduce.worker.errors import TaskError
from mapreduce.worker.output import OutputDirectory
from mapreduce.worker.processes.executor import Executor
from mapreduce.worker.processes.reporter import CounterError

LOGGER = logging.getLogger(__name__)

STDERR = "stderr"  # the file of an entry with all standard error


class CachedTask:
    """A map task whose output may be in a cache."""

    def __init__(
        self, task: ExtendedMapTaskMessage, executor: Executor, cache: str
    ) -> None:
        """Find the key of a task, in the directory in which it will run.

        Raises CacheError, Uncertain, TaskError or OSError.
        """
        self._task = task
        self._executor = executor
        self._cache = Cache(cache)
        self._check = executor.launcher.interruption.check
        identities = self._identities()
        self._facts = facts_of(task, executor, identities)
        self._key = key_of(self._facts)
        self._is_young = identities.is_young

    def _identities(self) -> Identities:
        return Identities(bool(self._task.cache_by_content), self._check)

    def fetch(self, output: OutputDirectory, unique: str) -> bool:
        """Put the files of the task into its output directory.

        Return whether the cache had them. `unique` makes names unique.
        """
        try:
            manifest = self._cache.read(self._key)
            if manifest is None:
                return False
            self._adopt(manifest, output, unique)
        # A file is missing, or another process removes the entry just now.
        except (Damaged, FileNotFoundError):
            LOGGER.warning("Removed the entry %s of the cache: it is damaged",
                           self._key)
            with contextlib.suppress(OSError):
                self._cache.remove(self._key)
            return False
        except OSError as error:
            LOGGER.warning("Cannot use the cache: %s", error)
            return False
        self._cache.touch(self._key)
        for group, counters in manifest.counters.items():
            for name, amount in counters.items():
                self._executor.count(group, name, amount)
        _count(self._executor, layout.RECORDS, layout.FROM_CACHE)
        return True

    def _adopt(
        self, manifest: Manifest, output: OutputDirectory, unique: str
    ) -> None:
        paths = self._cache.files(self._key, manifest)
        if self._task.logs is not None:
            stderr = paths.pop(STDERR)
            with open(stderr, "rb") as file:
                manifest.check(STDERR, file, self._check)
        output.adopt(
            {layout.map_output(self._task.task_id, partition): paths[name]
             for partition, name in enumerate(
                 _names(self._task.num_partitions))},
            unique, lambda path, file: manifest.check(
                os.path.basename(path), file, self._check))
        if self._task.logs is not None:
            shutil.copyfile(stderr, self._task.logs)

    def keep(self, paths: list[str]) -> None:
        """Store the files of the task, which has just been done.

        They are in the order of the partitions, and must not be written again.
        """
        try:
            if self._is_young:
                raise Uncertain("an input, or a large program, was changed "
                                "less than 2 s before")
            if changed := difference(self._facts, facts_of(
                    self._task, self._executor, self._identities())):
                raise Uncertain(f"{changed} changed while the task ran")
            self._store(paths)
        except (Uncertain, TaskError, OSError) as error:
            note(self._executor, error)

    def _store(self, paths: list[str]) -> None:
        task = self._task
        self._cache.store(
            self._key, dict(zip(_names(len(paths)), paths)),
            {} if task.logs is None else {STDERR: task.logs},
            {"input": ", ".join(map(repr, task.splits)),
             "mapper": task.executable, "counters": self._executor.counters},
            self._check)


def _names(num_partitions: int) -> Iterable[str]:
    return (f"part{number:05d}" for number in range(num_partitions))


def open_cache(
    task: ExtendedMapTaskMessage, executor: Executor
) -> CachedTask | None:
    """Return a task with its cache; None if it has none, or can't use it."""
    # A mapper that has died on lines of its input may do so elsewhere now.
    if task.cache is None or not task.num_partitions or task.skip_bad_records:
        return None
    environment = executor.environment
    environment.hidden = HIDDEN
    try:
        return CachedTask(task, executor, task.cache)
    except (CacheError, Uncertain, TaskError, OSError) as error:
        environment.hidden = ()
        note(executor, error)
        return None


def note(executor: Executor, error: Exception) -> None:
    """Count why the output of a task is not in the cache afterwards."""
    reason = str(error)
    if isinstance(error, OSError):
        reason = f"cannot use the cache: {error.strerror}"
    LOGGER.warning("Not cached: %s", reason)
    _count(executor, layout.NOT_CACHED, reason[:MAX_NAME])


def _count(executor: Executor, group: str, name: str) -> None:
    # A task with as many counters as it may have can't have one more.
    with contextlib.suppress(CounterError):
        executor.count(group, name)
