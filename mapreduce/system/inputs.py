"""Find the input files of a job. No file is opened here."""
from __future__ import annotations

import dataclasses
import glob
import logging
import os
import re
import reprlib
from collections.abc import Iterable, Iterator

from mapreduce.protocol.extensions import ExtendedJobMessage

LOGGER = logging.getLogger(__name__)

# Innermost braces that hold a comma.
BRACES = re.compile(r"\{([^{},]*,[^{}]*)\}")
# One of several characters, such as [ab], [!ab] or [^ab]. A "]" may be first.
BRACKETS = re.compile(r"\[([!^]?)(\][^]/]*\]|[^]/]+\])")
MAX_PATTERNS = 10_000  # for which one with braces stands
MAX_ERRORS = 20  # that are shown, of inputs that can't be used


class InputError(Exception):
    """The input of a job can't be used; the text is for the user."""


def place_of(path: str) -> str:
    """Return, e.g., " in /home/me": where a relative path is looked for.

    For the end of an error message; empty for an absolute path.
    """
    if os.path.isabs(path):
        return ""
    try:
        return f" in {os.getcwd()}"
    except FileNotFoundError:
        return " in the working directory, which is gone"


@dataclasses.dataclass(frozen=True)
class Rules:
    """Which files in a directory are input."""

    with_bad: bool = False  # also those that can't be used
    recursive: bool = False  # those in directories of the directory, too
    # Names that begin with "." or "_" are left out, and a directory in the
    # directory is an error, unless recursive.
    as_hadoop: bool = False


def rules_of(job: ExtendedJobMessage) -> Rules:
    """Return which files are input of a job."""
    return Rules(bool(job.skip_bad_inputs), bool(job.recursive),
                 bool(job.hadoop_inputs))


@dataclasses.dataclass
class Skipped:
    """How many members of directories were left out."""

    directories: int = 0
    hidden: int = 0


def list_inputs(
    names: Iterable[str], rules: Rules = Rules(),
    skipped: Skipped | None = None,
) -> list[str]:
    """Return the paths of all input files, in the order of the names.

    A name may be a file; a directory, for the files directly in it, sorted by
    name; or a pattern as in a shell. A name that exists is never a pattern.
    A file that two names include is listed twice. Symbolic links to files
    count as files; subdirectories are skipped, or read at their place among
    the names. What was left out is added to `skipped`. Raises InputError for
    names that match nothing, and for pipes, sockets, devices and broken links;
    with bad ones, those of a directory are listed as files.
    """
    lister = _Lister(rules, skipped or Skipped())
    paths = [path for name in names for path in lister.files_of(name)]
    errors = lister.errors
    if errors:
        more = len(errors) - MAX_ERRORS
        raise InputError("; ".join(
            errors[:MAX_ERRORS] + [f"and {more} more"] * (more > 0)))
    return paths


def list_directories(names: Iterable[str]) -> list[str]:
    """Return the directories that the names include (see list_inputs)."""
    return [path for name in names for path in _paths(name)
            if os.path.isdir(path)]


class _Lister:
    """Lists files by rules, and gathers errors."""

    def __init__(self, rules: Rules, skipped: Skipped) -> None:
        self.errors: list[str] = []
        self._rules = rules
        self._skipped = skipped

    def files_of(self, name: str) -> Iterable[str]:
        """Return the files of one name."""
        # Without duplicates: the pattern "**" matches a directory and its
        # files.
        files: dict[str, None] = {}
        try:
            for path in self._matches(name):
                files.update(dict.fromkeys(self._files_in(
                    path, frozenset([os.path.realpath(path)]))))
        except InputError as error:
            self.errors.append(str(error))
        return files

    def _matches(self, name: str) -> list[str]:
        paths = _paths(name)
        if paths == [name]:  # A user may name a hidden file.
            return paths
        shown = [path for path in paths if not self._is_hidden(path)]
        if not shown:
            raise InputError(f"no file matches the input {name!r}"
                             f"{place_of(name)}, except hidden ones")
        return shown

    def _is_hidden(self, path: str) -> bool:
        hidden = self._rules.as_hadoop and (
            os.path.basename(path).startswith((".", "_")))
        self._skipped.hidden += hidden
        return hidden

    def _files_in(
        self, path: str, ancestors: frozenset[str]
    ) -> Iterator[str]:
        if os.path.isfile(path):
            yield path
            return
        # One system call for all cases: a check before could be outdated.
        try:
            names = os.listdir(path)
        except NotADirectoryError as error:
            raise InputError(
                f"the input {path!r} is no regular file") from error
        except OSError as error:
            raise InputError(
                f"cannot read the input {path!r}: {error.strerror}"
                f"{place_of(path)}") from error
        for name in sorted(names):
            member = os.path.join(path, name)
            if self._is_hidden(member):
                continue
            if os.path.isdir(member):
                yield from self._files_below(member, ancestors)
            elif self._rules.with_bad or os.path.isfile(member):
                yield member
            else:
                self.errors.append(f"the input {member!r} is no regular file")

    def _files_below(
        self, directory: str, ancestors: frozenset[str]
    ) -> Iterator[str]:
        """Iterate over the files of a directory in the input, if wanted."""
        real = os.path.realpath(directory)
        if self._rules.recursive:
            # A link to a directory above would have no end.
            if real not in ancestors:
                yield from self._files_in(directory, ancestors | {real})
        elif self._rules.as_hadoop:
            self.errors.append(
                f"the input {directory!r} is a directory in a directory; to "
                "read it, too, add -D mapreduce.input.fileinputformat.input."
                "dir.recursive=true")
        else:
            self._skipped.directories += 1
            LOGGER.info("Skipped %r: a directory in the input", directory)


def expand_braces(pattern: str) -> list[str]:
    """Return the patterns that one with braces stands for, as in a shell.

    For example, a{b,c} is ab and ac. Braces without a comma are ordinary.
    Raises InputError for more than MAX_PATTERNS.
    """
    expanded: list[str] = []
    patterns = [pattern]  # The next one to expand is the last.
    while patterns:
        # Each pair of braces may double them: 4 KiB of braces have no end.
        if len(expanded) + len(patterns) > MAX_PATTERNS:
            raise InputError(f"the input {reprlib.repr(pattern)} stands for "
                             f"more than {MAX_PATTERNS} patterns")
        chosen = patterns.pop()
        found = BRACES.search(chosen)
        if not found:
            expanded.append(chosen)
            continue
        before, after = chosen[:found.start()], chosen[found.end():]
        patterns += [before + choice + after
                     for choice in reversed(found[1].split(","))]
    return expanded


def _paths(name: str) -> list[str]:
    """Return the paths that match a name; the name itself if no pattern."""
    # lexists: a broken link is reported as such, not as a pattern.
    patterns = expand_braces(name)
    if os.path.lexists(name) or (
            patterns == [name] and not glob.has_magic(name)):
        return [name]
    # Without duplicates: several patterns may match a file.
    matches = sorted({
        path for pattern in patterns
        for path in glob.glob(_with_marks(pattern), recursive=True)})
    if not matches:
        raise InputError(
            f"no file matches the input {name!r}{place_of(name)}")
    return matches


def _with_marks(pattern: str) -> str:
    """Return a pattern with [!a] for [^a], which glob takes otherwise."""
    return BRACKETS.sub(
        lambda found: f"[{'!' if found[1] else ''}{found[2]}", pattern)
