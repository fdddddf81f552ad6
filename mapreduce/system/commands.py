"""Split a command into its program and arguments. Nothing is run here."""
from __future__ import annotations

import os
import re
import shutil

# A piece of a word: in single quotes, in double quotes, after a backslash, or
# without any of these.
PIECE = re.compile(
    r"""'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|([^ \t\r\n'"\\]+)""", re.DOTALL)
WORD = re.compile(f"(?:{PIECE.pattern})+", re.DOTALL)
# To these, a backslash outside of quotes takes their meaning in a shell.
SPECIAL = frozenset("|&;<>()$`\\\"' \t\r\n")
# Before these, a backslash in double quotes is removed.
ESCAPED = re.compile(r'\\([$`"\\\n])')


def words(
    command: str, path: str | None = None, directory: str = os.curdir
) -> list[str]:
    r"""Return the program of a command and its arguments.

    A command that is the path of a regular file has no arguments. Any other
    command is split into words as in a POSIX shell, but nothing is expanded,
    and a backslash stays where a shell would drop it for nothing: outside of
    quotes, before an ordinary character, as in s/\t/,/.
    A program without a slash gets the prefix "./" if it is found in the
    working directory; otherwise the system searches the PATH. `path` is that
    PATH if it differs from the one of this process; `directory` is the working
    directory. Raises ValueError, with a reason, if the command can't be split.
    """
    # The file comes first: the specification has paths here, and the path of
    # an executable may contain spaces and quotes.
    found = ([command] if os.path.isfile(os.path.join(directory, command))
             else split(command))
    if not found or not found[0]:
        raise ValueError("it names no program")
    program, *arguments = found
    if "/" not in program and _is_in_directory(
            os.path.join(directory, program), path):
        program = os.path.join(os.curdir, program)
    return [program, *arguments]


def split(command: str) -> list[str]:
    """Return the words of a command; raise ValueError for an open quote."""
    rest = PIECE.sub("", command).strip(" \t\r\n")
    if rest:
        raise ValueError("No escaped character" if rest[0] == "\\" else
                         "No closing quotation")
    return [PIECE.sub(_unquote, word[0]) for word in WORD.finditer(command)]


def _unquote(piece: re.Match[str]) -> str:
    single, double, escaped, plain = piece.groups()
    if double is not None:
        return ESCAPED.sub(_continue_line, double)
    if escaped is not None:
        return (_continue_line(piece, 3) if escaped in SPECIAL
                else piece[0])
    return plain if single is None else single


def _continue_line(escape: re.Match[str], group: int = 1) -> str:
    """Return what is escaped; a newline goes, with its backslash."""
    return escape[group].replace("\n", "")


def _is_in_directory(file: str, path: str | None) -> bool:
    # A file that can't be executed, such as a data file named "sort", must not
    # hide the program of the PATH. If there is none, the file is used anyway,
    # so that the error names what the user must fix.
    return os.path.isfile(file) and (
        os.access(file, os.X_OK)
        or shutil.which(os.path.basename(file), path=path) is None)
