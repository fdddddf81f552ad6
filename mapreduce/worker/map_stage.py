"""The map stage of one task: map, combine, partition, sort, move.

The output of the mapper is a stream of bytes; no text is decoded. It is never
in memory as a whole: blocks are read, their lines are distributed to
partitions, and these are written whenever enough has gathered.
"""
from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterable, Sequence

from mapreduce.protocol import layout
from mapreduce.protocol.extensions import ExtendedMapTaskMessage
from mapreduce.protocol.fields import MAX_NAME, Split
from mapreduce.protocol.layout import SKIPPED_INPUTS
from mapreduce.worker.cache.cached_task import open_cache
from mapreduce.worker.errors import BadInput, TaskError
from mapreduce.worker.inputs.files import (
    BLOCK,
    open_input,
    read_blocks,
    reading,
)
from mapreduce.worker.inputs.splits import (
    describe,
    find_bad,
    read_all,
    read_split,
)
from mapreduce.worker.output import (
    OutputDirectory,
    local_directory,
    open_part,
)
from mapreduce.worker.processes.executor import Executor
from mapreduce.worker.processes.launcher import Launcher, Stream
from mapreduce.worker.processes.process import Process
from mapreduce.worker.records import count_file, count_none, counted
from mapreduce.worker.shuffle import loops
from mapreduce.worker.shuffle.command_partitioner import run_partitioner
from mapreduce.worker.shuffle.key_fields import (
    FieldPartitioner,
    for_reducer,
    from_combiner,
    needs_fields,
    sort_arguments,
)
from mapreduce.worker.shuffle.lines import are_sorted
from mapreduce.worker.shuffle.partition_files import JoinedFile, PartitionFiles
from mapreduce.worker.skipping.records import Records, of_splits
from mapreduce.worker.skipping.search import Stage
from mapreduce.worker.skipping.skips import Skips, Source

SORT_MEMORY = "64M"  # that one sort may take, …
SMALL = 4 * 2**20  # … if its file has more than so many bytes
# For all output of a task at once. What is sorted at a time should fit into
# the cache of a core; merging that costs less.
IN_CACHE = ["-S", "8M", "--parallel=1", "--batch-size=64"]

Take = Callable[[Iterable[bytes]], None]  # writes a stream of blocks
Output = Callable[[Take], None]  # passes each stream of output to a Take


def run_map(
    task: ExtendedMapTaskMessage, output: OutputDirectory,
    executor: Executor, skips: Skips,
) -> None:
    """Do a map task: all its files are in the output directory at the end.

    Raises TaskError or OSError if it can't be done, TaskInterrupted if it
    was interrupted.
    """
    with local_directory(task, executor) as (directory, side_files):
        cached = open_cache(task, executor)
        if cached and cached.fetch(output, os.path.basename(directory)):
            return
        count_none(executor, *layout.INPUT, *layout.MAP_OUTPUT)
        if task.num_partitions:
            paths = _make_partitions(task, directory, executor, skips)
        else:
            paths = [_make_result(task, directory, executor, skips)]
        if cached:
            cached.keep(paths)
        side_files.commit()
        for path in paths:
            output.commit(path)


def _make_result(
    task: ExtendedMapTaskMessage, directory: str, executor: Executor,
    skips: Skips,
) -> str:
    """Make the one file of a task whose job has no reduce stage."""
    path = os.path.join(
        directory, layout.reduce_output(task.task_id, task.compress))
    count_none(executor, *layout.OUTPUT)
    with open_part(path, task.compress) as part:
        def take(blocks: Iterable[bytes]) -> None:
            for block in counted(blocks, executor, *layout.OUTPUT):
                part.write(block)

        # No newline is added: what mappers print may be no text.
        _run_mapper(task, executor, take, skips)
    return path


