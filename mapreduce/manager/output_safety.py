"""Find the input of a job; check what it uses, and what it may replace.

This module only looks; manager/storage makes and removes directories. The
rules protect a user from a wrong --output, such as the home directory.
"""
from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Iterator

from mapreduce.manager.scheduling.plan import TooManySplits, divide
from mapreduce.protocol import layout
from mapreduce.protocol.extensions import ExtendedJobMessage
from mapreduce.protocol.fields import Split
from mapreduce.system import commands, inputs, outputs
from mapreduce.system.line_ranges import line_ranges

# The directories of the Filesystem Hierarchy Standard.
SYSTEM_DIRECTORIES = (
    "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/media", "/mnt", "/opt",
    "/proc", "/root", "/run", "/sbin", "/srv", "/sys", "/tmp", "/usr", "/var")


class StorageError(Exception):
    """A job can't use its directories; the text is for the user."""


@dataclasses.dataclass(frozen=True)
class Inputs:
    """The input of a job, after its names and patterns were resolved."""

    files: list[str]
    directories: list[str]

    @property
    def locations(self) -> set[str]:
        """The directories of the input, and those of its single files."""
        return {*self.directories, *(
            os.path.dirname(path) or os.curdir for path in self.files)}


def find_inputs(
    names: list[str], rules: inputs.Rules = inputs.Rules()
) -> Inputs:
    """Return the input for names and patterns, or raise StorageError."""
    try:
        return Inputs(
            inputs.list_inputs(names, rules),
            inputs.list_directories(names))
    except inputs.InputError as error:
        raise StorageError(str(error)) from error


def check_placed(submission: ExtendedJobMessage) -> None:
    """Raise StorageError if a file that tasks are to find does not exist."""
    missing = []
    for path, _ in (*(submission.files or ()), *(submission.archives or ())):
        try:
            os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            missing.append(f"there is no file {path!r} for the tasks"
                           f"{inputs.place_of(path)}")
        except OSError:  # A Worker of another user may be able to read it.
            pass
    if missing:
        raise StorageError("\n".join(missing))


def check_output(
    submission: ExtendedJobMessage, found: Inputs, shared_directory: str
) -> None:
    """Raise StorageError if replacing the output directory could do harm."""
    output = submission.output_directory
    # Otherwise it would stand for the working directory.
    if not output:
        raise StorageError("the output directory has an empty name")
    if submission.no_clobber and os.path.lexists(output):
        raise StorageError(f"the output directory {output!r} exists already; "
                           "name another one, or remove it")
    _check_kind(output)
    refusal = f"the output directory {output!r} is not replaced: it is "
    for name, location in _protected_paths(
            submission, found, shared_directory):
        if _is_within(location, output):
            raise StorageError(f"{refusal}or holds {name}")
    for directory in found.directories:
        if _is_within(output, directory):
            raise StorageError(f"{refusal}inside the input directory")
    if _is_within(output, shared_directory):
        raise StorageError(f"{refusal}inside the shared directory")
    # The link may lie elsewhere, but its target must not be deleted either.
    for path in filter(os.path.islink, found.files):
        if _is_within(path, output):
            raise StorageError(f"{refusal}where the input {path!r} leads")
    check_content(submission, output)


def _check_kind(output: str) -> None:
    refusal = f"the output directory {output!r} is not replaced: it is "
    # Without normpath, the trailing slash of "link/" would hide the link.
    if os.path.islink(os.path.normpath(output)):
        raise StorageError(refusal + "a symbolic link")
    if os.path.lexists(output) and not os.path.isdir(output):
        raise StorageError(refusal + "no directory")
    if os.path.ismount(output):
        raise StorageError(refusal + "a mount point")


def check_content(submission: ExtendedJobMessage, path: str) -> None:
    """Raise StorageError unless a job may replace what a directory holds.

    The path is that of the output directory, or the one that it was moved to.
    """
    if not submission.keep_old or submission.overwrite:
        return
    try:
        outputs.check_replaceable(path, submission.output_directory)
    except outputs.OutputError as error:
        raise StorageError(str(error)) from error


def _protected_paths(
    submission: ExtendedJobMessage, found: Inputs, shared_directory: str
) -> Iterator[tuple[str, str]]:
    """Iterate over what must not be deleted: a description and a path."""
    # These may also be deep within the output directory, which would be
    # deleted with everything in it.
    yield "the working directory", os.curdir
    for path in found.directories:
        yield "the input directory", path
    for path in (*submission.input_paths, *found.locations):
        yield "the input", path
    for name, command in (
            ("mapper", submission.mapper_executable),
            ("reducer", submission.reducer_executable),
            ("combiner", submission.combiner),
            ("partitioner", submission.partitioner)):
        for word in _files_of(command):
            yield f"the {name}", word
    for path, _ in (*(submission.files or ()), *(submission.archives or ())):
        yield "a file for the tasks", path
    yield "the shared directory", shared_directory
    yield "the home directory", os.path.expanduser("~")
    for path in SYSTEM_DIRECTORIES:
        yield "a directory of the system", path
    yield "this program", __file__
    yield "this program's Python", sys.prefix


