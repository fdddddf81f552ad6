"""Make the shell line that runs an attempt at a task again. Runs nothing."""
from __future__ import annotations

import contextlib
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence

from mapreduce.client.errors import JobFailed, NoManager, UnknownJob
from mapreduce.client.remote_manager import RemoteManager
from mapreduce.protocol.fields import Split
from mapreduce.protocol.layout import is_compressed
from mapreduce.protocol.status import (
    JobState,
    JobStatus,
    Stage,
    TaskCommand,
)
from mapreduce.system.commands import words
from mapreduce.worker.inputs.ranges import bounds

FAILED = re.compile(r"(map|reduce) task (\d+) failed")
# Programs that write what a compressed file holds on standard output.
PROGRAMS = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd"}


def ending(
    manager: RemoteManager, job: JobStatus,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Return the end of the message of a failed job; empty if there is none.

    It is the line for the task that made the job fail. The environment is
    that of the job, if it is known.
    """
    found = FAILED.match(job.reason or "")
    if job.state is not JobState.FAILED or not found:
        return ""
    # An error here must not hide why the job failed.
    with contextlib.suppress(NoManager, UnknownJob, JobFailed):
        command = manager.command(
            job.id, Stage(found.group(1)), int(found.group(2)))
        return f"\nRun it again:\n{line(command, environment)}"
    return ""


def line(
    command: TaskCommand, environment: Mapping[str, str] | None = None
) -> str:
    """Return the line: directory, environment, input, executable, arguments.

    Without an environment, the variables of the job get their values from
    the shell. Raises JobFailed if the input of the task is gone.
    """
    values = dict(command.variables) | dict(environment or {})
    unknown = [name for name in command.names if name not in values]
    with _inside(command.directory):
        steps = list(_steps(command, values, unknown))
    return f"cd {_quote(command.directory)} && " + " && ".join(
        steps or ["true"])


@contextlib.contextmanager
def _inside(directory: str) -> Iterator[None]:
    """Use another working directory, as the Workers do."""
    before = os.open(os.curdir, os.O_RDONLY)
    try:
        os.chdir(directory)
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise JobFailed(f"the directory {directory!r} of this job is not on "
                        "this machine") from error
    finally:
        os.chdir(before)
        os.close(before)


def _steps(
    command: TaskCommand, values: Mapping[str, str], unknown: Sequence[str]
) -> Iterator[str]:
    """Return a pipeline for each process of the task, in their order."""
    splits = command.splits
    for split in splits:
        if not os.access(split.path, os.R_OK):
            raise JobFailed(
                f"the input {split.path!r} of this task is not there")
    if command.stage is Stage.REDUCE:
        program = _program(command, values, unknown)
        paths = " ".join(_quote(split.path) for split in splits)
        yield (f"{program} < {paths}" if len(splits) == 1
               else f"LC_ALL=C sort -m -- {paths} | {program}")
    elif command.concatenate:
        feed = "; ".join(_concatenated(splits, command.decompress))
        yield f"{{ {feed}; }} | {_program(command, values, unknown)}"
    else:
        for split in splits:
            program = _program(command, values, unknown, split)
            source = _feed(split, command.decompress)
            yield (f"{program} < {_quote(split.path)}" if source is None
                   else f"{source} | {program}")


def _program(
    command: TaskCommand, values: Mapping[str, str],
    unknown: Sequence[str], split: Split | None = None,
) -> str:
    """Return the executable with its arguments and its environment."""
    values = dict(values)
    if command.variables and split is not None:
        values.setdefault("mapreduce_map_input_file", split.path)
    set_variables = [
        *(f"{_quote(name)}={_quote(value)}"
          for name, value in values.items()),
        *(f'{name}="${name}"' for name in unknown if name.isidentifier())]
    program = [_quote(word) for word in words(
        command.executable, values.get("PATH"))]
    return " ".join(
        (["env", *set_variables] if set_variables else []) + program)


def _feed(split: Split, decompress: bool) -> str | None:
    """Return a command that prints a split; None for a whole file."""
    ending_of = os.path.splitext(split.path)[1]
    if decompress and is_compressed(split.path):
        if ending_of not in PROGRAMS:
            raise JobFailed(f"no program is known here that decompresses "
                            f"{split.path!r} as the Worker does")
        return f"{PROGRAMS[ending_of]} -dc < {_quote(split.path)}"
    if split == Split(split.path):
        return None
    with open(split.path, "rb") as file:
        first, last = bounds(file, split.start, split.end)
    tail = f"tail -c +{first + 1} < {_quote(split.path)}"
    return tail if last is None else f"{tail} | head -c {last - first}"


def _concatenated(
    splits: Sequence[Split], decompress: bool
) -> Iterator[str]:
    """Iterate over commands that print splits, with newlines if needed."""
    for number, split in enumerate(splits):
        feed = _feed(split, decompress)
        feed = feed or f"cat < {_quote(split.path)}"
        last = number == len(splits) - 1
        # sed gives a last line its newline, and changes nothing else.
        yield feed if last else f"{feed} | sed '$a\\'"


def _quote(word: str) -> str:
    """Return a word for the shell, on one line."""
    if word.isprintable():
        return shlex.quote(word)
    # Of bash, zsh and ksh: a newline must not end the line.
    escaped = "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b"'\\"
        else f"\\x{byte:02x}" for byte in os.fsencode(word))
    return f"$'{escaped}'"
