"""Make the working directory of a task, with links to files of its job.

Archives are unpacked once a job, into the directory of the job, which all its
tasks see. As in Hadoop, whatever the rights of a file are where it comes from,
scripts and what was in an archive can be executed.
"""
from __future__ import annotations

import os
import re
import shutil
import tarfile
import zipfile
import zlib

from mapreduce.protocol.extensions import ExtendedTask
from mapreduce.worker.errors import TaskError

ZIPPED = re.compile(r".*\.(zip|jar)", re.IGNORECASE | re.DOTALL)
MAX_SCRIPT = 2**20  # bytes of a script; what is larger is not copied


def make_directory(task: ExtendedTask, local: str) -> str | None:
    """Return the working directory of a task; None: that of the Worker.

    It is made in the local directory of the task. Raises TaskError for files
    that are missing and archives that can't be unpacked.
    """
    if not (task.files or task.archives):
        return None
    directory = os.path.join(os.path.abspath(local), "work")
    os.mkdir(directory)
    for path, name in task.files or ():
        if not os.path.exists(path):
            raise TaskError(f"there is no file {path!r} for the task")
        _place(os.path.abspath(path), os.path.join(directory, name))
    for number, (path, name) in enumerate(task.archives or ()):
        unpacked = os.path.join(
            os.path.abspath(task.unpack_directory or local),
            f"archive-{number:05d}")
        if not os.path.isdir(unpacked):
            _unpack(path, unpacked, os.path.basename(local))
        os.symlink(unpacked, os.path.join(directory, name))
    return directory


def _place(source: str, target: str) -> None:
    """Make a link to a file, or a copy of a script.

    A script may use others beside it, and languages such as Python look for
    them beside the file to which a link leads.
    """
    if is_script(source):
        _copy(source, target)
    else:
        os.symlink(source, target)


def is_script(path: str) -> bool:
    """Return whether a file is a script, which tasks get as a copy."""
    if not os.path.isfile(path) or os.path.getsize(path) > MAX_SCRIPT:
        return False
    try:
        with open(path, "rb") as file:
            return path.endswith(".py") or file.read(2) == b"#!"
    except PermissionError:
        return False


def _copy(source: str, target: str) -> None:
    shutil.copyfile(source, target)
    os.chmod(target, 0o755)


def _unpack(path: str, target: str, unique: str) -> None:
    """Unpack an archive; another task may do the same at the same time."""
    partial = f"{target}-{unique}"
    os.mkdir(partial)
    try:
        _extract(path, partial)
        _make_all_executable(partial)
        os.rename(partial, target)
    except (OSError, tarfile.TarError, zipfile.BadZipFile, EOFError,
            ValueError, zlib.error) as error:
        if not os.path.isdir(target):
            raise TaskError(f"cannot unpack {path!r}: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _extract(path: str, directory: str) -> None:
    if not ZIPPED.fullmatch(path):
        with tarfile.open(path) as archive:
            # With this filter, no name leads out of the directory. The first
            # versions of Python 3.10 and 3.11 lack it.
            archive.extraction_filter = getattr(tarfile, "data_filter", None)
            archive.extractall(directory)
        return
    with zipfile.ZipFile(path) as zipped:
        zipped.extractall(directory)


def _make_all_executable(directory: str) -> None:
    for place, _, names in os.walk(directory):
        for path in (os.path.join(place, name) for name in names):
            if not os.path.islink(path):
                os.chmod(path, os.stat(path).st_mode | 0o500)


def make_executable(program: str) -> None:
    """Make a placed file executable, as Hadoop does: as a copy of it."""
    if os.path.islink(program) and os.path.isfile(program) and (
            not os.access(program, os.X_OK)):
        source = os.path.realpath(program)
        os.unlink(program)
        _copy(source, program)
