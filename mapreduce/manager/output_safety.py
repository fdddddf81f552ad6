"""What a job may replace: nothing that its user would miss."""
from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Iterator

from mapreduce.protocol.extensions import ExtendedJobMessage
from mapreduce.system import commands, inputs


class StorageError(Exception):
    """A job can't run on these directories; the text says why."""


@dataclasses.dataclass(frozen=True)
class Inputs:
    """What a job reads, as the names that its user gave were understood."""

    files: list[str]
    directories: list[str]

    @property
    def places(self) -> set[str]:
        """The directories that hold the files, and those that were named."""
        return {*self.directories, *(
            os.path.dirname(path) or os.curdir for path in self.files)}


def find_inputs(names: list[str]) -> Inputs:
    """Return what is meant by names, or raise StorageError."""
    try:
        return Inputs(
            inputs.list_inputs(names), inputs.list_directories(names))
    except inputs.InputError as error:
        raise StorageError(str(error)) from error


def check_output(
    submission: ExtendedJobMessage, found: Inputs, shared_directory: str
) -> None:
    """Raise StorageError where replacing the output could do harm."""
    output = submission.output_directory
    if not output:
        raise StorageError("the output directory has an empty name")
    if submission.no_clobber and os.path.lexists(output):
        raise StorageError(f"the output directory {output!r} exists already; "
                           "name another one, or remove it")
    refusal = f"the output directory {output!r} is not replaced: it is "
    if os.path.islink(os.path.normpath(output)):
        raise StorageError(refusal + "a symbolic link")
    if os.path.lexists(output) and not os.path.isdir(output):
        raise StorageError(refusal + "no directory")
    if os.path.ismount(output):
        raise StorageError(refusal + "a mount point")
    for name, place in _protected_paths(submission, found, shared_directory):
        if _is_within(place, output):
            raise StorageError(f"{refusal}or holds {name}")
    for directory in found.directories:
        if _is_within(output, directory):
            raise StorageError(f"{refusal}inside the input directory")
    if _is_within(output, shared_directory):
        raise StorageError(f"{refusal}inside the shared directory")
    for path in filter(os.path.islink, found.files):
        if _is_within(path, output):
            raise StorageError(f"{refusal}where the input {path!r} leads")


def _protected_paths(
    submission: ExtendedJobMessage, found: Inputs, shared_directory: str
) -> Iterator[tuple[str, str]]:
    """Iterate over what must not be deleted: what it is, and its path."""
    yield "the working directory", os.curdir
    for path in found.directories:
        yield "the input directory", path
    for path in (*submission.input_paths, *found.places):
        yield "the input", path
    for name, command in (
            ("mapper", submission.mapper_executable),
            ("reducer", submission.reducer_executable),
            ("combiner", submission.combiner),
            ("partitioner", submission.partitioner)):
        for word in _files_of(command):
            yield f"the {name}", word
    yield "the shared directory", shared_directory
    yield "the home directory", os.path.expanduser("~")
    yield "this program", __file__
    yield "this program's Python", sys.prefix


def _files_of(command: str | None) -> list[str]:
    """Return the paths that are named by a command, itself among them."""
    if not command:
        return []
    try:
        return [command, *filter(os.path.isfile, commands.words(command))]
    except ValueError:  # The Worker will tell.
        return [command]


def check_kept(
    kept: str, output: str, found: Inputs, shared_directory: str
) -> None:
    """Raise StorageError where map output that is kept could do harm."""
    refusal = f"the map output is not kept in {kept!r}: that is in "
    if _is_within(kept, output):
        raise StorageError(refusal + "the output directory")
    if _is_within(kept, shared_directory):
        raise StorageError(refusal + "the shared directory")
    # Old map output is removed there; it may be the input of this job.
    if os.path.realpath(kept) in map(os.path.realpath, found.places):
        raise StorageError(
            f"the map output is not kept in {kept!r}: there is the input")


def _is_within(path: str, directory: str) -> bool:
    """Tell whether a path is a directory or lies in it.

    It does if it goes through the directory, and if it leads there by links.
    """
    return any(
        os.path.commonpath([place, holder]) == holder
        for place in _places(path) for holder in _places(directory))


def _places(path: str) -> set[str]:
    """Return where a path is: links followed, not, and all but the last."""
    path = os.path.abspath(path)
    parent, name = os.path.split(path)
    return {path, os.path.realpath(path),
            os.path.join(os.path.realpath(parent), name)}
