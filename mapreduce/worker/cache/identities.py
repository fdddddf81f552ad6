"""Describe files, so that equal descriptions mean equal contents."""
from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

from mapreduce.protocol.fields import Split
from mapreduce.protocol.layout import is_compressed
from mapreduce.system.map_cache import digest
from mapreduce.worker.inputs.files import open_input
from mapreduce.worker.inputs.ranges import read_range

MAX_CONTENT = 4 * 2**20  # bytes of a program that is read each time
MAX_TOTAL = 256 * 2**20  # bytes that are read so for one task
MAX_FILES = 1000  # in a directory
# Seconds. A file system gives two changes within one step of its clock the
# same time. So a file that has just been changed may change again and look
# the same. The steps are of up to two seconds.
STEP = 2.0


class Uncertain(Exception):
    """What a task makes may differ each time; the text says why."""


class Identities:
    """Describes the files of one task, and whether that can be trusted."""

    def __init__(self, by_content: bool, pause: Callable[[], object]) -> None:
        """Describe inputs by content, or by times and numbers.

        `pause` is called between two files or blocks, and may raise.
        """
        self._by_content = by_content
        self._pause = pause
        self._total = 0
        self._last_change = 0.0  # of what is described by its times
        self._begin = time.time()

    @property
    def is_young(self) -> bool:
        """Whether a file may change without looking changed."""
        # Also of a time in the future, by the clock of another machine.
        return self._last_change > self._begin - STEP

    def of_split(self, split: Split, decompress: bool) -> list[Any]:
        """Return what identifies the input of a mapper; without its name.

        Raises BadInput for what is no readable, regular file.
        """
        with open_input(split.path) as file:
            status = os.fstat(file.fileno())
            if not self._by_content:
                return self._times(status)
            end = status.st_size if split.end is None else split.end
            # What the mapper is told of it, and then what it reads.
            if split == Split(split.path) or (
                    decompress and is_compressed(split.path)):
                return [end, digest(file, self._pause)]
            found = hashlib.sha256()
            for block in read_range(file, split.start, split.end):
                found.update(block)
                self._pause()
            return [end - split.start, found.hexdigest()]

    def of_file(self, path: str) -> tuple[list[Any], bytes | None]:
        """Return what identifies a file, and its content.

        A large file is not read, and its content is None. Raises Uncertain if
        too much is read.
        """
        self._pause()
        with open_input(path) as file:
            status = os.fstat(file.fileno())
            if status.st_size > MAX_CONTENT:
                return self._times(status), None
            self._total += status.st_size
            if self._total > MAX_TOTAL:
                raise Uncertain("its programs and their files have more than "
                                f"{MAX_TOTAL // 2**20} MiB")
            content = file.read()
        # Its rights decide whether it can be run.
        return [status.st_mode, hashlib.sha256(content).hexdigest()], content

    def of_tree(self, path: str) -> list[Any]:
        """Return what identifies a file, or a directory with all in it."""
        if not os.path.isdir(path):
            return self.of_file(path)[0]
        files = []
        for number, name in enumerate(files_below(path)):
            if number == MAX_FILES:
                raise Uncertain(
                    f"{path!r} holds more than {MAX_FILES} files")
            files.append([os.path.relpath(name, path), self.of_file(name)[0]])
        return files

    def _times(self, status: os.stat_result) -> list[Any]:
        # The time of the last change of the inode, too: unlike that of the
        # content, no program can set it back.
        self._last_change = max(
            self._last_change, status.st_mtime, status.st_ctime)
        return [status.st_size, status.st_mtime_ns, status.st_ctime_ns,
                status.st_ino]


def files_below(top: str) -> Iterator[str]:
    """Iterate over all files in a directory, also in those that links name.

    Raises Uncertain if a link leads back to a directory that holds it.
    """
    for directory, names, files in os.walk(top, followlinks=True):
        if os.path.islink(directory) and _leads_back(directory, top):
            raise Uncertain(f"{directory!r} is a link to a directory above it")
        names.sort()
        for name in sorted(files):
            yield os.path.join(directory, name)


def _leads_back(link: str, top: str) -> bool:
    """Return whether a link below a directory names one on its own path."""
    real, above = os.path.realpath(link), os.path.dirname(link)
    while len(above) >= len(top):
        if os.path.realpath(above) == real:
            return True
        above = os.path.dirname(above)
    return False
