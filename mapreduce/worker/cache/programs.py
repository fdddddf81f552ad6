"""Find the files that decide what a program does. Nothing is run here.

These are the program, its interpreter, and each file that a command or a
script names: an argument, a module beside the script, a list of words. A word
that only happens to be the name of a file costs no more than another run of
the mapper. What a program opens by a name that it computes is not found. Files
that it only writes, such as a log, are none of these.
"""
from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence

from mapreduce.worker.cache.identities import Identities, Uncertain

MAX_FILES = 1000  # of one task
MAX_TEXT = 256 * 2**10  # bytes of a script; what is larger names no files
WORD = re.compile(rb"[^\s'\"`=:;,(){}<>|&$\[\]]+")
# Directories of the PATH whose programs change only with the system.
SYSTEM = ("/bin", "/sbin", "/usr/bin", "/usr/sbin")
MODULE = ".py"  # a word may name a module, such as package.module
# What stands around the name of a file, or of a variable that holds it, where
# a shell or Python writes the file.
BEFORE = (rb"(?:(?<![-=])>\|?|\b(?:tee|touch|rm|mkdir|mkfifo)(?:\s+-\w+)*)"
          rb"\s*[\"']?")
AFTER = (rb"[\"']?\)*(?:\s*,\s*(?:mode\s*=\s*)?[\"'][awx]"
         rb"|\.(?:open\([\"'][awx]|write_|touch))")
ASSIGNED = rb"(\w+)\s*=\s*(?:[\w.]+\()?[\"']?"


class Programs:
    """The files of the commands of one task."""

    def __init__(
        self, identities: Identities, directory: str,
        environment: Mapping[str, str], forbidden: Collection[str],
    ) -> None:
        """Use the working directory and the environment of the commands.

        A program must not name one of the forbidden variables.
        """
        self._identities = identities
        self._path = environment.get("PATH")
        self._places = list(dict.fromkeys([directory, *(
            os.path.join(directory, place)
            for name in ("PYTHONPATH", "PATH")
            for place in environment.get(name, "").split(os.pathsep)
            if place and place not in SYSTEM)]))
        self._forbidden = [name.encode() for name in forbidden]
        self._found: dict[str, list[object]] = {}
        # Texts in which words are not looked up yet: with the places of files
        # that they may name, and the ending of names that they may leave out.
        self._texts: deque[tuple[bytes, list[str], str]] = deque()
        self._names: dict[tuple[str, ...], set[str]] = {}  # in some places

    def find(self, commands: Sequence[Sequence[str]]) -> dict[str, object]:
        """Return the identity of each file, by its path.

        A command is a program and its arguments. Raises Uncertain if there
        are too many files, and OSError.
        """
        for command in commands:
            self._add_program(command[0])
            self._add_text("\n".join(command).encode(
                "utf-8", "surrogateescape"), "its command line",
                           self._places, MODULE)
        while self._texts:
            text, places, ending = self._texts.popleft()
            for word in sorted(set(WORD.findall(text))):
                for path in self._named(os.fsdecode(word), places, ending):
                    if _is_module(path, ending) or not _is_written(text, word):
                        self._add(path)
            if text.startswith(b"#!"):
                for word in text.partition(b"\n")[0].split():
                    self._add_program(os.fsdecode(word))
        return dict(self._found)

    def _add_program(self, name: str) -> None:
        path = (os.path.join(self._places[0], name) if "/" in name
                else shutil.which(name, path=self._path))
        if path and os.path.isfile(path):
            self._add(path)

    def _add(self, path: str) -> None:
        path = os.path.normpath(path)
        if path in self._found:
            return
        if len(self._found) == MAX_FILES:
            raise Uncertain(f"its programs name more than {MAX_FILES} files")
        self._found[path], content = self._identities.of_file(path)
        if content is None:
            return
        # Python looks for modules beside the file to which a link leads.
        places = list(dict.fromkeys([
            os.path.dirname(path), os.path.dirname(os.path.realpath(path)),
            *self._places]))
        self._add_text(
            content, os.path.basename(path), places,
            os.path.splitext(path)[1])

    def _add_text(
        self, text: bytes, title: str, places: list[str], ending: str
    ) -> None:
        for name in self._forbidden:
            if name in text:
                raise Uncertain(f"{title} names the variable {name.decode()}, "
                                "which differs from run to run")
        if len(text) <= MAX_TEXT and b"\0" not in text:
            self._texts.append((text, places, ending))

    def _named(
        self, word: str, places: list[str], ending: str
    ) -> Iterator[str]:
        """Iterate over the files that a word may name."""
        words = [word]
        if word.startswith("-"):
            words.append(word[2:])  # as in -fprogram.awk
        # What is before the first slash may be computed, as in
        # "$(dirname "$0")/lib.sh" or $here/lib.sh.
        if rest := word.partition("/")[2]:
            words.append(rest)
        there = self._listed(tuple(places))
        for name in words:
            for form in dict.fromkeys((
                    name, name + ending, name + MODULE,
                    name.replace(".", "/") + MODULE)):
                # Most words are no names of files.
                first = form.partition("/")[0]
                if first in there or first in ("", ".", "..") and (
                        len(form) > len(first) + 1):
                    for place in places:
                        yield from _files(os.path.join(place, form))

    def _listed(self, places: tuple[str, ...]) -> set[str]:
        """Return the names in all of some directories."""
        if places not in self._names:
            names = self._names[places] = set()
            for place in places:
                with contextlib.suppress(OSError):
                    names.update(os.listdir(place))
        return self._names[places]


def _is_module(path: str, ending: str) -> bool:
    return path.endswith(MODULE) or bool(ending) and path.endswith(ending)


def _is_written(text: bytes, word: bytes) -> bool:
    """Return whether a script writes the file of a name."""
    word = rb"(?<![\w./-])" + re.escape(word)
    if re.search(
            BEFORE + rb"(?:\$(?:\{\w+\})?)?" + word
            + rb"(?![\w./-])|" + word + AFTER, text):
        return True
    return any(re.search(
        BEFORE + rb"\$\{?" + name + rb"\b|\b" + name + AFTER, text)
        for name in re.findall(ASSIGNED + word, text))


def _files(path: str) -> Iterator[str]:
    """Iterate over a file, or the modules in a directory."""
    if os.path.isfile(path):
        yield path
    elif os.path.isfile(os.path.join(path, "__init__.py")):
        for directory, _, names in os.walk(path):
            for name in names:
                if name.endswith(MODULE):
                    yield os.path.join(directory, name)
