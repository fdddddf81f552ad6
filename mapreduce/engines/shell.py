"""Write words and pipelines for a POSIX shell. Runs nothing."""
from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence

from mapreduce.client.errors import JobFailed
from mapreduce.protocol.fields import Split
from mapreduce.protocol.layout import is_compressed
from mapreduce.worker.inputs.ranges import bounds

# Gives a last line its newline, and changes nothing else.
END_LINE = r"sed '$a\'"
PYTHON = ("python3 -c 'import sys, zlib; sys.stdout.buffer.write("
          "zlib.decompress(sys.stdin.buffer.read()))'")
# What tests a compressed file on standard input, and what prints what it
# holds.
PROGRAMS = {
    ".gz": ("gzip -t", "gzip -dc"), ".bz2": ("bzip2 -t", "bzip2 -dc"),
    ".xz": ("xz -t", "xz -dc"), ".zst": ("zstd -qt", "zstd -dc"),
    ".deflate": (f"{PYTHON} > /dev/null", PYTHON)}
MIN_PATTERN = 4  # files that a pattern stands for


def quote(word: str) -> str:
    """Return a word for the shell, on one line."""
    if word.isprintable():
        quoted = shlex.quote(word)
        # zsh takes =ls for the path of ls; a=b may be an assignment.
        return f"'{word}'" if "=" in word and quoted == word else quoted
    data = os.fsencode(word)
    if not word.endswith("\n"):
        # In all shells. A word that ends with a newline would lose it. In
        # double quotes, ! is a command of the history.
        escaped = "".join(
            chr(byte) if 32 <= byte < 127 and byte not in b"'\\%-!"
            else f"\\{byte:03o}" for byte in data)
        return f"\"$(printf '{escaped}')\""
    # Of bash, zsh and ksh.
    escaped = "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b"'\\"
        else f"\\x{byte:02x}" for byte in data)
    return f"$'{escaped}'"


def assignments(variables: Iterable[tuple[str, str]]) -> list[str]:
    """Return names and values as export and env take them."""
    return [f"{quote(name)}={quote(value)}" for name, value in variables]


def is_variable(name: str) -> bool:
    """Return whether a shell can have a variable of this name."""
    return name.isascii() and name.isidentifier()


def with_environment(variables: Sequence[str], program: str) -> str:
    """Return the first words of a command: a program with variables."""
    if not variables:
        return quote(program)
    # env takes a=b for one more variable, so another program starts that.
    start = ["nice", "-n", "0"] if "=" in program else []
    return " ".join(["env", *variables, *start, quote(program)])


def paths(splits: Sequence[Split]) -> str:
    """Return the words for files; a pattern for much map output of a job."""
    names = [split.path for split in splits]
    directory, name = os.path.split(names[0])
    found = re.fullmatch(r"maptask\d+(-part\d+)", name)
    if not found or len(names) < MIN_PATTERN:
        return " ".join(map(quote, names))
    # A shell sorts by name, as the numbers of map tasks are.
    return f"{quote(directory)}/maptask*{found[1]}"


def checks(splits: Iterable[Split]) -> Iterator[str]:
    """Iterate over commands that fail if a compressed file is damaged.

    In a pipeline, the exit code of what decompresses it would be lost.
    """
    for path in dict.fromkeys(split.path for split in splits):
        if is_compressed(path):
            test, _ = _programs(path)
            program, to, place = test.partition(" > ")
            yield f"{program} < {quote(path)}{to}{place}"


def feed(split: Split, decompress: bool) -> str | None:
    """Return a command that prints a split; None for a whole file."""
    if decompress and is_compressed(split.path):
        _, program = _programs(split.path)
        return f"{program} < {quote(split.path)}"
    if split == Split(split.path):
        return None
    with open(split.path, "rb") as file:
        first, last = bounds(file, split.start, split.end)
    tail = f"tail -c +{first + 1} < {quote(split.path)}"
    return tail if last is None else f"{tail} | head -c {last - first}"


def _programs(path: str) -> tuple[str, str]:
    ending = os.path.splitext(path)[1]
    if ending not in PROGRAMS:
        raise JobFailed(f"no program is known here that decompresses "
                        f"{path!r} as the Worker does")
    return PROGRAMS[ending]


def concatenated(
    splits: Sequence[Split], decompress: bool
) -> Iterator[str]:
    """Iterate over commands that print splits, with newlines if needed."""
    whole: list[str] = []
    for number, split in enumerate(splits):
        command = feed(split, decompress)
        is_last = number == len(splits) - 1
        if command is None:
            whole.append(split.path)
            if is_last or _ends_line(split.path):
                continue
            command = f"cat -- {' '.join(map(quote, whole))}"
            whole = []
        elif whole:
            yield f"cat -- {' '.join(map(quote, whole))}"
            whole = []
        yield command if is_last else f"{command} | {END_LINE}"
    if whole:
        yield f"cat -- {' '.join(map(quote, whole))}"


def _ends_line(path: str) -> bool:
    """Return whether a file is empty, or ends with a newline."""
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        return file.read() in (b"", b"\n")
