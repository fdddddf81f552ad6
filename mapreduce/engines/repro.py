"""Make the shell line that runs an attempt at a task again. Runs nothing."""
from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from mapreduce.client.errors import JobFailed, NoManager, UnknownJob
from mapreduce.engines import shell
from mapreduce.protocol.extensions import TaskOptions
from mapreduce.protocol.fields import Split
from mapreduce.protocol.status import (
    JobDetails,
    JobState,
    JobStatus,
    Stage,
    TaskCommand,
)
from mapreduce.system.commands import words
from mapreduce.worker.inputs.splits import describe, find_bad
from mapreduce.worker.processes.variables import old_variables
from mapreduce.worker.processes.working_directory import ZIPPED, is_script
from mapreduce.worker.shuffle.key_fields import for_reducer, sort_arguments

FAILED = re.compile(
    r"(map|reduce) task (\d+) failed (?:once,|\d+ times, the last time) "
    r"because (.*)", re.DOTALL)
KEPT = re.compile(r"reducetask\d+-input")  # see layout.kept_input
MAX_HEAD = 16 * 2**10  # characters of a reason in which an input is named
# The programs of a map task, as reasons name them.
MAPPER, COMBINER, PARTITIONER = "mapper", "combiner", "partitioner"
NOT_HERE = "it can be run again only where its files are"


