"""Make notes on what a user may have overlooked; none is an error.

Each function returns lines for standard error. They look only at what can be
seen from this machine.
"""
from __future__ import annotations

import contextlib
import glob
import os
import re
from collections.abc import Iterator, Sequence

from mapreduce.client.job_options import JobSpec
from mapreduce.protocol.extensions import ExtendedJobMessage
from mapreduce.protocol.layout import is_compressed
from mapreduce.protocol.status import JobStatus
from mapreduce.system import inputs, outputs

LIKE_COMPRESSED = re.compile(
    r"\.(gz|bz2?|xz|zstd?|deflate|lz4|snappy|sz|lzo|z|gzip|bzip2|lzma|lz|br"
    r"|t[gbx]z2?|tbz2|zip|7z|rar|lzop|lzo_deflate)$", re.IGNORECASE)
MANY_FILES = 500
SMALL = 2**20  # bytes


def about_inputs(
    job: JobSpec, files: Sequence[str], skipped: inputs.Skipped
) -> Iterator[str]:
    """Return lines on the files that the input of a job has, and has not."""
    yield from _about(skipped)
    if job.decompress:
        yield from _about_endings(files)
    if not files:
        yield _no_file(skipped)
        return
    sizes = [os.path.getsize(path) for path in files if os.path.exists(path)]
    if not any(sizes):
        yield "The input is empty: all of its files have 0 bytes"
    num_small = sum(size < SMALL for size in sizes)
    if num_small > MANY_FILES and not job.concatenate:
        yield (f"The input has {num_small} files below 1 MB, and the mapper "
               "runs once for each; with --concatenate, it runs once for each "
               "map task")


def about_visible_inputs(job: JobSpec) -> Iterator[str]:
    """Return lines on the input of a Manager, as far as it is here.

    They are on compressed files, on what the Manager will leave out, on names
    that resemble those of compressed files, and on an input without files.
    """
    yield from _about_compression(job)
    skipped = inputs.Skipped()
    # The Manager may find what is not here.
    with contextlib.suppress(inputs.InputError):
        files = inputs.list_inputs(job.input_paths, job.rules, skipped)
        yield from _about(skipped)
        yield from _about_endings(files)
        if not files:
            yield _no_file(skipped)


def _no_file(skipped: inputs.Skipped) -> str:
    """Return a line on an input in which no file is left."""
    what = ("holds only directories, which are skipped"
            if skipped.directories else "holds no file")
    return f"The input {what}: the mapper will not run"


def _about(skipped: inputs.Skipped) -> Iterator[str]:
    if number := skipped.directories:
        yield (f"Skipped {number} director{'y' if number == 1 else 'ies'} in "
               "the input; --recursive reads the files there, too")
    if number := skipped.hidden:
        yield (f"Left out {number} hidden name{'s' * (number > 1)} in the "
               f"input, which begin{'s' * (number == 1)} with . or _, as "
               "Hadoop does")


def _about_endings(files: Sequence[str]) -> Iterator[str]:
    """Return a line if a name resembles that of a compressed file."""
    found = [path for path in files
             if LIKE_COMPRESSED.search(path) and not is_compressed(path)]
    if found:
        more = f" and {len(found) - 1} more" if found[1:] else ""
        yield (f"The mapper reads {os.path.basename(found[0])!r}{more} as it "
               "is: only files with names such as x.gz are decompressed")


def about_division(files: Sequence[str], size: int | None) -> Iterator[str]:
    """Return a line if files are divided, and their user did not ask."""
    divided = [path for path in files if size and not is_compressed(path)
               and os.path.exists(path) and os.path.getsize(path) > size]
    if not divided:
        return
    more = f" and {len(divided) - 1} more" if divided[1:] else ""
    yield (f"Several mappers share {os.path.basename(divided[0])!r}{more}, "
           "each with some of the lines; --split-size 0 gives a whole file "
           "to one mapper")


def about_result(path: str) -> Iterator[str]:
    """Return a line if a result is here and empty."""
    try:
        is_empty = not any(map(os.path.getsize, outputs.list_parts(path)))
    except OSError:  # The result is on another machine.
        return
    if is_empty:
        yield ("The result is empty: the mapper or the reducer printed "
               "nothing")


def _about_compression(job: JobSpec) -> Iterator[str]:
    """Return a line if mappers would read compressed files as they are."""
    if job.decompress:
        return
    name = next(filter(is_compressed, _visible_names(job)), None)
    if name is not None:
        yield (f"The mapper reads {name!r} as it is, compressed; with "
               "--decompress, it reads the content")


def _visible_names(job: JobSpec) -> Iterator[str]:
    yield from (path for path in job.input_paths if not glob.has_magic(path))
    # The Manager may find what is not here.
    with contextlib.suppress(inputs.InputError):
        yield from inputs.list_inputs(job.input_paths)


def about_directory(
    job: ExtendedJobMessage, ended: JobStatus
) -> Iterator[str]:
    """Return a line if the Manager searched paths in another directory."""
    here = os.getcwd()
    paths = [*job.input_paths, *(
        command for command in (
            job.mapper_executable, job.reducer_executable, job.combiner,
            job.partitioner) if command and "/" in command.split()[0])]
    if "No such file" in (ended.reason or "") and ended.directory != here and (
            not all(map(os.path.isabs, paths))):
        yield (f"Relative paths are searched in {ended.directory}, where the "
               f"Manager runs; this command runs in {here}")
