"""Write the page of a job as one file."""
from __future__ import annotations

import datetime
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence

import click

from mapreduce import display
from mapreduce.client.command import tell
from mapreduce.display import text
from mapreduce.protocol.status import JobDetails


def check(path: str) -> None:
    """Raise click.ClickException unless a report can be written.

    For a command that writes it only after a long time.
    """
    try:
        assert display.pages
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"a page needs the package {error.name}; "
            "pip install 'mapreduce[report]' installs it") from error
    directory = os.path.dirname(path) or os.curdir
    if os.path.isdir(path) or not os.access(directory, os.W_OK | os.X_OK):
        raise click.ClickException(
            f"cannot write the page {path!r}; name a file in a directory that "
            "exists")


def write(path: str, details: JobDetails, command: str) -> None:
    """Write the page of a job, which `check` must have allowed.

    The command is one that would run the job again. Raises OSError.
    """
    now = datetime.datetime.now().astimezone()
    page = display.pages.job_report(details, now, command)
    with open(path, "w", encoding="utf-8") as file:
        file.write(page)


def writer(path: str) -> Callable[[JobDetails], None]:
    """Return a function that writes the page of a job of this command.

    It raises nothing: the job is done, whatever becomes of its page. Raises
    click.ClickException if no page can be written.
    """
    check(path)
    command = shlex.join([
        os.path.basename(sys.argv[0]), *without_values(sys.argv[1:])])

    def write_page(details: JobDetails) -> None:
        try:
            write(path, details, command)
        except OSError as error:
            tell(text.clean(
                f"Cannot write the page {path!r}: {error.strerror}"))

    return write_page


def without_values(words: Sequence[str]) -> Iterator[str]:
    """Iterate over a command line, without values of the environment.

    They may be passwords, and pages are sent to others.
    """
    previous = ""
    for word in words:
        option, equals, rest = word.partition("=")
        if previous in ("--cmdenv", "-cmdenv"):
            yield f"{option}=…"
        elif option == "--cmdenv" and equals:
            yield f"{option}={rest.partition('=')[0]}=…"
        else:
            yield word
        previous = word
