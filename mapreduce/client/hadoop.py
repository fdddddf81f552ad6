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

from mapreduce.client import key_options
from mapreduce.client.job_options import COUNT, COUNT_OR_ZERO
from mapreduce.client.submission import total_size
from mapreduce.protocol.fields import MAX_SECONDS
from mapreduce.protocol.layout import MAX_SKIPPED
from mapreduce.system import inputs
from mapreduce.system.command_line import Number

BLOCK = 2**27  # bytes of a block, and so of a split, in Hadoop
MAX_DISTANCE = 2  # changes of a character, up to which a name is a slip

RECURSIVE = "mapreduce.input.fileinputformat.input.dir.recursive"
LINES_PER_MAP = "mapreduce.input.lineinputformat.linespermap"
COMPRESS = "mapreduce.output.fileoutputformat.compress"
MAX_SPLIT = "mapreduce.input.fileinputformat.split.maxsize"
MIN_SPLIT = "mapreduce.input.fileinputformat.split.minsize"
MAP_SKIPS = "mapreduce.map.skip.maxrecords"
REDUCE_SKIPS = "mapreduce.reduce.skip.maxgroups"

# For each property, the field of the job and the type of its value.
PROPERTIES: dict[str, tuple[str, click.ParamType[Any]]] = {
    "mapreduce.job.maps": ("maps", COUNT),
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

# Options of hadoop-streaming.jar, and whether a value follows.
IDLE_OPTIONS = {
    "-verbose": False, "-background": False, "-lazyOutput": False,
    "-info": False, "-usage": False, "-debug": False,
    "-mapdebug": True, "-reducedebug": True, "-fs": True, "-jt": True,
    "-dfs": True, "-tokenCacheFile": True,
}
JAVA = "no Java runs here; use -mapper, -reducer and -partitioner COMMAND"
IMPOSSIBLE_OPTIONS = {
    "-libjars": JAVA,
    "-conf": "configuration files are not read; give properties by -D",
    "-additionalconfspec":
        "configuration files are not read; give properties by -D",
    "-inputreader": "read such records in the mapper, and give it whole "
                    "files by --no-decompress or --split-size 0",
}
# Their values may name what is the only possibility here.
FORMAT_OPTIONS = {
    "-inputformat": "input is read as lines; convert it before, or in the "
                    "mapper",
    "-outputformat": "results are what the reducers print; convert it there, "
                     "or afterwards",
    "-io": "executables read and print lines of text",
}
BY_LINES = "NLineInputFormat"
USUAL = {
    "text", "Text", "TextInputFormat", "KeyValueTextInputFormat",
    "CombineTextInputFormat", "TextOutputFormat", "HashPartitioner",
    "IdentityMapper", "IdentityReducer",
}

# Names begin so in Hadoop …
_HADOOPS = re.compile(
    r"(mapred|mapreduce|stream|yarn|dfs|fs|io|ipc|ha|hadoop|map|reduce|job"
    r"|jobclient|tasktracker|keep|local|net|security|topology|webinterface"
    r"|min|create|user|group|heartbeat)\..*")
# … and with one of these words they are of the cluster: its memory,
# processors, queues, priorities, Java machines, buffers, logs, services and
# the like. Here they have no effect.
_CLUSTER = frozenset("""
    acl acls admin address algorithm am app application archive archives
    attempt authorization bandwidth batch blacklist blocksize buffer bytes
    capacity child class classloader classpath client cluster codec combine
    commit committer compress compressed compression concurrent container
    containers counters cpu create data debug default delay dir directory dirs
    dns dump emit enable enabled encrypted encryption end env exit factor
    failure failures fairscheduler fetch fileoutputcommitter files finalstatus
    framework gc graylist group groups handler hdfs health heap heartbeat
    history hosts http https ifile impl inmem input intermediate interval
    iterations java job-type jobclient jobhistory jobtracker journal jvm jvms
    kerberos keytab kill label limit limits list local lock log log4j logs
    markreset maps max maximum mb memory merge min minimum monitor multiplier
    name namenode nativelib network nodes notification nodemanager opts out
    output overload owner parallel parallelcopies params path percent
    permission permissions persist ping policy poll polling port principal
    priority processes processor profile progress properties proxy queue
    queuename queues rate read recordreader records recovery redacted replica
    replication report reservation resource resourcemanager restart resume
    retain retries retry retired reuse rpc running scheduler scheduling secret
    security seqfile serializations server service sharedcache shipped shuffle
    size skip slots slowstart socket sort speculative speculativecap spill
    splits ssl staging status stderr submit system tags task taskmemory tasks
    tasktracker temp threads threshold timeline timeout tmp tmpdir token
    tracker ubertask ulimit url usage user userlog users vcores verbose
    version view vmem wait webapp working write
    """.split())

# These resemble others.
_IDLE = re.compile(
    r"mapreduce\.job\.(tags|jar|ugi)|stream\.map\.input\.(ignoreKey|field\..*)"
    r"|(yarn|fs|dfs|hadoop|ipc|ha)\..*")

_IMPOSSIBLE = {
    r"mapred(uce)?\.job\.(map|reduce|combine)\.class"
    r"|mapred\.(mapper|reducer|combiner)\.class"
    r"|mapred(uce)?\.(job\.)?(map\.)?output\.(key|value)\.class"
    r"|mapred(uce)?\.map\.?runner\.class"
    r"|mapred(uce)?\.job\.(map|output\.group|combiner\.group)\..*class"
    r"|mapred\.output\.value\.groupfn\.class": JAVA,
    r"mapred(uce)?\.(job\.)?(input\.?format|output\.?format)\.class"
    r"|mapred\.(input|output)\.format\.class"
    r"|mapred(uce)?\.input\.(pathFilter|multipleinputs).*"
    r"|stream\.(recordreader|io|map\.input|map\.output|reduce\.input)\b.*"
    r"|textinputformat\.record\.delimiter"
    r"|key\.value\.separator\.in\.input\.line"
    r"|mapred(uce)?\.input\.(keyvaluelinerecordreader|linerecordreader)\..*":
        FORMAT_OPTIONS["-inputformat"],
    r"stream\.(num\.)?reduce\.output\b.*"
    r"|mapred(uce)?\.(output\.)?textoutputformat\..*"
    r"|mapred(uce)?\.output\.basename|mapreduce\.multipleoutputs.*":
        FORMAT_OPTIONS["-outputformat"],
    r"mapred(uce)?\.(job\.)?cache\.(files|archives)":
        "name them by -files and -archives",
    r"mapred(uce)?\.(input|output)\.dir"
    r"|mapreduce\.(input|output)\.file(in|out)putformat\.(in|out)putdir":
        "name them by -input and -output",
    r"stream\.(map|reduce|combine)\.(streamprocessor|command).*":
        "name them by -mapper, -combiner and -reducer",
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
        name, equals, value = map(str.strip, text.partition("="))
        known = RENAMED.get(name, name)
        if not equals or not name:
            self.errors.append(f"-D {name} lacks a value: -D {name}=VALUE")
        elif known in PROPERTIES:
            self._set(name, *PROPERTIES[known], value)
        elif _IDLE.fullmatch(name):
            self.idle.append(f"-D {name}")
        elif advice := _why_impossible(name, value):
            self.errors.append(f"-D {name} is not possible here: {advice}")
        elif nearest := _nearest(name, [*PROPERTIES, *RENAMED]):
            self.errors.append(f"unknown property {name!r}; the nearest known "
                               f"one is {RENAMED.get(nearest, nearest)}")
        elif _has_no_effect(name, value):
            self.idle.append(f"-D {name}")
        elif _HADOOPS.fullmatch(name):
            self.errors.append(f"unknown property {name!r}")
        else:
            self.environment[re.sub("[^A-Za-z0-9]", "_", name)] = value

    def _set(
        self, name: str, field: str, kind: click.ParamType[Any], value: str
    ) -> None:
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
    return properties


def _has_no_effect(name: str, value: str) -> bool:
    if not _HADOOPS.fullmatch(name):
        return False
    # The first word, and the group of a job or a task, say little.
    words = re.split("[._-]", name)[1:]
    if words[0] in ("job", "task"):
        del words[0]
    return not _CLUSTER.isdisjoint(words) or _last(value) in USUAL


def _last(name: str) -> str:
    """Return the name of a class without that of its package."""
    return name.rpartition(".")[2]


def _why_impossible(name: str, value: str) -> str | None:
    if _last(value) in USUAL:
        return None
    return next((advice for pattern, advice in _IMPOSSIBLE.items()
                 if re.fullmatch(pattern, name)), None)


def unknown_option(name: str, known: Iterable[str]) -> str:
    """Return an error, with the option that the user may have meant."""
    nearest = _nearest(name, known)
    return f"unknown option {name!r}" + (
        f"; the nearest known one is {nearest}" if nearest else "")


def _nearest(name: str, known: Iterable[str]) -> str | None:
    """Return what differs from a name only by a slip, if anything does."""
    distance, nearest = min(
        ((_distance(name, other), other) for other in known
         if abs(len(name) - len(other)) <= MAX_DISTANCE),
        default=(MAX_DISTANCE + 1, ""))
    return nearest if distance <= min(MAX_DISTANCE, len(name) // 4) else None


def _distance(one: str, other: str) -> int:
    """Return the changes of a character from one text to another.

    A change puts in, takes out or replaces one, or swaps two neighbours.
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, char in enumerate(one, 1):
        older, before = before, row
        row = [i]
        for j, wanted in enumerate(other, 1):
            row.append(min(before[j] + 1, row[j - 1] + 1,
                           before[j - 1] + (char != wanted)))
            if i > 1 and j > 1 and (
                    one[i - 2:i] == other[j - 2:j][::-1]):
                row[j] = min(row[j], older[j - 2] + 1)
    return row[-1]


# By the names of the classes of Hadoop.
CODECS = {"GzipCodec": "gzip", "BZip2Codec": "bz2", "ZStandardCodec": "zstd",
          "XZCodec": "xz"}


def plan_output(job: dict[str, Any]) -> None:
    """Give the fields of a job the meaning of properties of its output.

    These are also what counts as a failure, and what is left out.

    Raises click.UsageError for a codec that is not possible here.
    """
    if not job.pop("codes_fail", True):
        job["any_exit_code"] = True
    # In Hadoop, these are limits for what is left out beside each bad record.
    # Here, nothing else is left out, and the number of bad ones is limited.
    if max(job.pop("map_skips", 0), job.pop("reduce_skips", 0)):
        job.setdefault("skip_bad_records", MAX_SKIPPED)
    codec = _last(job.pop("codec", "") or "GzipCodec")
    job.pop("compress_type", None)  # Of sequence files, which are not here.
    if job.pop("compresses", False) and not job.get("compress"):
        if codec not in CODECS:
            raise click.UsageError(
                f"-D {COMPRESS}.codec={codec} is not possible here; possible: "
                f"{', '.join(CODECS)}")
        job["compress"] = CODECS[codec]


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
