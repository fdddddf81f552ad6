"""Translate properties and options of Hadoop to those of this project.

Each is known, has no effect here, is not possible here, or is unknown. A
property that is not Hadoop's is the user's own: tasks find it in their
environment, as in Hadoop.
"""
from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from typing import Any

import click

from mapreduce.client import hadoop_names, key_options
from mapreduce.client.job_options import COUNT, COUNT_OR_ZERO
from mapreduce.client.submission import total_size
from mapreduce.protocol.fields import MAX_SECONDS
from mapreduce.protocol.layout import MAX_SKIPPED
from mapreduce.system import inputs
from mapreduce.system.command_line import Number

BLOCK = 2**27  # bytes of a block, and so of a split, in Hadoop

RECURSIVE = "mapreduce.input.fileinputformat.input.dir.recursive"
LINES_PER_MAP = "mapreduce.input.lineinputformat.linespermap"
COMPRESS = "mapreduce.output.fileoutputformat.compress"
MAX_SPLIT = "mapreduce.input.fileinputformat.split.maxsize"
MIN_SPLIT = "mapreduce.input.fileinputformat.split.minsize"
MAP_SKIPS = "mapreduce.map.skip.maxrecords"
REDUCE_SKIPS = "mapreduce.reduce.skip.maxgroups"

# For each property, the field of the job and the type of its value.
PROPERTIES: dict[str, tuple[str, click.ParamType[Any]]] = {
    "mapreduce.job.maps": ("maps", COUNT_OR_ZERO),
    "mapreduce.job.reduces": ("num_reducers", COUNT_OR_ZERO),
    "mapreduce.job.name": ("job_name", click.STRING),
    "mapreduce.map.maxattempts": ("max_map_attempts", COUNT),
    "mapreduce.reduce.maxattempts": ("max_reduce_attempts", COUNT),
    "mapreduce.task.timeout": ("task_timeout", Number(0)),
    MAX_SPLIT: ("max_split", Number(0)),
    MIN_SPLIT: ("min_split", Number(0)),
    RECURSIVE: ("recursive", click.BOOL),
    LINES_PER_MAP: ("lines_per_map", COUNT),
    MAP_SKIPS: ("map_skips", Number(0)),
    REDUCE_SKIPS: ("reduce_skips", Number(0)),
    "stream.non.zero.exit.is.failure": ("codes_fail", click.BOOL),
    "mapreduce.map.speculative": ("map_speculative", click.BOOL),
    "mapreduce.reduce.speculative": ("reduce_speculative", click.BOOL),
    COMPRESS: ("compresses", click.BOOL),
    f"{COMPRESS}.codec": ("codec", click.STRING),
    f"{COMPRESS}.type": ("compress_type", click.STRING),
    **key_options.PROPERTIES,
}

# Old names of properties that are known.
RENAMED = {
    "mapred.map.tasks": "mapreduce.job.maps",
    "mapred.reduce.tasks": "mapreduce.job.reduces",
    "mapred.job.name": "mapreduce.job.name",
    "mapred.map.max.attempts": "mapreduce.map.maxattempts",
    "mapred.reduce.max.attempts": "mapreduce.reduce.maxattempts",
    "mapred.task.timeout": "mapreduce.task.timeout",
    "mapred.map.tasks.speculative.execution": "mapreduce.map.speculative",
    "mapred.reduce.tasks.speculative.execution":
        "mapreduce.reduce.speculative",
    "mapred.max.split.size": MAX_SPLIT,
    "mapred.min.split.size": MIN_SPLIT,
    "mapred.input.dir.recursive": RECURSIVE,
    "mapred.output.compress": COMPRESS,
    "mapred.output.compression.codec": f"{COMPRESS}.codec",
    "mapred.output.compression.type": f"{COMPRESS}.type",
    "mapred.skip.map.max.skip.records": MAP_SKIPS,
    "mapred.skip.reduce.max.skip.groups": REDUCE_SKIPS,
    "mapred.line.input.format.linespermap": LINES_PER_MAP,
    **key_options.RENAMED,
}


