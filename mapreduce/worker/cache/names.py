"""Find the names of files that stand in a text. Only lists of names are read.

A name counts wherever it stands: in quotes, after a variable, or apart from
that of its directory, as in os.path.join("data", "words.txt"). So more names
are found than a program uses, which costs no more than another run of the
mapper.
"""
from __future__ import annotations

import contextlib
import dataclasses
import functools
import glob
import os
import re
from collections.abc import Iterator, Mapping

TOKEN = re.compile(rb"[\w.+\x80-\xff-]+")
PART = re.compile(rb"[.+-]")  # ends a part of a token, as in package.module
# What may be an absolute path: what is in quotes or on one line, a word with a
# backslash before each blank, a word.
PATHS = (re.compile(rb"[^'\"\n]+"), re.compile(rb"(?:[^\s\\'\"]|\\.)+"),
         re.compile(rb"[^\s'\"`=:;,(){}<>|&$\[\]]+"))
# Endings that a script leaves out where it names a module.
MODULES = (b".py", b".pyc", b".so", b".pm", b".pl", b".rb", b".js", b".mjs",
           b".cjs", b".lua", b".R", b".php", b".tcl", b".class", b".jar")
# Files that are read although their names stand nowhere.
IMPLICIT = frozenset({
    b"__init__.py", b"__main__.py", b"sitecustomize.py", b"usercustomize.py",
    b"index.js", b"package.json"})
# What stands before the name of a file, or of a variable that holds it, where
# a shell or Python writes the file; what follows it there.
BEFORE = re.compile(
    rb"(?:(?<![-=])>\|?|\b(?:tee|touch|rm|mkdir|mkfifo)(?:\s+-\w+)*)"
    rb"\s*[\"']?[^\s\"'<>|;&()]*\Z")
AFTER = re.compile(
    rb"[\"']?\)*(?:\s*,\s*(?:mode\s*=\s*)?[\"'][awx][bt]?[\"']"
    rb"|\.(?:open\([\"'][awx][bt]?[\"']|write_|touch))")
ASSIGNED = re.compile(
    rb"\b(\w+)\s*=\s*(?:[\w.]+\()?[\"']?[^\s\"'<>|;&()]*\Z")
ASSIGNS = re.compile(rb"\s*=(?!=)")
COMMENT = re.compile(rb"(?m)^\s*#.*$")
# What may be a pattern of names, such as data/*.txt.
PATTERN = re.compile(rb"[\w.+/*?@$\x80-\xff-]+")
MAX_PATTERN = 255  # bytes; a long word, such as of data, is none
NEAR = 300  # bytes before a name that are looked at


@dataclasses.dataclass(frozen=True)
class Listing:
    """The names in one directory."""

    names: frozenset[bytes]
    odd: list[bytes]  # those that are no single token
    # Those of modules, by what stands before the first dot.
    modules: Mapping[bytes, list[bytes]]


def list_directory(path: str) -> Listing:
    """Return the names in a directory; none if it can't be read."""
    names: frozenset[bytes] = frozenset()
    with contextlib.suppress(OSError):
        names = frozenset(os.listdir(os.fsencode(path)))
    modules: dict[bytes, list[bytes]] = {}
    for name in names:
        if name.endswith(MODULES):
            modules.setdefault(name.partition(b".")[0], []).append(name)
    return Listing(
        names, [name for name in names if not TOKEN.fullmatch(name)], modules)


