"""Write words and pipelines for a POSIX shell. Runs nothing."""
from __future__ import annotations

import contextlib
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence

from mapreduce.client.errors import JobFailed
from mapreduce.protocol.fields import Split
from mapreduce.protocol.layout import is_compressed
from mapreduce.worker.errors import BadInput
from mapreduce.worker.inputs.files import BLOCK
from mapreduce.worker.inputs.ranges import bounds
from mapreduce.worker.inputs.splits import read_all

# In the reason of a task whose program begins with no line such as #!/bin/sh.
REFUSED = "cannot be started: Exec format error"
# A shell, and env, would run such a program as a script of sh.
EXECUTE = "python3 -c 'import os, sys; os.execvp(sys.argv[1], sys.argv[1:])'"
# Gives a last line its newline, and changes nothing else.
END_LINE = r"sed '$a\'"
# Decompresses all streams on standard input, with zeros after each.
PYTHON = (
    "python3 -c 'import bz2, lzma, sys, zlib; data = sys.stdin.buffer.read(); "
    "end = \"it ends too early\"; exec(\"while 1:\\n stream = {new}; "
    "sys.stdout.buffer.write(stream.decompress(data)); "
    "stream.eof or sys.exit(end); "
    "data = stream.unused_data.lstrip(bytes(1))\\n if not data: break\")'")
# What makes a decompressor of one stream there.
STREAMS = {
    ".gz": "zlib.decompressobj(31)", ".bz2": "bz2.BZ2Decompressor()",
    ".xz": "lzma.LZMADecompressor()", ".deflate": "zlib.decompressobj()"}
# What tests a compressed file on standard input, and what prints what it
# holds.
PROGRAMS = {
    ".gz": ("gzip -t", "gzip -dc"), ".bz2": ("bzip2 -t", "bzip2 -dc"),
    ".xz": ("xz -t", "xz -dc"), ".zst": ("zstd -qt", "zstd -dc")}
# How a stream begins after zeros, which these programs do not skip.
PADDED = {".gz": b"\0\x1f\x8b\x08", ".bz2": b"\0BZh", ".xz": b"\0\xfd7zXZ\0"}
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


def with_environment(
    variables: Sequence[str], program: str, is_refused: bool = False
) -> str:
    """Return the first words of a command: a program with variables.

    One that the system has refused to start is refused again.
    """
    start = [EXECUTE] if is_refused else []
    if not variables:
        return " ".join([*start, quote(program)])
    # env takes a=b for one more variable, so another program starts that.
    if "=" in program and not is_refused:
        start = ["nice", "-n", "0"]
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
    if ending in PROGRAMS and not _is_padded(path, ending):
        return PROGRAMS[ending]
    if ending not in STREAMS:
        raise JobFailed(f"no program is known here that decompresses "
                        f"{path!r} as the Worker does")
    program = PYTHON.format(new=STREAMS[ending])
    return f"{program} > /dev/null", program


def _is_padded(path: str, ending: str) -> bool:
    """Return whether zeros may follow a stream; also if by chance."""
    if ending not in PADDED:
        return False
    last = b""
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            # The file may be large, and a stream begin in two blocks.
            last = last[-len(PADDED[ending]):] + block
            if PADDED[ending] in last:
                return True
    return ending != ".gz" and last.endswith(b"\0")


def concatenated(
    splits: Sequence[Split], decompress: bool
) -> Iterator[str]:
    """Iterate over commands that print splits, with newlines if needed."""
    whole: list[str] = []
    # There is no newline before what is empty. If all is, any split will do.
    filled = [split for split in splits
              if not _is_empty(split, decompress)] or splits[:1]
    for number, split in enumerate(filled):
        command = feed(split, decompress)
        is_last = number == len(filled) - 1
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


def _is_empty(split: Split, decompress: bool) -> bool:
    """Return whether a mapper reads nothing of a split."""
    # What can't be read fails in the line, too.
    with contextlib.suppress(BadInput):
        return next(read_all([split], decompress), None) is None
    return False


def _ends_line(path: str) -> bool:
    """Return whether a file is empty, or ends with a newline."""
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        return file.read() in (b"", b"\n")