def _make_partitions(
    task: ExtendedMapTaskMessage, directory: str, executor: Executor,
    skips: Skips,
) -> list[str]:
    """Make the files for the reduce stage, each of them sorted."""
    paths = [
        os.path.join(directory, layout.map_output(task.task_id, partition))
        for partition in range(task.num_partitions)
    ]
    run = _combined(task, directory, executor, skips)
    if task.partitioner is not None:
        _partition_by_command(run, task.partitioner, paths, executor)
    elif len(paths) == 1:
        _join(run, paths[0])
    else:
        with PartitionFiles(
                paths, _partitioner(task, len(paths))) as partitions:
            run(partitions.add)
    for path in paths:
        if not _is_sorted(task, path, executor):
            _sort(path, sort_arguments(task), executor.launcher)
    return paths


def _is_sorted(
    task: ExtendedMapTaskMessage, path: str, executor: Executor
) -> bool:
    """Return whether a file is certainly sorted.

    What a combiner prints mostly is, because its input was: to look costs less
    than to sort again. Output of mappers is not looked at.
    """
    return task.combiner is not None and not sort_arguments(task) and (
        are_sorted(read_blocks(path, BLOCK, keep_open=True),
                   executor.launcher.interruption.check))


def _combined(
    task: ExtendedMapTaskMessage, directory: str, executor: Executor,
    skips: Skips,
) -> Output:
    """Return what runs the mapper, and the combiner if there is one.

    The combiner gets all map output of the task at once. It may print other
    keys than it read, so only then the lines have their partitions.
    """
    def run_mapper(take: Take) -> None:
        _run_mapper(task, executor, take, skips)

    def run_both(take: Take) -> None:
        path = os.path.join(directory, "map-output")
        _join(run_mapper, path)
        if os.path.getsize(path):
            _sort(path, sort_arguments(task), executor.launcher, IN_CACHE)
            _combine(task, path, executor, take)
        os.unlink(path)

    return run_mapper if task.combiner is None else run_both


def _join(run: Output, path: str) -> None:
    """Put all output, in complete lines, into one file."""
    joined = JoinedFile(path)
    run(joined.add)
    joined.complete()


def _partitioner(
    task: ExtendedMapTaskMessage, number: int
) -> Callable[[bytes], list[bytes]]:
    """Return the function that distributes the lines of a block."""
    if needs_fields(task):
        return FieldPartitioner(task, number).partition
    return lambda block: loops.partition(block, number)


def _partition_by_command(
    run: Output, partitioner: str, paths: list[str], executor: Executor
) -> None:
    """Distribute all output by a partitioner, which reads it as one file."""
    path = f"{paths[0]}-all"
    _join(run, path)
    run_partitioner(partitioner, path, paths, executor)
    os.unlink(path)