class Names:
    """The names in one text."""

    def __init__(self, text: bytes, ending: str) -> None:
        """Find the words of a text; `ending` is that of its own name."""
        self._text = text
        self._unescaped = text.replace(b"\\", b"")
        self._code = COMMENT.sub(b"", text)
        self._tokens: set[bytes] = set()
        self._parts: set[bytes] = set()
        for token in set(TOKEN.findall(text)):
            # As at the end of a sentence, and as in -fprogram.awk.
            self._tokens |= {token, token.strip(b".+-"), token[2:]}
            self._parts.update(PART.split(token))
        if ending:
            self._tokens |= {
                part + os.fsencode(ending) for part in self._parts}

    def has_variable(self, name: str) -> bool:
        """Return whether the text names a variable of the environment."""
        return os.fsencode(name) in self._parts or name == "HOME" and (
            b"~" in self._text or b"home(" in self._text)

    @property
    def imports(self) -> bool:
        """Whether the text may import modules of Python."""
        return b"import" in self._text

    @property
    def leads_up(self) -> bool:
        """Whether files beside a directory of the text may be meant."""
        return (b".." in self._text or b"parent" in self._text
                or self._text.count(b"dirname") > 1)

    def absolute(self) -> Iterator[str]:
        """Iterate over what may be absolute paths of files that are read."""
        words = {word[word.index(b"/"):] for pattern in PATHS
                 for word in pattern.findall(self._text) if b"/" in word}
        words |= {word.replace(b"\\", b"") for word in words}
        for word in sorted(words):
            if os.path.exists(word) and not self._is_written(word):
                yield os.fsdecode(word)

    def among(self, listing: Listing) -> Iterator[str]:
        """Iterate over the names in a directory that the text has.

        Files that it only writes are not among them.
        """
        named = self._tokens & listing.names
        named |= {name for name in listing.odd
                  if name in self._text or name in self._unescaped}
        for name in sorted(named):
            if name.endswith(MODULES) or not self._is_written(name):
                yield os.fsdecode(name)

    def matching(self, place: str) -> Iterator[str]:
        """Iterate over the files in a directory for which patterns stand."""
        for pattern in sorted(self._patterns):
            if not self._is_written(pattern):
                yield from glob.iglob(
                    os.fsdecode(pattern), root_dir=place, recursive=True)

    @functools.cached_property
    def _patterns(self) -> set[bytes]:
        """The patterns that a shell or a glob replaces by names of files."""
        found = set()
        for word in set(PATTERN.findall(self._code)):
            # The directory of $DIR/*.txt is among those that are looked at.
            if word.startswith((b"$", b"/*")):
                word = word.partition(b"/")[2]
            if len(word) <= MAX_PATTERN and (
                    b"*" in word or b"?" in word) and re.match(
                        rb"/?[\w.-][^*?]*/|\*\.\w", word):
                found.add(word)
        return found

    def modules(self, listing: Listing) -> Iterator[str]:
        """Iterate over the modules in a directory that the text may use."""
        found = {name for part in self._parts & listing.modules.keys()
                 for name in listing.modules[part]}
        yield from map(os.fsdecode, sorted(
            found | (listing.names & IMPLICIT)))

    def packages(self, listing: Listing) -> Iterator[str]:
        """Iterate over what may be a directory of modules.

        It stands in the text as in package.module.
        """
        yield from map(os.fsdecode, sorted(self._parts & listing.names))

    def _is_written(self, name: bytes) -> bool:
        """Return whether a name stands only where its file is written."""
        places = list(re.finditer(re.escape(name), self._code))
        return bool(places) and all(
            self._writes(place) or self._is_of_written_variable(place)
            for place in places)

    def _writes(self, place: re.Match[bytes]) -> bool:
        return bool(BEFORE.search(self._before(place))
                    or AFTER.match(self._code, place.end()))

    def _before(self, place: re.Match[bytes]) -> bytes:
        return self._code[max(0, place.start() - NEAR):place.start()]

    def _is_of_written_variable(self, place: re.Match[bytes]) -> bool:
        """Return whether a variable has the name, and is only written to."""
        variable = ASSIGNED.search(self._before(place))
        if variable is None:
            return False
        uses = [use for use in re.finditer(
            rb"\b" + variable[1] + rb"\b", self._code)
            if not ASSIGNS.match(self._code, use.end())]
        return bool(uses) and all(map(self._writes, uses))
