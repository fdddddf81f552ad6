"""The map stage of one task: map, partition, sort, combine, move.

The output of the mapper is a stream of bytes; no text is decoded. It is never
in memory as a whole: blocks are read, their lines are distributed to
partitions, and these are written whenever enough has gathered.
"""
from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable, Sequence

from mapreduce.protocol import layout
from mapreduce.protocol.extensions import ExtendedMapTaskMessage
from mapreduce.protocol.fields import MAX_NAME, Split
from mapreduce.protocol.layout import SKIPPED_INPUTS
from mapreduce.system import scratch
from mapreduce.worker.errors import BadInput, TaskError
from mapreduce.worker.inputs.files import BLOCK, open_input, read_blocks
from mapreduce.worker.inputs.splits import (
    describe,
    find_bad,
    read_all,
    read_split,
)
from mapreduce.worker.output import OutputDirectory
from mapreduce.worker.processes.executor import Executor
from mapreduce.worker.processes.launcher import Launcher
from mapreduce.worker.shuffle import loops
from mapreduce.worker.shuffle.command_partitioner import run_partitioner
from mapreduce.worker.shuffle.key_fields import (
    FieldPartitioner,
    for_reducer,
    from_combiner,
    needs_fields,
    sort_arguments,
)
from mapreduce.worker.shuffle.partition_files import JoinedFile, PartitionFiles

SORT_MEMORY = "64M"  # that one sort may take, …
SMALL = 4 * 2**20  # … if its file has more than so many bytes


def run_map(
    task: ExtendedMapTaskMessage, output: OutputDirectory, executor: Executor
) -> None:
    """Do a map task: all its files are in the output directory at the end.

    Raises TaskError or OSError if it can't be done, TaskInterrupted if it
    was interrupted.
    """
    with scratch.directory(
            layout.local_directory_prefix(task.task_id)) as directory:
        if task.num_partitions:
            paths = _make_partitions(task, directory, executor)
        else:
            paths = [_make_result(task, directory, executor)]
        for path in paths:
            output.commit(path)


def _make_result(
    task: ExtendedMapTaskMessage, directory: str, executor: Executor
) -> str:
    """Make the one file of a task whose job has no reduce stage."""
    path = os.path.join(directory, layout.reduce_output(task.task_id))
    with open(path, "wb") as part:
        # No newline is added: what mappers print may be no text.
        _run_mapper(task, executor, part.writelines)
    return path


def _make_partitions(
    task: ExtendedMapTaskMessage, directory: str, executor: Executor
) -> list[str]:
    """Make the files for the reduce stage, each of them sorted."""
    paths = [
        os.path.join(directory, layout.map_output(task.task_id, partition))
        for partition in range(task.num_partitions)
    ]
    if task.partitioner is not None:
        _partition_by_command(task, task.partitioner, paths, executor)
    elif len(paths) == 1:
        _join(task, paths[0], executor)
    else:
        _partition(task, paths, executor)
    order = sort_arguments(task)
    for path in paths:
        _sort(path, order, executor.launcher)
        if task.combiner is not None and os.path.getsize(path):
            _combine(task, task.combiner, path, executor)
            _sort(path, order, executor.launcher)
    return paths


def _join(
    task: ExtendedMapTaskMessage, path: str, executor: Executor
) -> None:
    """Put the map output, in complete lines, into one file."""
    joined = JoinedFile(path)
    _run_mapper(task, executor, joined.add)
    joined.complete()


def _partition(
    task: ExtendedMapTaskMessage, paths: list[str], executor: Executor
) -> None:
    """Distribute the map output by the hash of the keys."""
    with PartitionFiles(paths, _partitioner(task, len(paths))) as partitions:
        _run_mapper(task, executor, partitions.add)


def _partitioner(
    task: ExtendedMapTaskMessage, number: int
) -> Callable[[bytes], list[bytes]]:
    """Return what distributes the lines of a block to so many partitions."""
    if needs_fields(task):
        return FieldPartitioner(task, number).partition
    return lambda block: loops.partition(block, number)


def _partition_by_command(
    task: ExtendedMapTaskMessage, partitioner: str, paths: list[str],
    executor: Executor,
) -> None:
    """Distribute the map output as a partitioner says, which reads it all."""
    path = f"{paths[0]}-all"
    _join(task, path, executor)
    run_partitioner(partitioner, path, paths, executor)
    os.unlink(path)


def _combine(
    task: ExtendedMapTaskMessage, combiner: str, path: str, executor: Executor
) -> None:
    """Have the content of a file replaced by what a combiner makes of it."""
    combined = f"{path}-combined"
    title = f"{combiner} as the combiner"
    rewrite, restore = for_reducer(task), from_combiner(task)
    with open_input(path) as file, open(combined, "wb") as output:
        if rewrite is None or restore is None:
            with executor.running(combiner, title, stdin=file,
                                  stdout=subprocess.PIPE) as process:
                output.writelines(process.read())
        else:
            with executor.running(combiner, title, stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE) as process:
                output.writelines(restore(process.read(rewrite(
                    read_blocks(path, BLOCK, keep_open=True)))))
    os.replace(combined, path)


def _sort(path: str, order: list[str], launcher: Launcher) -> None:
    """Sort a file in place, by bytes; what spills over goes beside it.

    Left to itself, `sort` would take memory without bound for a large file.
    """
    env = {**os.environ, "LC_ALL": "C", "TMPDIR": os.path.dirname(path)}
    limit = ["-S", SORT_MEMORY] if os.path.getsize(path) > SMALL else []
    launcher.run(["sort", *limit, *order, "-o", path, path], "sort", env)


def _run_mapper(
    task: ExtendedMapTaskMessage, executor: Executor,
    take: Callable[[Iterable[bytes]], None],
) -> None:
    """Have the output of each process taken: a stream that comes in blocks.

    Raises TaskError if a process fails, or its input can't be read.
    """
    splits, decompress = task.splits, bool(task.decompress)
    check = executor.launcher.interruption.check
    if task.skip_bad_inputs:
        # Before the mapper runs: half of a file must not have an effect.
        bad = find_bad(splits, decompress, check)
        splits = [split for split in splits if split.path not in bad]
        for path in bad:
            executor.count(SKIPPED_INPUTS, path[-MAX_NAME:])
    try:
        if not task.concatenate:
            for split in splits:
                _run_on_split(task, split, executor, take)
        elif splits:
            _run_on_all(task, splits, executor, take)
    except BadInput as error:
        # Not only the first one: the user can mend all at once.
        others = find_bad(splits, decompress, check) if splits[1:] else {}
        reasons = others.values() or [str(error)]
        raise TaskError("\n".join(reasons)) from error


def _run_on_split(
    task: ExtendedMapTaskMessage, split: Split, executor: Executor,
    take: Callable[[Iterable[bytes]], None],
) -> None:
    title = f"{task.executable} on the input {describe(split)}"
    names = {"mapreduce_map_input_file": split.path}
    with open_input(split.path) as file:
        feed = read_split(split, file, bool(task.decompress))
        with executor.running(
                task.executable, title, names=names,
                stdin=file if feed is None else subprocess.PIPE,
                stdout=subprocess.PIPE) as process:
            take(process.read(feed))


def _run_on_all(
    task: ExtendedMapTaskMessage, splits: Sequence[Split],
    executor: Executor, take: Callable[[Iterable[bytes]], None],
) -> None:
    number = f" and {len(splits) - 1} more" if splits[1:] else ""
    title = f"{task.executable} on the input {describe(splits[0])}{number}"
    with executor.running(
            task.executable, title, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE) as process:
        take(process.read(read_all(splits, bool(task.decompress))))
