"""Take over the files of the job that ran when its Manager was interrupted.

The map output is moved into the job's directory of this start. A Worker that
still does a task of an earlier start has that start's directory open, so what
it moves there late can't get into this one.
"""
from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import shutil
from collections.abc import Iterator, Sequence

from mapreduce.manager.replacement import (
    identity_of,
    undo_publication,
    undo_replacement,
)
from mapreduce.manager.scheduling import facts, restoration
from mapreduce.manager.storage import Storage
from mapreduce.protocol import layout
from mapreduce.protocol.extensions import ExtendedJobMessage
from mapreduce.protocol.status import JobState, Stage

LOGGER = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Place:
    """Where the files of jobs are."""

    storage: Storage  # of this start
    old_directories: Sequence[str]  # the shared directories of earlier ones
    owner: str  # the id of the state
    # Whether the machine was started anew. Then nothing that Workers wrote is
    # on the disk for sure.
    other_boot: bool


@dataclasses.dataclass(frozen=True)
class _Interrupted:
    """The job that ran, and how far it was."""

    submission: ExtendedJobMessage
    planned: facts.JobPlanned | None = None
    over: bool = False
    ended: bool = False
    published: bool = False


def take_over(
    known: Sequence[facts.Fact], place: Place
) -> tuple[list[facts.Fact], str | None]:
    """Return the facts that still hold, and why the running job can't go on.

    That is None if it can. Raises OSError if its directory can't be made.
    """
    job = _interrupted(known)
    if job is None:
        return list(known), None
    planned = job.planned
    if planned is None:
        undo_replacement(job.submission, place.owner)
        return list(known), None
    # Also if that could not be stored, because the disk was full.
    if planned.output_directory is not None and not job.over:
        undo_publication(job.submission, planned.result_directory,
                         planned.identity)
    place.storage.adopt(
        planned.job_id, job.submission, planned.output_directory)
    if not _is_same(planned, place.other_boot) and not (
            job.ended and job.published):
        return list(known), (
            f"the output directory {job.submission.output_directory!r} was "
            "replaced while the Manager was away")
    if job.over:
        return list(known), None
    outputs = MapOutputs(place.old_directories, planned)
    kept = restoration.prune(known, lambda fact: (
        not place.other_boot and outputs.size_of(fact) == fact.size))
    outputs.move(kept, place.storage.job_directory(planned.job_id))
    return kept, None


def abandon(known: Sequence[facts.Fact], owner: str) -> None:
    """Remove what the running job has beside its output directory.

    An old result that has lost its name gets it back.
    """
    job = _interrupted(known)
    if job is not None:
        with contextlib.suppress(OSError):
            undo_replacement(job.submission, owner)


def _interrupted(known: Sequence[facts.Fact]) -> _Interrupted | None:
    started = restoration.running(known)
    if started is None:
        return None
    job: _Interrupted | None = None
    for fact in known:
        if fact.job_id != started.job_id:
            continue
        if isinstance(fact, facts.JobAccepted):
            job = _Interrupted(fact.submission)
        elif job:
            job = _after(fact, job)
    return job


def _after(fact: facts.Fact, job: _Interrupted) -> _Interrupted:
    match fact:
        case facts.JobPlanned():
            return dataclasses.replace(job, planned=fact)
        case facts.StateReached(_, JobState.PUBLISHING):
            return dataclasses.replace(job, published=True)
        case facts.JobAborted():
            return dataclasses.replace(job, over=True)
        case facts.JobEnded():
            return dataclasses.replace(job, over=True, ended=True)
    return job


def _is_same(planned: facts.JobPlanned, other_boot: bool) -> bool:
    """Return whether the result directory is the one that was made."""
    found = identity_of(planned.result_directory)
    # A device may have another number after the machine was started anew.
    first = 1 if other_boot else 0
    return bool(found) and found[first:] == planned.identity[first:]


class MapOutputs:
    """The files of the tasks of one job, in the directories of all starts."""

    def __init__(
        self, directories: Sequence[str], planned: facts.JobPlanned
    ) -> None:
        """List the directories once, however many files there are."""
        self._planned = planned
        self._paths: dict[str, str] = {}
        for directory in directories:
            path = os.path.join(
                directory, layout.job_directory(planned.job_id))
            self._list(path, "")
            self._list(path, f"{layout.BACKUPS}/")

    def _list(self, directory: str, prefix: str) -> None:
        try:
            with os.scandir(os.path.join(directory, prefix)) as entries:
                self._paths.update(
                    (f"{prefix}{entry.name}", entry.path)
                    for entry in entries)
        except FileNotFoundError:
            pass

    def _path(self, fact: facts.TaskDone, name: str) -> str | None:
        # The files of a backup attempt are moved at the end of the stage.
        moved = self._paths.get(name)
        return (self._paths.get(f"{layout.BACKUPS}/{name}", moved)
                if fact.by_backup else moved)

    def size_of(self, fact: facts.TaskDone) -> int | None:
        """Return the size of the files of a task; None if one is missing."""
        planned = self._planned
        if fact.stage is Stage.REDUCE or not planned.num_partitions:
            return size_of(fact, planned, "")
        paths = [self._path(fact, name) for name in _names(fact, planned)]
        return _total(path for path in paths) if all(paths) else None

    def move(self, known: Sequence[facts.Fact], directory: str) -> None:
        """Move the files of map tasks that are done into a directory."""
        for fact in known:
            if (isinstance(fact, facts.TaskDone)
                    and fact.job_id == self._planned.job_id
                    and fact.stage is Stage.MAP
                    and self._planned.num_partitions):
                for name in _names(fact, self._planned):
                    place = os.path.join(directory, name)
                    # Another --shared_dir may be on another file system.
                    # What is copied only in part has not the size that the
                    # fact tells, if the Manager dies here.
                    shutil.move(self._path(fact, name) or place, place)
                    # Facts of several attempts may name it.
                    self._paths[name] = place
                    self._paths.pop(f"{layout.BACKUPS}/{name}", None)


def size_of(
    fact: facts.TaskDone, planned: facts.JobPlanned, job_directory: str
) -> int | None:
    """Return the size of the files of a task; None if one is missing."""
    directory = planned.result_directory
    if fact.stage is Stage.MAP and planned.num_partitions:
        directory = (os.path.join(job_directory, layout.BACKUPS)
                     if fact.by_backup else job_directory)
    return _total(
        os.path.join(directory, name) for name in _names(fact, planned))


def _names(
    fact: facts.TaskDone, planned: facts.JobPlanned
) -> Iterator[str]:
    partitions = 0 if fact.stage is Stage.REDUCE else planned.num_partitions
    return layout.task_files(fact.task_id, partitions, planned.compress)


def _total(paths: Iterator[str | None]) -> int | None:
    try:
        return sum(os.lstat(path or "").st_size for path in paths)
    except OSError:
        return None
