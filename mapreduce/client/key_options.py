"""Declare the options for keys of several fields and their order."""
from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from mapreduce.protocol import key_fields, layout
from mapreduce.system.command_line import Number

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

# As people write a TAB where no shell makes one of it.
TABS = ("\\t", "TAB", "tab")


class Separator(click.ParamType[str]):
    """What separates fields: one byte, as `sort` needs it."""

    name = "char"

    def convert(
        self, value: Any, param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str:
        """Return the separator, or fail with a message that says why."""
        separator = key_fields.TAB if value in TABS else str(value)
        length = len(separator.encode("utf-8", "surrogateescape"))
        if length != 1 or separator == "\n":
            self.fail(f"{value!r} can't separate fields: name one byte, such "
                      "as a comma", param, ctx)
        return separator


class _Parsed(click.ParamType[str]):
    """A text that a function of protocol/key_fields can parse."""

    def __init__(self, name: str, parse: Callable[[str], object]) -> None:
        """Use a function that raises ValueError for a wrong text."""
        self.name = name
        self._parse = parse

    def convert(
        self, value: Any, param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str:
        """Return the text, or fail with the message of the function."""
        try:
            self._parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return str(value)


class HadoopRanges(click.ParamType[str]):
    """Options of KeyFieldBasedPartitioner: whole fields, as keys of `sort`."""

    name = "keys"

    def convert(
        self, value: Any, param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str:
        """Return fields such as 1-2 for options such as -k1,2."""
        words = re.sub(r"-k\s+", "-k", value).split()
        if not words or not all(word.startswith("-k") for word in words):
            self.fail(f"{value!r} names no fields such as -k1,2", param, ctx)
        ranges = []
        for word in words:
            # The letters of an order have no meaning here.
            first, comma, last = re.sub("[nr]", "", word[2:]).partition(",")
            ranges.append(f"{first}-{last}" if comma else f"{first}-")
        text = ",".join(ranges)
        try:
            key_fields.parse_ranges(text)
        except ValueError:
            self.fail(f"{value!r} is possible here only with whole fields, "
                      "such as -k1,2", param, ctx)
        return text


class LeadingFields(click.ParamType[str]):
    """A number of fields, which are the first ones."""

    name = "fields"

    def convert(
        self, value: Any, param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str:
        """Return fields such as 1-2 for the number 2."""
        return f"1-{KEY_FIELDS.convert(value, param, ctx)}"


class JavaClass(click.ParamType[str]):
    """The name of a class of Hadoop that something here stands for."""

    name = "class"

    def __init__(self, *known: str) -> None:
        """Accept these classes, of any package."""
        self._known = known

    def convert(
        self, value: Any, param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str:
        """Return the name of the class without that of its package."""
        name = str(value).rpartition(".")[2]
        if name not in self._known:
            self.fail(f"no Java class {value!r} can run here; possible: "
                      f"{', '.join(self._known)}", param, ctx)
        return name


SEPARATOR = Separator()
RANGES = _Parsed("fields", key_fields.parse_ranges)
HADOOP_RANGES = HadoopRanges()
SORT = _Parsed("keys", key_fields.parse_sort)
KEY_FIELDS = Number(1, layout.MAX_TASKS)
LEADING_FIELDS = LeadingFields()
PARTITIONERS = ("KeyFieldBasedPartitioner", "HashPartitioner")
# In the packages of Hadoop; a command of the user may have such a name, too.
HADOOP = "org.apache.hadoop."

# As in client/hadoop: for each property, a field and its type.
PROPERTIES: dict[str, tuple[str, click.ParamType[Any]]] = {
    "stream.map.output.field.separator": ("separator", SEPARATOR),
    "stream.num.map.output.key.fields": ("key_fields", KEY_FIELDS),
    "stream.reduce.input.field.separator": ("reducer_separator", SEPARATOR),
    "mapreduce.map.output.key.field.separator": ("key_separator", SEPARATOR),
    "mapreduce.partition.keypartitioner.options": (
        "partition_by", HADOOP_RANGES),
    # Older than the one above, but Hadoop still knows it.
    "num.key.fields.for.partition": ("partition_by", LEADING_FIELDS),
    "mapreduce.partition.keycomparator.options": ("sort_options", SORT),
    "mapreduce.job.output.key.comparator.class": (
        "comparator", JavaClass("KeyFieldBasedComparator",
                                "Text$Comparator")),
    "mapreduce.job.partitioner.class": (
        "partitioner_class", JavaClass(*PARTITIONERS)),
}
RENAMED = {
    "map.output.key.field.separator":
        "mapreduce.map.output.key.field.separator",
    "mapred.text.key.partitioner.options":
        "mapreduce.partition.keypartitioner.options",
    "mapred.text.key.comparator.options":
        "mapreduce.partition.keycomparator.options",
    "mapred.output.key.comparator.class":
        "mapreduce.job.output.key.comparator.class",
    "mapred.partitioner.class": "mapreduce.job.partitioner.class",
    "mapreduce.partitioner.class": "mapreduce.job.partitioner.class",
}


def complete_hadoop(job: dict[str, Any]) -> None:
    """Give the fields of a job the values that they have in Hadoop."""
    # The options below do what the classes do, so these say nothing more.
    for name in ("comparator", "partitioner_class"):
        job.pop(name, None)
    partitioner = job.get("partitioner")
    if partitioner and partitioner.removeprefix(HADOOP) != partitioner:
        JavaClass(*PARTITIONERS).convert(partitioner, None, None)
        job["partitioner"] = None
    elif partitioner in PARTITIONERS:
        job["partitioner"] = None
    elif partitioner:
        job.pop("partition_by", None)  # It is for the class alone.
    if not job["num_reducers"]:
        for name in KEY_NAMES:
            job.pop(name, None)
    if any(name in job for name in KEY_NAMES):
        job.setdefault("key_fields", 1)
        # A reducer of Hadoop gets a TAB between key and value.
        job.setdefault("reducer_separator", key_fields.TAB)


KEY_NAMES = ("separator", "key_fields", "key_separator", "partition_by",
             "sort_options", "reducer_separator")


def key_options(command: Decorated) -> Decorated:
    """Add the options for keys of several fields."""
    for option in (
        click.option("--sort", "sort_options", metavar="KEYS", type=SORT,
                     help="Sort the lines for each reducer by these options "
                     "of sort, such as '-k1,1 -k2,2nr'."),
        click.option("--partition-by", metavar="FIELDS", type=RANGES,
                     help="Fields, such as 1-2, that choose the reduce task: "
                     "lines that agree in them go to the same one."),
        click.option("--key-fields", metavar="N", type=KEY_FIELDS,
                     help="Number of fields of the key.  [default: 1]"),
        click.option("--separator", metavar="CHAR", type=SEPARATOR,
                     help="What separates fields.  [default: TAB]"),
    ):
        command = option(command)
    return command