def _files_of(command: str | None) -> list[str]:
    """Return the command, which may be a path, and its words that are files.

    For "python3 map.py", the script is one of them.
    """
    if not command:
        return []
    try:
        return [command, *filter(os.path.isfile, commands.words(command))]
    except ValueError:  # The task will fail with this error, and report it.
        return [command]


def check_state(
    submission: ExtendedJobMessage, found: Inputs, state_directory: str
) -> None:
    """Raise StorageError if a job would use where its Manager's state is."""
    for path in (submission.output_directory, submission.keep_intermediate,
                 submission.logs, submission.cache):
        if path is not None and (_is_within(state_directory, path)
                                 or _is_within(path, state_directory)):
            raise StorageError(
                f"the directory {path!r} is not used: it is, holds or is in "
                "the state directory of the Manager")
    state = os.path.realpath(state_directory)
    for path in sorted(found.locations):
        if os.path.commonpath([os.path.realpath(path), state]) == state:
            raise StorageError(
                f"the input in {path!r} is not read: that is in the state "
                "directory of the Manager")


def check_kept(
    kept: str, output: str, found: Inputs, shared_directory: str,
    what: str = "the map output is",
) -> None:
    """Raise StorageError if keeping files in `kept` could do harm.

    `what` is the subject of the error, with its verb.
    """
    refusal = f"{what} not kept in {kept!r}: that is in "
    if _is_within(kept, output):
        raise StorageError(refusal + "the output directory")
    if _is_within(kept, shared_directory):
        raise StorageError(refusal + "the shared directory")
    # Old files in that directory are removed; they may be this job's input.
    if os.path.realpath(kept) in map(os.path.realpath, found.locations):
        raise StorageError(
            f"{what} not kept in {kept!r}: there is the input")


def check_apart(cache: str, directories: list[str]) -> None:
    """Raise StorageError if a cache is in, or holds, another directory."""
    for directory in directories:
        if _is_within(cache, directory) or _is_within(directory, cache):
            raise StorageError(f"the cache {cache!r} and the directory "
                               f"{directory!r} must not lie in each other")


def _is_within(path: str, directory: str) -> bool:
    """Return whether a path is the directory or lies in it.

    That holds for the path as it is written, and for where its links lead:
    deleting the directory would break both.
    """
    # By components, not by startswith: /database is not within /data.
    return any(
        os.path.commonpath([location, holder]) == holder
        for location in _locations(path) for holder in _locations(directory))


def _locations(path: str) -> set[str]:
    """Return three absolute forms of a path.

    Without following links, following all, and all except the last.
    """
    path = os.path.abspath(path)
    parent, name = os.path.split(path)
    return {path, os.path.realpath(path),
            os.path.join(os.path.realpath(parent), name)}


def make_splits(
    submission: ExtendedJobMessage, input_paths: list[str]
) -> list[Split]:
    """Return the splits of the input of a job: whole files or ranges.

    Files are read only for lines_per_map. Raises StorageError with a reason
    for the user.
    """
    size = submission.split_size
    try:
        if submission.lines_per_map is not None:
            return _splits_of_lines(submission, input_paths)
        if size is None:
            return list(map(Split, input_paths))
        sizes = {path: _size(path, bool(submission.skip_bad_inputs))
                 for path in input_paths}
        return divide(sizes, input_paths, size)
    except OSError as error:
        raise StorageError(f"cannot read the input {error.filename!r}: "
                           f"{error.strerror}") from error
    except TooManySplits as error:
        raise StorageError(
            f"--split-size is too small: more than {layout.MAX_TASKS} "
            f"ranges of {size} bytes") from error


def _splits_of_lines(
    submission: ExtendedJobMessage, input_paths: list[str]
) -> list[Split]:
    """Return a split for each lines_per_map lines; none for empty files."""
    assert submission.lines_per_map is not None
    splits: list[Split] = []
    for path in input_paths:
        # A compressed file can't be read from the middle. One that is to be
        # left out is named by the Worker that fails to read it.
        if (submission.decompress and layout.is_compressed(path)
                or submission.skip_bad_inputs and not _opens(path)):
            splits.append(Split(path))
            continue
        for bounds in line_ranges(path, submission.lines_per_map):
            splits.append(Split(path, *bounds))
            if len(splits) > layout.MAX_TASKS:
                raise StorageError(
                    "--lines-per-map is too small: the input would have more "
                    f"than {layout.MAX_TASKS} map tasks")
    return splits


def _opens(path: str) -> bool:
    """Return whether a file can be opened for reading."""
    try:
        with open(path, "rb"):
            return True
    except OSError:
        return False


def _size(path: str, may_be_bad: bool) -> int:
    """Return the size of a file in bytes; 0 for a bad one, if it may be."""
    try:
        return os.path.getsize(path)
    except OSError:
        if may_be_bad:
            return 0
        raise
