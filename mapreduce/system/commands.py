"""Split a command into its program and arguments. Nothing is run here."""
from __future__ import annotations

import os
import shlex
import shutil


def words(command: str, path: str | None = None) -> list[str]:
    """Return the program of a command and its arguments.

    A command that is the path of a regular file has no arguments. Any other
    command is split into words as in a POSIX shell, but nothing is expanded.
    A program without a slash gets the prefix "./" if it is found in the
    working directory; otherwise the system searches the PATH. `path` is that
    PATH if it differs from the one of this process. Raises ValueError, with a
    reason, if the command can't be split.
    """
    # The file comes first: the specification has paths here, and the path of
    # an executable may contain spaces and quotes.
    found = [command] if os.path.isfile(command) else shlex.split(command)
    if not found or not found[0]:
        raise ValueError("it names no program")
    program, *arguments = found
    if "/" not in program and _is_in_working_directory(program, path):
        program = os.path.join(os.curdir, program)
    return [program, *arguments]


def _is_in_working_directory(name: str, path: str | None) -> bool:
    # A file that can't be executed, such as a data file named "sort", must not
    # hide the program of the PATH. If there is none, the file is used anyway,
    # so that the error names what the user must fix.
    return os.path.isfile(name) and (
        os.access(name, os.X_OK) or shutil.which(name, path=path) is None)
