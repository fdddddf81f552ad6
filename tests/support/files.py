"""Files that tests write and read: executables, inputs, results."""
import gc
import itertools
import os
import pathlib
import random

ROOT = pathlib.Path(__file__).parents[2]
TESTDATA = ROOT / "tests" / "testdata"
EXECUTABLES = TESTDATA / "exec"


def names_in(directory):
    """Return the sorted names in a directory, which may not be there."""
    try:
        return sorted(os.listdir(directory))
    except FileNotFoundError:
        return []


def in_order(data):
    """Return the lines of a result, sorted, to compare it with another."""
    return sorted(data.splitlines(keepends=True))


def write_executable(path, *lines):
    """Write a shell script; return its path as a string."""
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return str(path)


def write_files(directory, *contents):
    """Write files 0000, 0001, … into a new directory; return their paths."""
    directory.mkdir()
    paths = [str(directory / f"{n:04d}") for n in range(len(contents))]
    for path, content in zip(paths, contents):
        pathlib.Path(path).write_bytes(content)
    return paths


def read_files(directory):
    """Return the content of each file in a directory, by name."""
    return {path.name: path.read_bytes()
            for path in sorted(directory.iterdir())}


def open_files():
    """Return the descriptors of this process, sorted.

    None of them is garbage of another test, which could be closed at any time.
    """
    gc.collect()
    return sorted(os.listdir("/dev/fd"))


def random_lines(size):
    """Return lines of few different bytes, some less than a TAB."""
    few = itertools.cycle(b"\0\1\b\t\n\v\r ab\xc3\xff")
    return random.Random(size).randbytes(size - 1).translate(
        bytes(itertools.islice(few, 256))) + b"\n"


def make_pipe(path):
    """Make a named pipe."""
    os.mkfifo(path)
