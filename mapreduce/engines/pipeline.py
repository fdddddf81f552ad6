"""Run the executables of a job one after the other, as map | sort | reduce.

No Manager, Worker, split, partition or merge is used. All files are in one
directory.
"""
from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from mapreduce.manager.scheduling.plan import Plan
from mapreduce.protocol.extensions import (
    ExtendedJobMessage,
    ExtendedMapTaskMessage,
)
from mapreduce.protocol.fields import Split
from mapreduce.protocol.status import Stage
from mapreduce.system import inputs
from mapreduce.worker.errors import TaskError
from mapreduce.worker.inputs.files import BLOCK, open_input, read_blocks
from mapreduce.worker.inputs.splits import find_bad, read_all, read_split
from mapreduce.worker.output import DIRECTORY
from mapreduce.worker.processes.executor import Executor
from mapreduce.worker.processes.launcher import Launcher
from mapreduce.worker.processes.working_directory import make_directory
from mapreduce.worker.shuffle.command_partitioner import run_partitioner
from mapreduce.worker.shuffle.key_fields import (
    Rewrite,
    for_reducer,
    from_combiner,
    sort_arguments,
)
from mapreduce.worker.shuffle.partition_files import JoinedFile

SORT_MEMORY = "64M"  # that one sort may take


class Pipeline:
    """The pipeline of a job, and the directory of its files.

    Its methods raise TaskError if a process fails, or prints more than
    max_output bytes.
    """

    def __init__(
        self, job: ExtendedJobMessage, launcher: Launcher, directory: str,
        max_output: int | None = None,
    ) -> None:
        """Run the executables of a job by a launcher."""
        self._job = job
        self._launcher = launcher
        self._directory = directory
        self._max_output = max_output
        self._executors: dict[Stage, Executor] = {}

    def _executor(self, stage: Stage) -> Executor:
        """Return what runs the executables of a stage."""
        if stage not in self._executors:
            self._executors[stage] = self._new_executor(stage)
        return self._executors[stage]

    def _new_executor(self, stage: Stage) -> Executor:
        job = self._job
        # The variables are those of the first task, as if there was no other.
        variables = Plan("local_0000", job, self._directory, []).command(
            stage, 0, 0, "").variables
        executor = Executor(
            self._launcher, {**variables, **(job.environment or {})},
            job.task_timeout, any_exit_code=bool(job.any_exit_code))
        local = os.path.join(self._directory, f"{stage.value}-task")
        side_files = os.path.join(local, "side-files")
        os.makedirs(side_files)
        executor.environment.of_task[DIRECTORY] = side_files
        executor.directory = make_directory(ExtendedMapTaskMessage(
            0, [], job.mapper_executable, "", 0, {}, files=job.files,
            archives=job.archives), local)
        return executor

    def run(self) -> str:
        """Return the path of the result, one file."""
        path = self.map(self._splits())
        if not self._job.num_reducers:
            return path
        ordered = self.order(path)
        os.unlink(path)
        return self.reduce(ordered, "reduced")

    def _splits(self) -> list[Split]:
        """Return all files of the input."""
        job = self._job
        splits = list(map(Split, inputs.list_inputs(
            job.input_paths, inputs.rules_of(job))))
        if job.skip_bad_inputs:
            bad = find_bad(splits, bool(job.decompress))
            splits = [split for split in splits if split.path not in bad]
        return splits

    def map(
        self, splits: Sequence[Split],
        names: Mapping[str, str] = MappingProxyType({}),
    ) -> str:
        """Run the mapper on splits; return the path of its output.

        The mapper and messages get other names of files, if there are some.
        """
        job = self._job
        path = os.path.join(self._directory, "mapped")
        mapped = JoinedFile(path)
        if job.concatenate:
            with self._executor(Stage.MAP).running(
                    job.mapper_executable, job.mapper_executable,
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE) as mapper:
                mapped.add(self._limited(job.mapper_executable, mapper.read(
                    read_all(splits, bool(job.decompress)))))
        else:
            # A sample shows records, as single files have them.
            for group in self._groups(splits) if not names else zip(splits):
                mapped.add(itertools.chain.from_iterable(
                    self._map_file(split, names.get(split.path, split.path))
                    for split in group))
        if job.num_reducers:
            mapped.complete()
        return path

    def _groups(self, splits: Sequence[Split]) -> list[Sequence[Split]]:
        """Return the splits between whose output the job adds newlines."""
        if self._job.num_reducers:
            return [[split] for split in splits]
        # A part of the result is exactly what the mappers of a task print.
        number = Plan("", self._job, "", list(splits)).num_mappers
        return [splits[task::number] for task in range(number)]

    def _map_file(self, split: Split, name: str) -> Iterator[bytes]:
        """Run the mapper on a split; iterate over what it prints."""
        job = self._job
        executor = self._executor(Stage.MAP)
        with open_input(split.path) as file:
            blocks = read_split(split, file, bool(job.decompress))
            shown = os.path.abspath(name) if executor.directory else name
            with executor.running(
                    job.mapper_executable,
                    f"{job.mapper_executable} on the input {name!r}",
                    names={"mapreduce_map_input_file": shown,
                           "mapreduce_map_input_start": "0",
                           "mapreduce_map_input_length":
                               str(os.path.getsize(split.path))},
                    stdin=file if blocks is None else subprocess.PIPE,
                    stdout=subprocess.PIPE) as mapper:
                yield from self._limited(
                    job.mapper_executable, mapper.read(blocks))

    def _limited(
        self, command: str, blocks: Iterable[bytes]
    ) -> Iterator[bytes]:
        """Iterate over what a command prints; raise TaskError for too much."""
        size = 0
        for block in blocks:
            size += len(block)
            if self._max_output is not None and size > self._max_output:
                raise TaskError(f"{command} has printed more than "
                                f"{self._max_output >> 20} MiB")
            yield block

    def order(self, path: str, name: str = "sorted") -> str:
        """Sort map output in the order of the job; return the new path."""
        return self.sort(name, [path], sort_arguments(self._job))

    def sort(self, name: str, paths: Sequence[str], order: list[str]) -> str:
        """Sort the lines of files into a new one; return its path."""
        path = os.path.join(self._directory, name)
        self._launcher.run(
            ["sort", "-S", SORT_MEMORY, *order, "-o", path, "--",
             *(paths or [os.devnull])],
            "sort", {**os.environ, "LC_ALL": "C", "TMPDIR": self._directory})
        return path

    def reduce(self, ordered: str, name: str) -> str:
        """Run the reducer on sorted lines; return the path of its output."""
        command = self._job.reducer_executable
        assert command is not None
        path = os.path.join(self._directory, name)
        with open(path, "wb") as file:
            file.writelines(self._read_by(
                Stage.REDUCE, command, command, ordered))
        return path

    def combine(self, ordered: str) -> str:
        """Run the combiner on sorted map output; return its output, sorted."""
        command = self._job.combiner
        assert command is not None
        path = os.path.join(self._directory, "combined")
        restore = from_combiner(self._job)
        printed = self._read_by(
            Stage.MAP, command, f"{command} as the combiner", ordered)
        combined = JoinedFile(path)
        combined.add(restore(printed) if restore else printed)
        combined.complete()
        return self.order(path, "combined-sorted")

    def _read_by(
        self, stage: Stage, command: str, title: str, ordered: str
    ) -> Iterator[bytes]:
        """Iterate over what a command prints for sorted map output."""
        rewrite: Rewrite | None = for_reducer(self._job)
        with open_input(ordered) as file, self._executor(stage).running(
                command, title,
                stdin=file if rewrite is None else subprocess.PIPE,
                stdout=subprocess.PIPE) as process:
            yield from self._limited(command, process.read(
                rewrite and rewrite(
                    read_blocks(ordered, BLOCK, keep_open=True))))

    def partition(self, path: str, paths: list[str]) -> None:
        """Distribute lines to new files by the partitioner of the job."""
        assert self._job.partitioner is not None
        run_partitioner(self._job.partitioner, path, paths,
                        self._executor(Stage.MAP))
