"""Complete words of a command line for the shell of a user.

Each function has the signature that click wants for `shell_complete`.
"""
from __future__ import annotations

import contextlib

import click
from click.shell_completion import CompletionItem

from mapreduce.client.errors import NoManager
from mapreduce.client.remote_manager import RemoteManager
from mapreduce.display import text


def files(
    _context: click.Context, _option: click.Parameter, word: str
) -> list[CompletionItem]:
    """Complete the name of a file or directory."""
    return [CompletionItem(word, type="file")]


def directories(
    _context: click.Context, _option: click.Parameter, word: str
) -> list[CompletionItem]:
    """Complete the name of a directory."""
    return [CompletionItem(word, type="dir")]


def jobs(
    context: click.Context, _argument: click.Parameter, word: str
) -> list[CompletionItem]:
    """Return the numbers of all jobs, with their states."""
    return _jobs(context, word, with_ended=True)


def active_jobs(
    context: click.Context, _argument: click.Parameter, word: str
) -> list[CompletionItem]:
    """Return the numbers of the jobs that have not ended."""
    return _jobs(context, word, with_ended=False)


def _jobs(
    context: click.Context, word: str, with_ended: bool
) -> list[CompletionItem]:
    manager = RemoteManager(context.params["host"], context.params["port"],
                            context.params["secret"])
    # An error would appear in the middle of the line that the user types.
    with contextlib.suppress(NoManager):
        return [
            CompletionItem(str(job.id), help=f"{text.title(job)}: "
                           f"{job.state.value}")
            for job in manager.status().jobs
            if str(job.id).startswith(word)
            and (with_ended or not job.ended)]
    return []


BY_METAVAR = {"PATH": files, "COMMAND": files, "DIRECTORY": directories}