def ending(
    find: Callable[[int, Stage, int], TaskCommand], job: JobStatus,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Return the end of the message of a failed job; empty if there is none.

    It is the line for the task that made the job fail. `find` returns what
    that runs, for the ids of the job and of the task. The environment is that
    of the job, if it is known.
    """
    found = FAILED.match(job.reason or "")
    if job.state is not JobState.FAILED or not found:
        return ""
    # An error here must not hide why the job failed.
    with contextlib.suppress(NoManager, UnknownJob, JobFailed):
        command = find(job.id, Stage(found[1]), int(found[2]))
        return f"\nRun it again:\n{line(command, environment, found[3])}"
    return ""


def reason_of(details: JobDetails, stage: Stage, task_id: int) -> str:
    """Return why a task failed last; an empty text if it is not known."""
    for task in details.tasks:
        if (task.stage, task.task_id) == (stage, task_id):
            return task.reason or ""
    # The Manager keeps the tasks of the jobs that ended last only.
    found = FAILED.match(details.job and details.job.reason or "")
    if found and (found[1], int(found[2])) == (stage.value, task_id):
        return found[3]
    return ""


def line(
    command: TaskCommand, environment: Mapping[str, str] | None = None,
    reason: str = "",
) -> str:
    """Return the line: directory, environment, input, executable, arguments.

    Without an environment, the variables of the job get their values from
    the shell. The reason says which of the executables failed, and on which
    input: only these are in the line. Raises JobFailed if the input of the
    task is gone.
    """
    with _inside(command.directory):
        made = _Line(command, environment or {})
        try:
            steps = list(made.steps(reason))
        except OSError as error:
            raise JobFailed(f"cannot read the input {error.filename!r}: "
                            f"{error.strerror}") from error
    joined = " && ".join(
        [f"cd {shell.quote(command.directory)}", *(steps or ["true"])])
    # The shell of the user keeps its variables.
    return f"({joined})" if made.exports else joined


@contextlib.contextmanager
def _inside(directory: str) -> Iterator[None]:
    """Use another working directory, as the Workers do."""
    with contextlib.ExitStack() as stack:
        try:
            before = os.open(os.curdir, os.O_RDONLY)
            stack.callback(os.close, before)
            os.chdir(directory)
            stack.callback(os.chdir, before)
        except OSError as error:
            raise JobFailed(
                f"the directory {directory!r} of this job can't be used on "
                f"this machine ({error.strerror}); {NOT_HERE}") from error
        yield


class _Line:
    """The steps of the line of one task."""

    def __init__(
        self, command: TaskCommand, environment: Mapping[str, str]
    ) -> None:
        self._command = command
        self._values = {**command.variables, **environment}
        self._unknown = [name for name in command.names
                         if name not in self._values]
        self._order = TaskOptions(
            separator=command.separator, key_fields=command.key_fields,
            key_separator=command.key_separator,
            sort_options=command.sort_options,
            reducer_separator=command.reducer_separator)
        # Whether variables are set once for all processes of the mapper.
        self.exports = False
        self._is_refused = False  # the system can't start the program

    def steps(self, reason: str) -> Iterator[str]:
        """Iterate over the commands of the line, in their order."""
        command = self._command
        self._is_refused = shell.REFUSED in reason[:MAX_HEAD]
        if command.stage is Stage.REDUCE:
            _check(command.splits)
            reducer = self._program(command.executable)
            yield from self._placed(command.executable)
            yield self._reduce(reducer)
            return
        splits = list(command.splits if command.concatenate
                      else _read_at(reason, command.splits))
        if command.skip_bad_inputs:
            bad = find_bad(splits, command.decompress)
            splits = [split for split in splits if split.path not in bad]
        _check(splits)
        role = _failed_role(reason, command)
        if role != MAPPER or len(splits) > 1 and not command.concatenate:
            yield from self._export()
        yield from self._placed({
            MAPPER: command.executable, COMBINER: command.combiner,
            PARTITIONER: command.partitioner}[role] or "")
        if command.decompress:
            yield from shell.checks(map(self._seen, splits))
        mappers = list(self._mappers(splits))
        if role != MAPPER:
            yield self._after(mappers, role)
        elif command.any_exit_code and len(mappers) > 1:
            yield f"{{ {'; '.join(mappers)}; }}"
        else:
            yield from mappers

    def _export(self) -> Iterator[str]:
        """Set the variables once: with each process, they make long lines."""
        # Not those of the user: some names mean something to a shell.
        variables = shell.assignments(self._exported().items())
        if variables:
            self.exports = True
            yield f"export {' '.join(variables)}"

    def _exported(self) -> dict[str, str]:
        variables = self._with_old(self._command.variables)
        return {name: value for name, value in variables.items()
                if shell.is_variable(name)}

    def _reduce(self, reducer: str) -> str:
        splits = list(map(self._seen, self._command.splits))
        # What is kept is what the reducer has read.
        if not KEPT.fullmatch(os.path.basename(splits[0].path)):
            self._refuse_rewriting()
        if len(splits) == 1:
            return f"{reducer} < {shell.quote(splits[0].path)}"
        return f"{self._sort('-m')} -- {shell.paths(splits)} | {reducer}"

    def _mappers(self, splits: Sequence[Split]) -> Iterator[str]:
        """Iterate over a pipeline for each process of the mapper."""
        command = self._command
        if command.concatenate and splits:
            feed = "; ".join(shell.concatenated(
                list(map(self._seen, splits)), command.decompress))
            yield f"{{ {feed}; }} | {self._program(command.executable)}"
            return
        for split in splits:
            seen = self._seen(split)
            program = self._program(
                command.executable, self._split_variables(seen))
            source = shell.feed(seen, command.decompress)
            yield (f"{program} < {shell.quote(seen.path)}" if source is None
                   else f"{source} | {program}")

    def _after(self, mappers: Sequence[str], role: str) -> str:
        """Return the line of the combiner or the partitioner."""
        command = self._command
        # The combiner and the partitioner read whole lines.
        feed = "; ".join(f"{mapper} | {shell.END_LINE}" for mapper in mappers)
        steps = [f"{{ {feed or 'true'}; }}"]  # A task may have no input.
        if command.combiner is not None:
            self._refuse_rewriting()
            steps += [self._sort(), self._program(command.combiner)]
        if role == PARTITIONER and command.partitioner is not None:
            steps += [shell.END_LINE] * (command.combiner is not None)
            steps.append(f"{self._program(command.partitioner)} "
                         f"{command.num_partitions}")
        return " | ".join(steps)

    def _refuse_rewriting(self) -> None:
        if for_reducer(self._order):
            raise JobFailed(
                "no shell line changes the separators of this job as the "
                "Worker does; --keep-failed keeps what a reducer reads")

    def _sort(self, *options: str) -> str:
        arguments = map(shell.quote, sort_arguments(self._order))
        return " ".join(["LC_ALL=C sort", *options, *arguments])

    def _split_variables(self, split: Split) -> dict[str, str]:
        """Return what tells the mapper, as in Hadoop, what it reads."""
        if not self._command.variables:
            return {}
        end = (os.path.getsize(split.path) if split.end is None
               else split.end)
        return {"mapreduce_map_input_file": split.path,
                "mapreduce_map_input_start": str(split.start),
                "mapreduce_map_input_length": str(end - split.start)}

    def _program(
        self, executable: str, names: Mapping[str, str] | None = None
    ) -> str:
        """Return an executable with its arguments and its environment."""
        values = self._with_old({**(names or {}), **self._values})
        if self.exports:
            exported = self._exported()
            values = {name: value for name, value in values.items()
                      if exported.get(name) != value}
        # `env` takes any name; a shell has only variables of some names.
        variables = [
            *shell.assignments(values.items()),
            *(f'{name}="${name}"' for name in self._unknown
              if shell.is_variable(name))]
        program, *arguments = self._words(executable)
        return " ".join([
            shell.with_environment(variables, program, self._is_refused),
            *map(shell.quote, arguments)])

    @staticmethod
    def _with_old(values: Mapping[str, str]) -> dict[str, str]:
        """Return variables, and those of them with old names, too."""
        return {**old_variables(values), **values}

    def _words(self, executable: str) -> list[str]:
        placed = [name for _, name in self._links]
        try:
            # A directory in which no file is found, if the task has its own.
            program, *arguments = [executable] if executable in placed else (
                words(executable, self._values.get("PATH"),
                      os.devnull if placed else os.curdir))
        except ValueError as error:
            raise JobFailed(
                f"{executable!r} is no command: {error}") from error
        name = program.removeprefix("./")
        if name.split("/")[0] in placed:
            program = os.path.join(".", name)
        elif "/" in program:
            program = self._path(program)
        return [program, *arguments]

    # Of a task that has a working directory of its own, with its files.

    @property
    def _links(self) -> Sequence[tuple[str, ...]]:
        return (*self._command.files, *self._command.archives)

    def _path(self, path: str) -> str:
        return os.path.abspath(path) if self._links else path

    def _seen(self, split: Split) -> Split:
        """Return a split with the path by which the line finds it."""
        return split._replace(path=self._path(split.path))

    def _placed(self, executable: str) -> Iterator[str]:
        """Make such a directory, as the Worker does."""
        if not self._links:
            return
        yield 'cd "$(mktemp -d)"'
        program = os.path.normpath(self._words(executable)[0])
        for path, name in self._command.files:
            source, target = map(shell.quote, (
                os.path.abspath(path), os.path.join(".", name)))
            if is_script(path) or (
                    name == program and not os.access(path, os.X_OK)):
                yield f"cp {source} {target} && chmod 755 {target}"
            else:
                yield f"ln -s {source} {target}"
        for path, name in self._command.archives:
            source, target = map(shell.quote, (
                os.path.abspath(path), os.path.join(".", name)))
            yield (f"unzip -q {source} -d {target}" if ZIPPED.fullmatch(path)
                   else f"mkdir {target} && tar -xf {source} -C {target}")
            yield f"chmod -R u+rx {target}"


def _check(splits: Sequence[Split]) -> None:
    for split in splits:
        if not os.path.exists(split.path):
            raise JobFailed(
                f"the input {split.path!r} of this task is not there: it is "
                "removed with its job, or on another machine")


def _failed_role(reason: str, command: TaskCommand) -> str:
    """Return which program of a map task has failed: the first if unknown."""
    for program, role in ((command.combiner, COMBINER),
                          (command.partitioner, PARTITIONER)):
        if program and reason.startswith(f"{program} as the {role}"):
            return role
    return MAPPER


def _read_at(reason: str, splits: Sequence[Split]) -> Sequence[Split]:
    """Return the one split on which a task failed; all if that is not known.

    The reason names it, before the standard error of the executable.
    """
    head = reason[:MAX_HEAD]
    named = [split for split in splits
             if _position(head, describe(split)) >= 0]
    # An input that can't be read is named without its range.
    named = named or [split for split in splits
                      if _position(head, repr(split.path)) >= 0]
    return sorted(named, key=lambda split: min(
        position for position in (
            _position(head, describe(split)),
            _position(head, repr(split.path))) if position >= 0))[:1] or splits


def _position(head: str, name: str) -> int:
    """Return where a reason names an input; -1 if it does not."""
    title = f"the input {name}"
    position = head.find(title)
    following = head[position + len(title):]
    if position < 0 or re.match(r" (from|to) byte |\d", following):
        return -1
    return position
