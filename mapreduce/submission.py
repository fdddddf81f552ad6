"""From the options of a job to the message that submits it.

Options come as a dictionary whose names are those of `job_options`; what is
None, or False, was not given.
"""
from __future__ import annotations

import dataclasses
import os
from typing import Any

import click

from mapreduce.utils import messages
from mapreduce.utils.commands import words
from mapreduce.utils.extensions import ExtendedJobMessage
from mapreduce.utils.messages import JobMessage, ManagerJobMessage

# What needs no message of our own.
PLAIN = {"input_paths", *(
    field.name for field in dataclasses.fields(ManagerJobMessage))}

NAMES = {"input_paths": "input directory",
         "keep_intermediate": "directory for the map output"}
FOR_REDUCERS = ("combiner", "partitioner", "keep_intermediate")


def fitting(fields: dict[str, Any], follow: bool) -> JobMessage:
    """Return the message for the options: that of the specification if it can.

    Fails, as extended does, with a line that says why.
    """
    given = checked(fields)
    paths = given["input_paths"]
    has_arguments = any(map(_has_arguments, (
        given["mapper_executable"], given.get("reducer_executable", ""))))
    if has_arguments:
        given.setdefault("environment", {})
    if len(paths) > 1 or not given["num_reducers"] or given.keys() - PLAIN:
        return extended(given, follow)
    del given["input_paths"]
    return _message("new_manager_job", {
        "input_directory": paths[0], **given}, follow)


def extended(given: dict[str, Any], follow: bool) -> ExtendedJobMessage:
    """Return the message of our own for options, as checked returns them.

    They are checked as the Manager will check them, and what is wrong is a
    click.UsageError. A job that is to be followed gets a key.
    """
    if "max_attempts" in given:
        attempts = given["max_attempts"]
        given = {**given, "max_map_attempts": attempts,
                 "max_reduce_attempts": attempts}
        del given["max_attempts"]
    message = _message("new_extended_job", given, follow)
    assert isinstance(message, ExtendedJobMessage)
    return message


def checked(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were given, if they go together.

    What stands for nothing, such as a size of 0, was not given either.
    """
    given = {name: value for name, value in fields.items()
             if value is not None and value is not False}
    for name, unused in (
            ("job_name", ""), ("split_size", 0), ("task_timeout", 0)):
        if given.get(name) == unused:
            del given[name]
    given["input_paths"] = list(given["input_paths"])
    if given["num_reducers"] == 0:
        _check_map_only(given)
    elif "reducer_executable" not in given:
        raise click.UsageError("Missing option '-r' / '--reducer'; only a "
                               "job with --nreducers 0 needs none")
    _check_names(given)
    return given


def _check_map_only(given: dict[str, Any]) -> None:
    """Leave out the reducer; fail for what has no use then."""
    given.pop("reducer_executable", None)
    for name in FOR_REDUCERS:
        if name in given:
            raise click.UsageError(
                "a job with 0 reduce tasks has no use for "
                f"--{name.replace('_', '-')}")


def _check_names(given: dict[str, Any]) -> None:
    """Fail for a name without characters, which is none of a file."""
    empty = [NAMES.get(name, name.replace("_", " "))
             for name, value in given.items()
             if value == "" or name == "input_paths" and "" in value]
    if empty:
        raise click.UsageError(f"the name of the {empty[0]} is empty")


def _has_arguments(command: str) -> bool:
    try:
        return len(words(command)) > 1
    except ValueError:  # Whoever is to run it will say what is wrong.
        return False


def _message(
    message_type: str, fields: dict[str, Any], follow: bool
) -> JobMessage:
    document = {"message_type": message_type, **fields}
    if follow:
        # Bytes of its own making, so that nobody else has the same.
        document["job_key"] = os.urandom(16).hex()
    try:
        message = messages.from_document(document)
    except messages.ProtocolError as error:
        raise click.UsageError(str(error)) from error
    assert isinstance(message, JobMessage)
    return message
