"""The map stage of one task: map, partition, sort, combine, move.

The output of the mapper is a stream of bytes; no text is decoded. It is never
in memory as a whole: blocks are read, their lines dealt out to partitions, and
written whenever enough have gathered.
"""
from __future__ import annotations

import os

from mapreduce.utils import layout, scratch
from mapreduce.utils.extensions import ExtendedMapTaskMessage
from mapreduce.worker.executor import Executor
from mapreduce.worker.gathering import JoinedFile, PartitionFiles
from mapreduce.worker.input import open_input
from mapreduce.worker.launcher import Launcher
from mapreduce.worker.mapper import run_mapper
from mapreduce.worker.output import OutputDirectory
from mapreduce.worker.printed_partitions import run_partitioner
from mapreduce.worker.partitioning import HashPartitioner

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
    run_mapper(task, executor, JoinedFile(path).add)
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
    for path in paths:
        _sort(path, executor.launcher)
        if task.combiner is not None and os.path.getsize(path):
            _combine(task.combiner, path, executor)
            _sort(path, executor.launcher)
    return paths


def _join(
    task: ExtendedMapTaskMessage, path: str, executor: Executor
) -> None:
    """Put the map output, in complete lines, into one file."""
    joined = JoinedFile(path)
    run_mapper(task, executor, joined.add)
    joined.complete()


def _partition(
    task: ExtendedMapTaskMessage, paths: list[str], executor: Executor
) -> None:
    """Deal out the map output by the hash of the keys."""
    partitions = PartitionFiles(paths, HashPartitioner(len(paths)))
    run_mapper(task, executor, partitions.add)
    partitions.flush()


def _partition_by_command(
    task: ExtendedMapTaskMessage, partitioner: str, paths: list[str],
    executor: Executor,
) -> None:
    """Deal out the map output as a partitioner says, which reads all of it."""
    path = f"{paths[0]}-all"
    _join(task, path, executor)
    run_partitioner(partitioner, path, paths, executor)
    os.unlink(path)


def _combine(combiner: str, path: str, executor: Executor) -> None:
    """Have the content of a file replaced by what a combiner makes of it."""
    combined = f"{path}-combined"
    title = f"{combiner} as the combiner"
    with open_input(path) as file, open(combined, "wb") as output:
        with executor.running(combiner, title, stdin=file, stdout=output):
            pass
    os.replace(combined, path)


def _sort(path: str, launcher: Launcher) -> None:
    """Sort a file in place, by bytes; what spills over goes beside it.

    Left to itself, `sort` would take memory without bound for a large file.
    """
    env = {**os.environ, "LC_ALL": "C", "TMPDIR": os.path.dirname(path)}
    limit = ["-S", SORT_MEMORY] if os.path.getsize(path) > SMALL else []
    launcher.run(["sort", *limit, "-o", path, path], "sort", env)
