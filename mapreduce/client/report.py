"""Write the page of a job as one file."""
from __future__ import annotations

import datetime
import os

import click

from mapreduce import display
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