def _combine(
    task: ExtendedMapTaskMessage, path: str, executor: Executor, take: Take
) -> None:
    """Run the combiner on a file; `take` gets what it prints."""
    assert task.combiner is not None
    title = f"{task.combiner} as the combiner"
    rewrite, restore = for_reducer(task), from_combiner(task)
    if rewrite is None or restore is None:
        with open_input(path) as file, executor.running(
                task.combiner, title, stdin=file,
                stdout=subprocess.PIPE) as process:
            take(process.read())
        return
    with executor.running(task.combiner, title, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as process:
        take(restore(process.read(rewrite(
            read_blocks(path, BLOCK, keep_open=True)))))


def _sort(
    path: str, order: list[str], launcher: Launcher,
    limit: Sequence[str] = ("-S", SORT_MEMORY),
) -> None:
    """Sort a file in place, by bytes; what spills over goes beside it.

    Left to itself, `sort` would take memory without bound for a large file.
    """
    env = {**os.environ, "LC_ALL": "C", "TMPDIR": os.path.dirname(path)}
    if os.path.getsize(path) <= SMALL:
        limit = ()
    launcher.run(["sort", *limit, *order, "-o", path, path], "sort", env)


def _run_mapper(
    task: ExtendedMapTaskMessage, executor: Executor, take: Take,
    skips: Skips,
) -> None:
    """Have the output of each process taken: a stream that comes in blocks.

    Raises TaskError if a process fails, or its input can't be read.
    """
    splits, decompress = task.splits, bool(task.decompress)

    def take_counted(blocks: Iterable[bytes]) -> None:
        take(counted(blocks, executor, *layout.MAP_OUTPUT))

    check = executor.launcher.interruption.check
    if task.skip_bad_inputs:
        # Before the mapper runs: it must not see half of a bad file.
        bad = find_bad(splits, decompress, check)
        splits = [split for split in splits if split.path not in bad]
        for path in bad:
            executor.count(SKIPPED_INPUTS, path[-MAX_NAME:])
    try:
        if not task.concatenate:
            for split in splits:
                _run_on_split(task, split, executor, take_counted, skips)
        elif splits:
            _run_on_all(task, splits, executor, take_counted, skips)
    except BadInput as error:
        # All of them, so that the user can correct all at once.
        others = find_bad(splits, decompress, check) if splits[1:] else {}
        reasons = others.values() or [str(error)]
        raise TaskError("\n".join(reasons)) from error


def _run_on_split(
    task: ExtendedMapTaskMessage, split: Split, executor: Executor,
    take: Take, skips: Skips,
) -> None:
    with open_input(split.path) as file:
        feed = skips.rest((split,)) or read_split(
            split, file, bool(task.decompress))
        if feed is not None:
            feed = counted(feed, executor, *layout.INPUT)
        with skips.watching((split,)), _start_mapper(
                task, (split,), executor,
                file if feed is None else subprocess.PIPE) as process:
            take(process.read(feed))
    if feed is None:
        count_file(split.path, executor, *layout.INPUT)


def _run_on_all(
    task: ExtendedMapTaskMessage, splits: Sequence[Split],
    executor: Executor, take: Take, skips: Skips,
) -> None:
    source = tuple(splits)
    feed = skips.rest(source) or read_all(splits, bool(task.decompress))
    with skips.watching(source), _start_mapper(
            task, source, executor, subprocess.PIPE) as process:
        take(process.read(counted(feed, executor, *layout.INPUT)))


def _start_mapper(
    task: ExtendedMapTaskMessage, source: Source, executor: Executor,
    stdin: Stream,
) -> contextlib.AbstractContextManager[Process]:
    """Start the mapper for a split; for all of them, with `concatenate`.

    It ends with the block, as of Executor.running.
    """
    number = f" and {len(source) - 1} more" if source[1:] else ""
    title = f"{task.executable} on the input {describe(source[0])}{number}"
    return executor.running(
        task.executable, title, stdin=stdin, stdout=subprocess.PIPE,
        names={} if task.concatenate else _variables(source[0], executor))


def _variables(split: Split, executor: Executor) -> dict[str, str]:
    with reading(split.path):
        end = (os.path.getsize(split.path) if split.end is None
               else split.end)
    return {
        "mapreduce_map_input_file": (
            os.path.abspath(split.path) if executor.directory
            else split.path),
        "mapreduce_map_input_start": str(split.start),
        "mapreduce_map_input_length": str(end - split.start)}


def stage(
    task: ExtendedMapTaskMessage, output: OutputDirectory,
    executor: Executor, directory: str,
) -> Stage:
    """Return how to do a map task, or a part of it, for a search.

    What must be read more than once may go into the directory.
    """
    def read_records(source: Source) -> Records:
        # Under a new name: the records of other sources are still in use.
        spool = os.path.join(
            directory, f"input-{len(os.listdir(directory))}")
        return of_splits(source, bool(task.decompress), spool,
                         executor.launcher.interruption.check)

    def probe(source: Source, blocks: Iterable[bytes]) -> None:
        with local_directory(task, executor), _start_mapper(
                task, source, executor, subprocess.PIPE) as process:
            for _ in process.read(blocks):
                pass

    return Stage(
        layout.MAP_SKIPPED,
        lambda skips: run_map(task, output, executor, skips),
        read_records, probe)