@dataclasses.dataclass
class Properties:
    """What properties mean for a job."""

    fields: dict[str, Any] = dataclasses.field(default_factory=dict)
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    idle: list[str] = dataclasses.field(default_factory=list)
    errors: list[str] = dataclasses.field(default_factory=list)

    def add(self, text: str) -> None:
        """Add a property such as NAME=VALUE."""
        name, equals, value = text.partition("=")
        name = name.strip()
        known = RENAMED.get(name, name)
        if not name:
            self.errors.append("-D lacks a property: -D NAME=VALUE")
        elif not equals:
            self.errors.append(f"-D {name} lacks a value: -D {name}=VALUE")
        elif known in PROPERTIES:
            self._set(name, *PROPERTIES[known], value)
        elif hadoop_names.is_idle(name):
            self.idle.append(f"-D {name}")
        elif advice := hadoop_names.why_impossible(name, value):
            self.errors.append(f"-D {name} is not possible here: {advice}")
        elif near := hadoop_names.nearest(
                name, [*PROPERTIES, *RENAMED]):
            self.errors.append(f"unknown property {name!r}; the nearest known "
                               f"one is {RENAMED.get(near, near)}")
        elif hadoop_names.seems_idle(name, value):
            self.idle.append(f"-D {name}")
        elif hadoop_names.is_hadoops(name):
            self.errors.append(f"unknown property {name!r}")
        else:
            self.environment[re.sub("[^A-Za-z0-9]", "_", name)] = value

    def _set(
        self, name: str, field: str, kind: click.ParamType[Any], value: str
    ) -> None:
        if not isinstance(kind, key_options.Separator):  # a space, or a TAB
            value = value.strip()
        try:
            self.fields[field] = kind.convert(value, None, None)
        except click.BadParameter as error:
            self.errors.append(f"-D {name}: {error.message}")


def read_properties(values: Iterable[str]) -> Properties:
    """Return what texts such as NAME=VALUE mean; the last of a name counts."""
    properties = Properties()
    for text in values:
        properties.add(text)
    timeout = properties.fields.get("task_timeout")
    if timeout is not None:  # Hadoop counts milliseconds.
        properties.fields["task_timeout"] = min(timeout / 1000, MAX_SECONDS)
    codec = _codec(properties.fields.get("codec", ""))
    if properties.fields.get("compresses") and codec not in CODECS:
        properties.errors.append(
            f"-D {COMPRESS}.codec={codec} is not possible here; possible: "
            f"{', '.join(CODECS)}")
    return properties


# By the names of the classes of Hadoop.
CODECS = {"GzipCodec": "gzip", "BZip2Codec": "bz2", "ZStandardCodec": "zstd",
          "XZCodec": "xz"}


def plan_output(job: dict[str, Any]) -> None:
    """Give the fields of a job the meaning of properties of its output.

    These are also what counts as a failure, and what is left out.
    """
    if not job.pop("codes_fail", True):
        job["any_exit_code"] = True
    # In Hadoop, these are limits for what is left out beside each bad record.
    # Here, nothing else is left out, and the number of bad ones is limited.
    if max(job.pop("map_skips", 0), job.pop("reduce_skips", 0)):
        job.setdefault("skip_bad_records", MAX_SKIPPED)
    codec = _codec(job.pop("codec", ""))
    job.pop("compress_type", None)  # Of sequence files, which are not here.
    if job.pop("compresses", False) and not job.get("compress"):
        job["compress"] = CODECS[codec]


def _codec(name: str) -> str:
    """Return the name of a codec without that of its package."""
    return hadoop_names.last(name or "GzipCodec")


def names_in(text: str) -> list[str]:
    """Return the names that commas separate in a text.

    A comma in braces is part of a pattern, as in Hadoop.
    """
    names: list[str] = []
    for piece in text.split(","):
        if names and names[-1].count("{") > names[-1].count("}"):
            names[-1] += f",{piece}"
        else:
            names.append(piece)
    return names


def plan_splits(job: dict[str, Any], paths: Sequence[str]) -> None:
    """Give the fields of a job the size of its splits, as Hadoop does."""
    limit = job.pop("max_split", None)
    least, maps = job.pop("min_split", 0), job.pop("maps", None)
    if job.get("lines_per_map"):
        return
    size = BLOCK if limit is None else min(BLOCK, limit)
    if maps:
        job["max_mappers"] = maps
        # A hint: so many splits, if that needs none above the limit. For a
        # Manager elsewhere, the files may not be here.
        if total := _total_size(paths):
            size = min(size, max(1, total // maps))
    # 0 is not Hadoop's: files are never divided.
    job["split_size"] = max(size, least) if size else 0


def _total_size(paths: Sequence[str]) -> int:
    try:
        return total_size(inputs.list_inputs(
            paths, inputs.Rules(True, True, True)))
    except inputs.InputError:
        return 0
