"""Which words a command stands for, and which file the first of them is."""
from __future__ import annotations

import os
import shlex
import shutil


def words(command: str, path: str | None = None) -> list[str]:
    """Return the program and the arguments that a command stands for.

    A command that is the path of a regular file is that file. Any other is
    split as a POSIX shell splits words; no shell runs, and nothing is
    expanded. A program without a slash is looked up in the working directory
    first; what is not there is left to the PATH, that of this process unless
    another is given. Raises ValueError, with a reason, for what can't be
    split.
    """
    found = [command] if os.path.isfile(command) else shlex.split(command)
    if not found or not found[0]:
        raise ValueError("it names no program")
    program, *arguments = found
    if "/" not in program and _is_here(program, path):
        program = os.path.join(os.curdir, program)
    return [program, *arguments]


def _is_here(name: str, path: str | None) -> bool:
    """Tell whether the file of a name in the working directory is meant.

    One that can't be executed is meant only where the PATH has none.
    """
    return os.path.isfile(name) and (
        os.access(name, os.X_OK) or shutil.which(name, path=path) is None)
