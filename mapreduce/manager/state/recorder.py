"""Keep the facts of a running Manager, also while its disk is full.

`Recorder` does the same as `NoRecorder` for a Manager without a state: the
Manager calls it between the actions of the Scheduler, in its main thread.
"""
from __future__ import annotations

import contextlib
import dataclasses
import logging
import sqlite3
import time
from collections.abc import Iterator

from mapreduce.manager.scheduling import events, facts
from mapreduce.manager.scheduling.restoration import Restart, summary
from mapreduce.manager.scheduling.scheduler import Scheduler
from mapreduce.manager.state import recovery
from mapreduce.manager.state.directory import StateDirectory
from mapreduce.manager.state.journal import Journal
from mapreduce.manager.storage import Storage
from mapreduce.protocol import layout
from mapreduce.protocol.status import ManagerStatus
from mapreduce.system import scratch

LOGGER = logging.getLogger(__name__)


class NoRecorder:
    """Keeps nothing: the jobs of the Manager end with it."""

    status: ManagerStatus | None = None  # for clients

    @contextlib.contextmanager
    def shared_directory(self) -> Iterator[str]:
        """Make the directory for the files of jobs, and remove it."""
        with scratch.directory(layout.SHARED_DIRECTORY_PREFIX) as path:
            yield path

    def restore(self, scheduler: Scheduler, storage: Storage) -> bool:
        """Restore what an earlier Manager kept; return whether it may."""
        del scheduler, storage
        return False

    @property
    def due(self) -> float:
        """When `store` must be called at the latest."""
        return float("inf")

    @property
    def owner(self) -> str:
        """The id of the state, which owns the directories of jobs."""
        return ""

    @property
    def directory(self) -> str:
        """The directory of the state."""
        return ""

    @property
    def cluster_id(self) -> str:
        """The id of the cluster that tasks see."""
        return ""

    def add(self, fact: facts.Fact) -> None:
        """Keep a fact, at the latest when it is due."""

    def store(self) -> list[events.JobBlocked]:
        """Store what must be on the disk now; return what that refuses."""
        return []

    def tick(self) -> None:
        """Do what must be done every second."""

    def end(self) -> None:
        """Remove what was kept: the Manager was shut down."""


class Recorder(NoRecorder):
    """Keeps facts in the journal of a state directory."""

    def __init__(self, state: StateDirectory) -> None:
        """Keep the state; touch no file yet."""
        self._state = state
        self._scheduler = Scheduler()
        self._storage = Storage("")
        self._planned: facts.JobPlanned | None = None
        self._is_idle = True
        self._other_boot = False
        self.status: ManagerStatus = ManagerStatus(
            time.strftime("%Y-%m-%dT%H:%M:%S%z"), 0)

    @property
    def due(self) -> float:
        """When `store` must be called at the latest."""
        return self._journal.due if self._problem is None else float("inf")

    @property
    def owner(self) -> str:
        """The id of the state, which owns the directories of jobs."""
        return self._state.owner

    @property
    def directory(self) -> str:
        """The directory of the state."""
        return self._state.path

    @property
    def cluster_id(self) -> str:
        """The id of the cluster that tasks see."""
        return self._state.cluster_id

    @property
    def _journal(self) -> Journal:
        return self._state.journal

    @property
    def _problem(self) -> str | None:
        return self.status.problem

    @contextlib.contextmanager
    def shared_directory(self) -> Iterator[str]:
        """Begin a start of the state; yield its directory, which stays."""
        self._other_boot = self._state.begin()
        yield self._state.shared_directory

    def restore(self, scheduler: Scheduler, storage: Storage) -> bool:
        """Restore what an earlier Manager kept; return whether it may."""
        self._scheduler, self._storage = scheduler, storage
        known = self._state.known()
        kept, obstacle = recovery.take_over(
            list(known.values()), recovery.Place(
                storage, self._state.old_directories(), self.owner,
                self._other_boot))
        # By identity, since two facts may have the same content.
        ids = set(map(id, kept))
        self._journal.remove([
            number for number, fact in known.items() if id(fact) not in ids])
        self._state.remove_old()
        for fact in kept:
            self._note_plan(fact)
        interruptions = self._state.count_start()
        scheduler.restore(kept, Restart(
            self._state.cluster_id, storage.job_directory,
            self._state.epoch - 1,
            int(self._journal.get("num_jobs") or 0), obstacle),
            time.monotonic())
        self.status = dataclasses.replace(
            self.status, interruptions=interruptions)
        self._log(interruptions)
        return True

    def _log(self, interruptions: int) -> None:
        LOGGER.info("Keep the state in %s", self._state.path)
        if interruptions:
            LOGGER.info(
                "Interruptions of the Manager so far: %d; %s",
                interruptions, "; ".join(summary(
                    self._scheduler.jobs, time.monotonic())))

    def add(self, fact: facts.Fact) -> None:
        """Keep a fact, at the latest when it is due."""
        self._is_idle = False
        self._note_plan(fact)
        if isinstance(fact, facts.TaskDone):
            assert self._planned
            size = recovery.size_of(
                fact, self._planned,
                self._storage.job_directory(fact.job_id))
            # A file is missing: the check of the stage finds that, too.
            if size is None:
                return
            fact = dataclasses.replace(fact, size=size)
        self._journal.add(fact)

    def _note_plan(self, fact: facts.Fact) -> None:
        if isinstance(fact, facts.JobPlanned):
            self._planned = fact

    def store(self) -> list[events.JobBlocked]:
        """Store what must be on the disk now; return what that refuses."""
        if self._problem is None and (
                self._journal.must_commit
                or self._journal.due <= time.monotonic()):
            return self._commit()
        return []

    def _commit(self) -> list[events.JobBlocked]:
        try:
            self._journal.commit()
        except sqlite3.Error as error:
            return self._refuse(
                "the Manager cannot store jobs in "
                f"{self._state.path!r}: {error}; submit it again later")
        self._set_problem(None)
        return []

    def _refuse(self, reason: str) -> list[events.JobBlocked]:
        is_new = self._problem is None
        self._set_problem(reason)
        if not is_new:
            return []
        LOGGER.error("New jobs are refused, others go on in memory: %s",
                     reason)
        return [events.JobBlocked(fact.job_id, reason)
                for fact in self._journal.pending
                if isinstance(fact, facts.JobAccepted)]

    def _set_problem(self, problem: str | None) -> None:
        if self._problem and problem is None:
            LOGGER.info("Jobs are stored and accepted again")
        self._scheduler.jobs.refusal = problem
        self.status = dataclasses.replace(self.status, problem=problem)

    def tick(self) -> None:
        """Do what must be done every second."""
        self._state.touch()
        if self._problem is not None:
            self._commit()
        elif self._is_idle and not self._journal.pending:
            self._journal.compact()
        self._is_idle = True

    def end(self) -> None:
        """Remove what was kept: the Manager was shut down."""
        self._state.note_end()
        self._storage.remove_all()
        try:
            self._state.end()
        except OSError as error:
            LOGGER.error("Cannot remove the state in %s: %s",
                         self._state.path, error)
