"""Make the working directory of a task, with links to files of its job.

Archives are unpacked once a job, into the directory of the job, which all its
tasks see.
"""
from __future__ import annotations

import os
import shutil
import tarfile
import zipfile
import zlib

from mapreduce.protocol.extensions import ExtendedTask
from mapreduce.worker.errors import TaskError

ENDINGS = (".zip", ".jar")


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
        os.symlink(os.path.abspath(path), os.path.join(directory, name))
    for number, (path, name) in enumerate(task.archives or ()):
        unpacked = os.path.join(
            os.path.abspath(task.unpack_directory or local),
            f"archive-{number:05d}")
        if not os.path.isdir(unpacked):
            _unpack(path, unpacked, os.path.basename(local))
        os.symlink(unpacked, os.path.join(directory, name))
    return directory


def _unpack(path: str, target: str, unique: str) -> None:
    """Unpack an archive; another task may do the same at the same time."""
    partial = f"{target}-{unique}"
    os.mkdir(partial)
    try:
        _extract(path, partial)
        os.rename(partial, target)
    except (OSError, tarfile.TarError, zipfile.BadZipFile, EOFError,
            ValueError, zlib.error) as error:
        if not os.path.isdir(target):
            raise TaskError(f"cannot unpack {path!r}: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _extract(path: str, directory: str) -> None:
    if not path.endswith(ENDINGS):
        with tarfile.open(path) as archive:
            # No name leads out of the directory.
            archive.extractall(directory, filter="data")
        return
    with zipfile.ZipFile(path) as zipped:
        for member in zipped.infolist():
            made = zipped.extract(member, directory)
            mode = member.external_attr >> 16 & 0o777
            if mode and not member.is_dir():
                os.chmod(made, mode)


def make_executable(program: str) -> None:
    """Make a placed file executable, as Hadoop does: as a copy of it."""
    if os.path.islink(program) and os.path.isfile(program) and (
            not os.access(program, os.X_OK)):
        source = os.path.realpath(program)
        os.unlink(program)
        shutil.copyfile(source, program)
        os.chmod(program, 0o755)
