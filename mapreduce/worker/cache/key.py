"""Compute the key of a map task: equal keys mean equal output.

In the key is all that the executables of the task get: the input, the files
of the programs, all variables of their environment, and all options that
change what is done with their output. What is not in the key, they don't see.
"""
from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from typing import Any

from mapreduce.protocol.extensions import ExtendedMapTaskMessage
from mapreduce.worker.cache.identities import Identities
from mapreduce.worker.cache.programs import Programs
from mapreduce.worker.processes.executor import Executor
from mapreduce.worker.processes.variables import OLD_NAMES

# To be increased when the same task leaves other files than before.
VERSION = 1

# Variables whose values differ from run to run, or with the place of a task
# among others. With a cache, executables don't see them.
HIDDEN = (
    "mapreduce_job_id", "mapreduce_job_maps", "mapreduce_job_name",
    "mapreduce_output_fileoutputformat_outputdir",
    "mapreduce_task_attempt_id", "mapreduce_task_id",
    "mapreduce_task_output_dir", "mapreduce_task_partition")

# Variables that name a session or a terminal of the user, not what a program
# must do. PWD is the directory, which is in the key.
SESSION = frozenset({
    "_", "DBUS_SESSION_BUS_ADDRESS", "INVOCATION_ID", "JOURNAL_STREAM",
    "OLDPWD", "PWD", "SHLVL", "SSH_AGENT_PID", "SSH_AUTH_SOCK", "SSH_CLIENT",
    "SSH_CONNECTION", "SSH_TTY", "STY", "TERM_SESSION_ID", "TMUX",
    "TMUX_PANE", "WINDOWID", "XDG_SESSION_ID"})

# Fields of the message that change nothing in the output. All others are in
# the key, also those that a later version adds.
IRRELEVANT = frozenset({
    "task_id", "output_directory", "task_timeout", "token", "job_id", "cache",
    "unpack_directory",
    # These are in the key in another form.
    "splits", "environment", "files", "archives", "logs"})


Facts = dict[str, Any]  # by what they are about; JSON can express them


def key_of(facts: Facts) -> str:
    """Return a key of 64 digits for what decides on the output of a task."""
    text = json.dumps(facts, sort_keys=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def difference(old: Facts, new: Facts) -> str:
    """Return what differs, e.g., the name of a file; empty if nothing does."""
    for name, value in old.items():
        if value == new[name]:
            continue
        if name not in ("input", "programs", "placed"):
            return f"its {name.replace('_', ' ')}"
        return next((repr(item[0]) for item in (*value, *new[name])
                     if (item in value) != (item in new[name])), name)
    return ""


def facts_of(
    task: ExtendedMapTaskMessage, executor: Executor, identities: Identities
) -> Facts:
    """Return what decides on the output of a task.

    Its executor must have the directory of the task, and hide HIDDEN. Raises
    Uncertain, TaskError or OSError if that can't be found.
    """
    directory = executor.directory or os.getcwd()
    environment = executor.environment.variables()
    if environment is None:
        environment = dict(os.environ)
    commands = [executor.find(command, command) for command in (
        task.executable, task.combiner, task.partitioner)
                if command is not None]
    programs = Programs(identities, directory, environment, [
        name for name in task.environment
        if not name.startswith("mapreduce_")]).find(commands, (
            *HIDDEN, *(OLD_NAMES[name] for name in HIDDEN
                       if name in OLD_NAMES)))
    return {
        "version": VERSION,
        "options": {field.name: getattr(task, field.name)
                    for field in dataclasses.fields(task)
                    if field.name not in IRRELEVANT},
        # The name, too: a variable tells it to the mapper.
        "input": [[*split, os.path.abspath(split.path), identities.of_split(
            split, bool(task.decompress))] for split in task.splits],
        "commands": commands,
        "programs": sorted(
            [_name_of(path, task, executor), identity]
            for path, identity in programs.items()),
        "placed": [[name, identities.of_tree(path)] for path, name in (
            *(task.files or ()), *(task.archives or ()))],
        "environment": {name: value for name, value in environment.items()
                        if name not in SESSION},
        # That of the task is a new one each time.
        "directory": None if executor.directory else directory,
        "keeps_stderr": task.logs is not None,
        "counts": executor.counts,
    }


def _name_of(
    path: str, task: ExtendedMapTaskMessage, executor: Executor
) -> str:
    """Return a path without the directories that each job has anew."""
    for place in (executor.directory, task.unpack_directory and
                  os.path.realpath(task.unpack_directory)):
        if place and path.startswith(f"{place}/"):
            return path.removeprefix(f"{place}/")
    return path
