"""The options that describe a job, and the message that they make."""
from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mapreduce import utils
from mapreduce.utils import layout

if TYPE_CHECKING:
    from mapreduce.utils.messages import ManagerJobMessage

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

COUNT = click.IntRange(1, layout.MAX_TASKS)


def job_options(**defaults: Any) -> Callable[[Decorated], Decorated]:
    """Add the options of a job to a command; what has no default is required.

    A default of (None, text) stands for one that the command finds itself.
    """
    def option(*names: str, **settings: Any) -> Callable[..., Any]:
        field = names[-1]
        if field not in defaults:
            return click.option(*names, required=True, **settings)
        default, shown = defaults[field], True
        if isinstance(default, tuple):
            default, shown = default
        return click.option(
            *names, default=default, show_default=shown, **settings)

    def decorate(command: Decorated) -> Decorated:
        for add in reversed((
            option("-i", "--input", "input_directory", metavar="DIRECTORY",
                   help="Directory of the input files."),
            option("-o", "--output", "output_directory", metavar="DIRECTORY",
                   help="Directory of the result; replaced if it exists."),
            option("-m", "--mapper", "mapper_executable",
                   metavar="EXECUTABLE", help="Executable of the map stage."),
            option("-r", "--reducer", "reducer_executable",
                   metavar="EXECUTABLE",
                   help="Executable of the reduce stage."),
            option("--nmappers", "--mappers", "num_mappers", metavar="N",
                   type=COUNT, help="Number of map tasks."),
            option("--nreducers", "--reducers", "num_reducers", metavar="N",
                   type=COUNT, help="Number of reduce tasks, and so of files "
                   "of the result."),
            click.option("--name", "job_name", default="", metavar="TEXT",
                         help="Name of the job, for what is shown of it."),
        )):
            command = add(command)
        return command
    return decorate


def submission(fields: dict[str, Any], follow: bool) -> ManagerJobMessage:
    """Return the message for the options, or fail with a line that says why.

    They are checked as the Manager will check them. A job that is to be
    followed gets a key.
    """
    document = {name: value for name, value in fields.items()
                if (name, value) != ("job_name", "")}
    for name, value in document.items():
        if value == "":
            raise click.UsageError(
                f"the name of the {name.replace('_', ' ')} is empty")
    if follow:
        # Bytes of its own making, so that nobody else has the same.
        document["job_key"] = os.urandom(16).hex()
    try:
        message = utils.messages.from_document(
            {"message_type": "new_manager_job", **document})
    except utils.messages.ProtocolError as error:
        raise click.UsageError(str(error)) from error
    assert isinstance(message, utils.messages.ManagerJobMessage)
    return message
