"""Find syntax of the shell in a command: no shell runs commands.

An operator is recognized only outside of quotes, and only where a shell would
take it for one and a program hardly ever for an argument.
"""
from __future__ import annotations

import os
import re

from mapreduce.client.errors import option_of

# A quoted part of a command; in the second one, $( and ` keep their meaning.
SINGLE_QUOTED = r"'[^']*'|\\."
DOUBLE_QUOTED = r'"(?:\\.|[^"\\])*"'

OPERATOR = re.compile(
    r"(?<!\S)(?:\d?>|<|\||&)\S*"  # |, >file, 2>&1
    r"|;(?=\s|$)|\$\([^)]*|`")
# Fields whose names are not those of the commands, and usual options.
OPTIONS = {"mapper": ("mapper_executable", "-m"),
           "reducer": ("reducer_executable", "-r")}
# cat|sort, A=1 ./map
PROGRAM = re.compile(r"[^\s|;&<>]+[|;&<>]|\w+=\S*(?=\s)")


def find_problem(what: str, command: str | None) -> str | None:
    """Return an error for a command that was written for a shell.

    `what` is, e.g., mapper. The path of a file is never such a command.
    """
    if command is None or os.path.isfile(command):
        return None
    syntax = _find(command)
    if syntax is None:
        return None
    return (f"the {what} {command!r} has {syntax!r}, but no shell runs it; "
            f"for a shell: {_option(what)} {_in_shell(command)}")


def _find(command: str) -> str | None:
    """Return what only a shell understands; None if there is nothing."""
    bare = re.sub(DOUBLE_QUOTED, _without_text,
                  re.sub(SINGLE_QUOTED, "_", command))
    program = PROGRAM.match(bare.lstrip())
    found = program or OPERATOR.search(bare)
    return found[0].strip() if found else None


def _without_text(quoted: re.Match[str]) -> str:
    """Return what a shell would still understand of a quoted part."""
    return "$(" if "$(" in quoted[0] else "`" if "`" in quoted[0] else "_"


def _in_shell(command: str) -> str:
    """Return what to type so that a shell runs a command."""
    # With quotes or variables inside, the user knows better what to quote.
    is_simple = not re.search(r"[\'\"\\$`!]", command)
    return f"\"sh -c '{command if is_simple else '…'}'\""


def _option(what: str) -> str:
    field, otherwise = OPTIONS.get(what, (what, f"--{what}"))
    return option_of(field, otherwise)
