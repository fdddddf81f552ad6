"""Keep map output and logs of a job in directories of its user."""
from __future__ import annotations

import contextlib
import os
import shutil

from mapreduce.manager.output_safety import (
    Inputs,
    StorageError,
    check_apart,
    check_kept,
)
from mapreduce.protocol import layout
from mapreduce.protocol.extensions import ExtendedJobMessage
from mapreduce.system import map_cache


def make_kept_directory(kept: str | None) -> None:
    """Make the directory, if any, in which a user wants the map output.

    Raises StorageError with a reason for the user.
    """
    if kept is None:
        return
    try:
        os.makedirs(kept, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"cannot make the directory {kept!r} for the map output: "
            f"{error.strerror}") from error


def keep_map_output(job_directory: str, kept: str) -> None:
    """Copy the map output of a job into a directory, and remove an older one.

    Other files in the directory are left. Raises StorageError with a reason
    for the user, and then no hidden file is left.
    """
    try:
        _keep_map_output(job_directory, kept)
    except OSError as error:
        raise StorageError(f"cannot keep the map output in {kept!r}: "
                           f"{error.strerror or error}") from error


def _keep_map_output(job_directory: str, kept: str) -> None:
    names = [name for name in os.listdir(job_directory)
             if layout.is_map_output(name)]
    hidden = {name: os.path.join(kept, layout.partial_output(name, "kept"))
              for name in names}
    try:
        for name, path in hidden.items():
            _link(os.path.join(job_directory, name), path)
        # Only now, when the new output is complete: a full disk must not
        # cost the user the old one.
        for name in filter(layout.is_map_output, os.listdir(kept)):
            os.remove(os.path.join(kept, name))
        for name, path in hidden.items():
            os.replace(path, os.path.join(kept, name))
    except BaseException:  # also by a signal: no hidden file may stay
        for path in hidden.values():
            _remove_file(path)
        raise


def _link(source: str, target: str) -> None:
    """Give a file a second name, or copy it."""
    _remove_file(target)  # A killed Manager may have left it.
    try:
        os.link(source, target)
    except OSError:  # Another file system, or one without hard links.
        shutil.copyfile(source, target)


def _remove_file(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.remove(path)


def check_places(
    submission: ExtendedJobMessage, found: Inputs, shared_directory: str
) -> None:
    """Raise StorageError if files can't be kept where their user wants them.

    Nothing is made here.
    """
    output, cache = submission.output_directory, submission.cache
    for kept, what in (
            (submission.keep_intermediate, "the map output is"),
            (submission.logs, "the logs are"), (cache, "the cache is")):
        if kept is not None:
            check_kept(kept, output, found, shared_directory, what)
    if cache is None:
        return
    check_apart(cache, [*found.directories, *filter(None, [
        output, submission.logs, submission.keep_intermediate])])
    try:
        map_cache.check(cache)
    except map_cache.CacheError as error:
        raise StorageError(str(error)) from error


def prepare_logs(logs: str | None) -> None:
    """Make the directory, if any, and remove what an older job left there.

    Other files stay. Raises StorageError with a reason for the user.
    """
    if logs is None:
        return
    try:
        os.makedirs(logs, exist_ok=True)
        for name in filter(layout.parse_stderr_log, os.listdir(logs)):
            with contextlib.suppress(FileNotFoundError):
                os.remove(os.path.join(logs, name))
    except OSError as error:
        raise StorageError(
            f"cannot use the directory {logs!r} for logs: {error.strerror}"
        ) from error


def prepare_cache(cache: str | None) -> None:
    """Make the directory of a cache, if the job has one.

    Raises StorageError with a reason for the user.
    """
    if cache is None:
        return
    try:
        map_cache.prepare(cache)
    except map_cache.CacheError as error:
        raise StorageError(str(error)) from error
