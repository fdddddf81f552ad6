"""The map and the reduce stage of a task, run on files by one call."""
import contextlib
import dataclasses
import hashlib
import os
import resource
import subprocess

from mapreduce.protocol import messages
from mapreduce.protocol.messages import MapTaskMessage, ReduceTaskMessage
from mapreduce.worker.output import OutputDirectory
from mapreduce.worker.processes.interruption import Interruption
from mapreduce.worker.processes.launcher import Launcher
from mapreduce.worker.task import run_task
from tests.support.files import read_files


def partition_of(line, num_partitions):
    """Return the partition of a line, in the words of the specification."""
    key = line.split(b"\t")[0]
    return int(hashlib.md5(key).hexdigest(), 16) % num_partitions


def sort_lines(lines):
    """Return what sort makes of lines in the C locale."""
    return subprocess.run(
        ["sort"], input=lines, env={**os.environ, "LC_ALL": "C"},
        stdout=subprocess.PIPE, check=True).stdout


def do_map(output, input_paths, executable="cat", num_partitions=1,
           task_id=0, interrupted=False, **options):
    """Run a map task into a directory, which is made if need be.

    The options are those that only an extended task has; splits may take the
    place of paths.
    """
    task = messages.extended_task(MapTaskMessage(
        task_id, [str(path) for path in input_paths], str(executable),
        str(output), max(1, num_partitions)))
    return _run(task, output, interrupted,
                num_partitions=num_partitions, **options)


def _run(task, output, interrupted, **options):
    task = dataclasses.replace(task, **options)
    with _surroundings(output, interrupted) as surroundings:
        run_task(task, *surroundings)


@contextlib.contextmanager
def _surroundings(output, interrupted):
    """Give what a task needs beside its message."""
    output.mkdir(exist_ok=True)
    with (
        Interruption() as interruption,
        contextlib.closing(OutputDirectory(str(output))) as directory,
    ):
        if interrupted:
            interruption.set()
        yield directory, Launcher(interruption)


def map_files(output, *args, **kwargs):
    """Run a map task as do_map does; return the files in its directory."""
    do_map(output, *args, **kwargs)
    return read_files(output)


def do_reduce(output, input_paths, executable="cat", task_id=0,
              interrupted=False, **options):
    """Run a reduce task into a directory, which is made if need be.

    The options are those that only an extended task has.
    """
    task = messages.extended_task(ReduceTaskMessage(
        task_id, str(executable), [str(path) for path in input_paths],
        str(output)))
    return _run(task, output, interrupted, **options)


def reduce_files(output, *args, **kwargs):
    """Run a reduce task as do_reduce does; return the files it made."""
    do_reduce(output, *args, **kwargs)
    return read_files(output)


@contextlib.contextmanager
def open_files_limited(number):
    """Let this process have no more than a number of files open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
