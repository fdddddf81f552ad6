"""The reduce stage of one task: merge, reduce, move.

The inputs are sorted; their merge streams into the reducer and is never in
memory, nor in a file, as a whole.
"""
from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Generator, Iterable, Iterator

from mapreduce.protocol import layout
from mapreduce.protocol.extensions import ExtendedReduceTaskMessage
from mapreduce.worker.errors import TaskError
from mapreduce.worker.inputs.files import open_input
from mapreduce.worker.output import (
    OutputDirectory,
    local_directory,
    open_part,
)
from mapreduce.worker.processes.executor import Executor
from mapreduce.worker.records import counted, count_file
from mapreduce.worker.shuffle.key_fields import for_reducer, sort_arguments
from mapreduce.worker.shuffle.merging import merge, merge_by
from mapreduce.worker.skipping.records import Records, of_blocks
from mapreduce.worker.skipping.search import Stage
from mapreduce.worker.skipping.skips import REDUCER, Skips, Source


def run_reduce(
    task: ExtendedReduceTaskMessage, output: OutputDirectory,
    executor: Executor, skips: Skips,
) -> None:
    """Do a reduce task: its file is in the output directory at the end.

    Raises TaskError or OSError if it can't be done, TaskInterrupted if it
    was interrupted.
    """
    with local_directory(task, executor) as (directory, side_files):
        path = os.path.join(
            directory, layout.reduce_output(task.task_id, task.compress))
        with open_part(path, task.compress) as part, _kept_on_failure(
                task, directory, executor):
            rest = skips.rest(REDUCER)
            if rest:
                blocks = _reduce(task, rest, executor)
            elif len(task.input_paths) == 1 and for_reducer(task) is None:
                blocks = _reduce_file(task, executor)
            else:
                blocks = _reduce(
                    task, _merge(task, directory, executor), executor)
            with skips.watching(REDUCER), contextlib.closing(blocks):
                for block in counted(blocks, executor, *layout.OUTPUT):
                    part.write(block)
                    del block  # The next one takes memory, too.
        side_files.commit()
        output.commit(path)


@contextlib.contextmanager
def _kept_on_failure(
    task: ExtendedReduceTaskMessage, directory: str, executor: Executor
) -> Iterator[None]:
    """Keep what the reducer reads if the block raises TaskError."""
    try:
        yield
    except TaskError as error:
        if task.keep_failed is None:
            raise
        try:
            _keep_input(task, task.keep_failed, directory, executor)
        except OSError as problem:
            raise TaskError(f"{error}\nIts input can't be kept in "
                            f"{task.keep_failed!r}: {problem}") from error
        raise


def _keep_input(
    task: ExtendedReduceTaskMessage, kept: str, directory: str,
    executor: Executor,
) -> None:
    path = layout.kept_input(kept, task.task_id)
    partial = os.path.join(kept, layout.partial_output(
        os.path.basename(path), os.path.basename(directory)))
    os.makedirs(kept, exist_ok=True)
    with open(partial, "wb") as file, contextlib.closing(
            _merge(task, directory, executor)) as blocks:
        file.writelines(blocks)
    os.replace(partial, path)


def _reduce_file(
    task: ExtendedReduceTaskMessage, executor: Executor
) -> Generator[bytes, None, None]:
    """Give the reducer the one input as it is; return what it prints."""
    with open_input(task.input_paths[0]) as file, executor.running(
            task.executable, task.executable, stdin=file,
            stdout=subprocess.PIPE) as reducer:
        yield from reducer.read()
    count_file(task.input_paths[0], executor, *layout.REDUCE_INPUT)


def _reduce(
    task: ExtendedReduceTaskMessage, blocks: Generator[bytes, None, None],
    executor: Executor,
) -> Generator[bytes, None, None]:
    """Write blocks to the reducer; return what it prints."""
    with executor.running(
            task.executable, task.executable,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reducer:
        with contextlib.closing(blocks):
            yield from reducer.read(
                counted(blocks, executor, *layout.REDUCE_INPUT))


def _merge(
    task: ExtendedReduceTaskMessage, directory: str, executor: Executor
) -> Generator[bytes, None, None]:
    """Merge the inputs in the order of the job, as the reducer reads them."""
    order, rewrite = sort_arguments(task), for_reducer(task)
    with contextlib.closing(
            merge_by(order, task.input_paths, directory, executor.launcher)
            if order else merge(task.input_paths)) as blocks:
        yield from rewrite(blocks) if rewrite else blocks


def stage(
    task: ExtendedReduceTaskMessage, output: OutputDirectory,
    executor: Executor, directory: str,
) -> Stage:
    """Return how to do a reduce task, or a part of it, for a search.

    The merged input goes into the directory, since it is read many times.
    """
    def read_records(_: Source) -> Records:
        with contextlib.closing(_merge(task, directory, executor)) as blocks:
            return of_blocks(
                blocks, f"the input of reduce task {task.task_id}",
                os.path.join(directory, "input"),
                executor.launcher.interruption.check)

    def probe(_source: Source, blocks: Iterable[bytes]) -> None:
        with local_directory(task, executor), executor.running(
                task.executable, task.executable, stdin=subprocess.PIPE,
                stdout=subprocess.PIPE) as reducer:
            for _ in reducer.read(blocks):
                pass

    return Stage(
        layout.REDUCE_SKIPPED,
        lambda skips: run_reduce(task, output, executor, skips),
        read_records, probe)
