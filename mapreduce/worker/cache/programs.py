"""Find the files that decide what a program does. Nothing is run here.

These are the program, its interpreter, and each file that a command or a
script names: an argument, a module beside the script, a list of words, also by
a variable of the environment. What a program opens by a name that it computes
is not found. Files that it only writes, such as a log, are none of these.
"""
from __future__ import annotations

import os
import shutil
import tempfile
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from mapreduce.worker.cache.identities import (
    Identities,
    Uncertain,
    files_below,
)
from mapreduce.worker.cache.names import (
    MODULES,
    Listing,
    Names,
    list_directory,
)

MAX_FILES = 1000  # of one task
MAX_TEXT = 256 * 2**10  # bytes of a text, such as a list; not of a script
# Directories of the PATH whose programs change only with the system.
SYSTEM = ("/bin", "/sbin", "/usr/bin", "/usr/sbin")
# Variables with directories in which modules are looked up.
PLACES = ("PYTHONPATH", "PERL5LIB", "RUBYLIB", "NODE_PATH", "CLASSPATH",
          "AWKPATH")
# Variables with files that a program reads without naming the variable.
FILES = ("BASH_ENV", "CLASSPATH", "ENV", "LD_PRELOAD")


class _Text(NamedTuple):
    """A text in which names are looked up."""

    content: bytes
    path: str  # of its file; empty: of a command line

    @property
    def ending(self) -> str:
        """That of the name of the file, such as .py."""
        return os.path.splitext(self.path)[1]

    @property
    def is_read(self) -> bool:
        """Whether names are looked up there."""
        return b"\0" not in self.content and (
            len(self.content) <= MAX_TEXT or self.content.startswith(b"#!")
            or os.fsencode(self.path).endswith(MODULES))


class Programs:
    """The files of the commands of one task."""

    def __init__(
        self, identities: Identities, directory: str,
        environment: Mapping[str, str], given: Collection[str],
    ) -> None:
        """Use the working directory and the environment of the commands.

        `given` are the variables for which the user gave a value.
        """
        self._identities = identities
        self._environment = environment
        self._places = [directory, *self._listed(directory, *PLACES)]
        # Variables that no text has named yet.
        self._unnamed = {*given, *FILES} & environment.keys()
        self._found: dict[str, list[object]] = {}
        self._texts: deque[_Text] = deque()
        self._listings: dict[str, Listing] = {}

    def _listed(self, directory: str, *names: str) -> Iterator[str]:
        """Iterate over the directories that variables list."""
        for name in names:
            for place in self._environment.get(name, "").split(os.pathsep):
                if place and place not in SYSTEM:
                    yield os.path.join(directory, place)

    def find(
        self, commands: Sequence[Sequence[str]], forbidden: Collection[str]
    ) -> dict[str, object]:
        """Return the identity of each file, by its path.

        A command is a program and its arguments. Raises Uncertain if there
        are too many files, or a program names a forbidden variable, and
        OSError.
        """
        for command in commands:
            self._add_program(command[0])
            for argument in command[1:]:
                self._add_directories(argument)
            self._texts.append(_Text(os.fsencode("\n".join(command)), ""))
        while self._texts or self._unnamed:
            if not self._texts:
                # A program that is no text may name them.
                self._texts.append(_Text(self._values(self._unnamed), ""))
                self._unnamed = set()
            text = self._texts.popleft()
            for name in forbidden:
                if os.fsencode(name) in text.content:
                    title = os.path.basename(text.path) or "its command line"
                    raise Uncertain(f"{title} names the variable {name}, "
                                    "which differs from run to run")
            if text.is_read:
                self._read(text)
        return dict(self._found)

    def _values(self, names: Collection[str]) -> bytes:
        """Return variables as a shell sets them."""
        return os.fsencode("".join(
            f'\n{name}="{self._environment[name]}"\n'
            for name in sorted(names)))

    def _add_program(self, name: str) -> None:
        path = (os.path.join(self._places[0], name) if "/" in name
                else shutil.which(name, path=self._environment.get("PATH")))
        if path and os.path.isfile(path):
            self._add(path)

    def _add_directories(self, argument: str) -> None:
        """Add all files in the directories that an argument names."""
        own = os.path.realpath(self._places[0])
        for name in {argument, argument[2:], argument.partition("=")[2],
                     *argument.split(os.pathsep)} - {""}:
            path = os.path.join(self._places[0], name)
            real = os.path.realpath(path)
            # The character / or . is more often a separator.
            if os.path.isdir(path) and real != tempfile.gettempdir() and (
                    os.path.commonpath([own, real]) != real):
                self._add_all(path)

    def _add_all(self, path: str, endings: tuple[str, ...] = ("",)) -> None:
        for file in files_below(path):
            if file.endswith(endings):
                self._add(file)

    def _add(self, path: str) -> None:
        path = os.path.normpath(path)
        if path in self._found or not os.path.isfile(path):
            return
        if len(self._found) == MAX_FILES:
            raise Uncertain(f"its programs name more than {MAX_FILES} files")
        self._found[path], content = self._identities.of_file(path)
        if content is not None:
            self._texts.append(_Text(content, path))

    def _read(self, text: _Text) -> None:
        """Add the files that a text names."""
        names = Names(text.content, text.ending)
        variables = set(filter(names.has_variable, self._environment))
        self._unnamed -= variables
        if variables := variables - {"_", "PATH", "PWD", "OLDPWD"}:
            names = Names(
                text.content + self._values(variables), text.ending)
        # Of the PATH only programs, which are no directories.
        for place in self._listed(self._places[0], "PATH"):
            for name in names.among(self._listing(place)):
                self._add(os.path.join(place, name))
        self._read_below(deque(self._places_of(text, names)), names)
        if text.content.startswith(b"#!"):
            for word in text.content.partition(b"\n")[0][2:].split():
                self._add_program(os.fsdecode(word))

    def _read_below(self, places: deque[str], names: Names) -> None:
        """Add what is in places, and in directories that are named, too."""
        for path in names.absolute():
            self._take(path, names, places)
        seen = set()
        while places:
            place = places.popleft()
            real = os.path.realpath(place)
            if real in seen:
                continue
            seen.add(real)
            listing = self._listing(place)
            for name in (*names.modules(listing), *names.among(listing)):
                self._take(os.path.join(place, name), names, places)
            for name in names.matching(place):
                self._add(os.path.join(place, name))
            for name in names.packages(listing):
                if os.path.isdir(os.path.join(place, name)):
                    self._take(os.path.join(place, name), names, places)

    def _listing(self, place: str) -> Listing:
        if place not in self._listings:
            self._listings[place] = list_directory(place)
        return self._listings[place]

    def _places_of(self, text: _Text, names: Names) -> Iterator[str]:
        """Iterate over the directories in which a text may name files."""
        own = [self._places[0]]
        if text.path:
            # Python looks for modules beside the file to which a link leads.
            own += [place for path in (text.path, os.path.realpath(text.path))
                    if (place := os.path.dirname(path)) not in SYSTEM]
        yield from own
        if names.leads_up:
            yield from map(os.path.dirname, own)
        yield from self._places

    def _take(self, path: str, names: Names, places: deque[str]) -> None:
        """Add a file; note a directory as a place, with its modules."""
        if not os.path.isdir(path):
            self._add(path)
        elif os.path.realpath(path) not in ("/", *SYSTEM):
            if names.imports and os.path.isfile(
                    os.path.join(path, "__init__.py")):
                self._add_all(path, (".py",))
            places.append(path)
