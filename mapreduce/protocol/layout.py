"""Name the directories and files of a job, as the specification defines them.

Only names: nothing here accesses the file system.
"""
from __future__ import annotations

import re
from collections.abc import Iterator

SHARED_DIRECTORY_PREFIX = "mapreduce-shared-"
LOCAL_DIRECTORY_PREFIX = "mapreduce-local-"
INPUT_DIRECTORY_PREFIX = "mapreduce-input-"
OUTPUT_DIRECTORY_PREFIX = "mapreduce-output-"
LOGS_DIRECTORY_PREFIX = "mapreduce-logs-"

MAX_SHOWN = 200  # bytes of the name of a result in that of a hidden directory
MAX_TASKS = 10**5  # of a job, in each stage: their ids have five digits


def job_directory(job_id: int) -> str:
    """Return, e.g., job-00000: the map output of a job, until it ends."""
    return f"job-{job_id:05d}"


def is_job_directory(name: str) -> bool:
    """Return whether a name is that of a job's directory."""
    # The ids of jobs are padded to five digits, but they have no limit.
    return re.fullmatch(r"job-\d{5,}", name) is not None


def map_output(task_id: int, partition: int) -> str:
    """Return, e.g., maptask00001-part00000."""
    return f"maptask{task_id:05d}-part{partition:05d}"


# In the directory of a job: the map output of backup attempts, until it is
# known which attempt at each task counts.
BACKUPS = "backups"


def is_map_output(name: str) -> bool:
    """Return whether a name is that of map output."""
    return re.fullmatch(r"maptask\d{5,}-part\d{5,}", name) is not None


def kept_input(directory: str, task_id: int) -> str:
    """Return, e.g., DIRECTORY/reducetask00001-input, of a failed task."""
    return f"{directory}/reducetask{task_id:05d}-input"


# What follows the names of parts that are compressed so.
COMPRESSIONS = {"gzip": ".gz", "bz2": ".bz2", "xz": ".xz", "zstd": ".zst"}


def reduce_output(task_id: int, compress: str | None = None) -> str:
    """Return, e.g., part-00000, or part-00000.gz for gzip."""
    return f"part-{task_id:05d}{COMPRESSIONS.get(compress or '', '')}"


def task_files(
    task_id: int, num_partitions: int, compress: str | None = None
) -> Iterator[str]:
    """Iterate over the names of the files that a task must leave.

    Without partitions, that is a part of the result, which may be compressed.
    """
    if not num_partitions:
        yield reduce_output(task_id, compress)
    for partition in range(num_partitions):
        yield map_output(task_id, partition)


def stderr_log(stage: str, task_id: int, attempt: int) -> str:
    """Return, e.g., map-00003-attempt-1.stderr; attempts count from 1."""
    return f"{stage}-{task_id:05d}-attempt-{attempt}.stderr"


# Before the path of such a file, in the reason of a failed job.
LOG_NOTE = "all of its standard error is in "


def log_note(logs: str | None, stage: str, task_id: int, attempt: int) -> str:
    """Return the end of a reason, if the directory for logs is known."""
    if logs is None:
        return ""
    return f"\n{LOG_NOTE}{logs}/{stderr_log(stage, task_id, attempt)}"


def parse_stderr_log(name: str) -> tuple[str, int, int] | None:
    """Return the stage, task and attempt of such a name; None for others."""
    found = re.fullmatch(r"(map|reduce)-(\d{5,})-attempt-(\d+)\.stderr", name)
    return (found[1], int(found[2]), int(found[3])) if found else None


def partial_output(name: str, unique: str) -> str:
    """Return, e.g., .part-00000-abc: a file that is not yet complete."""
    return f".{name}-{unique}"


def is_reduce_output(name: str) -> bool:
    """Return whether a name is that of a part of a result, partial or not."""
    return re.match(r"part-\d{5,}(\.gz|\.bz2|\.xz|\.zst)?$"
                    r"|\.part-\d{5,}(\.\w+)?-", name) is not None


def is_result(name: str) -> bool:
    """Return whether jobs leave files of this name in their output directory.

    These are parts, complete or partial, and Hadoop's marker.
    """
    return re.fullmatch(
        r"part-\d{5,}(\.gz|\.bz2|\.xz|\.zst)?|\.part-\d{5,}(\.\w+)?-.*"
        r"|_SUCCESS",
        name, re.DOTALL) is not None


def hidden_prefix(name: str, kind: str) -> str:
    """Return, e.g., .output-old-: of a hidden directory beside a result."""
    # Names have at most 255 bytes, and some digits follow.
    shown = name.encode("utf-8", "surrogateescape")[:MAX_SHOWN]
    return f".{shown.decode('utf-8', 'ignore')}-{kind}-"


def local_directory_prefix(task_id: int) -> str:
    """Return, e.g., mapreduce-local-task00001- in a Worker."""
    return f"{LOCAL_DIRECTORY_PREFIX}task{task_id:05d}-"


# The group of counters that names the inputs that a job left out.
SKIPPED_INPUTS = "skipped inputs"

# The group of those that name the records that a job left out. It may leave
# out so many: to find each takes many runs of an executable.
SKIPPED_RECORDS = "skipped records"
MAX_SKIPPED = 1_000

_MAX_NAMED = 20  # of them in an error


def too_many_skipped(limit: int, names: list[str]) -> str:
    """Return the error for a job or a task that has more bad records.

    Each name, or the first ones, is on a line of its own.
    """
    lines = [f"  {name}" for name in names[:_MAX_NAMED]]
    if more := len(names) - len(lines):
        lines.append(f"  and {more} more")
    return "\n".join([
        f"executables die on more than --skip-bad-records {limit}:", *lines])


# The group of counters of records, and their names: of a map task, what its
# mapper reads; what all mappers print; …
RECORDS = "mapreduce"
INPUT = ("input records", "input bytes")
MAP_OUTPUT = ("map output records", "map output bytes")
REDUCE_INPUT = ("reduce input records", "reduce input bytes")
OUTPUT = ("output records",)
RECORD_COUNTERS = (*INPUT, *MAP_OUTPUT, *REDUCE_INPUT, *OUTPUT)
# Also in this group, only in jobs that left records out.
MAP_SKIPPED, REDUCE_SKIPPED = "map skipped records", "reduce skipped records"

# Another counter of this group: a task whose output was in the cache counts 1.
FROM_CACHE = "map tasks from the cache"
# The group of counters of map tasks whose output is not in the cache
# afterwards; the names are the reasons.
NOT_CACHED = "not cached"

# Endings of the names of compressed files, which cannot be split.
COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".deflate", ".lz4", ".snappy",
              ".lzo", ".Z")


def is_compressed(path: str) -> bool:
    """Return whether the name of a file ends as that of a compressed one."""
    return path.endswith(COMPRESSED)
