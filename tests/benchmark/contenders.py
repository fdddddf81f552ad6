"""How each contender runs a job: the commands beside our own cluster.

A contender gets a job, runs it to its end and returns what that took. All do
the same with two processes side by side, or with what their defaults are.
"""
from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Protocol

from tests.benchmark import cluster, measuring, results
from tests.benchmark.cases import Job
from tests.benchmark.measuring import Watch


class Contender(Protocol):
    """Whoever can run a job."""

    @property
    def name(self) -> str:
        """What it is called in the table."""

    def run(self, job: Job, watch: Watch) -> results.Run:
        """Run a job; tell watch of the processes. May raise BenchmarkError."""


@dataclasses.dataclass(frozen=True)
class Command:
    """A contender that is one command a job."""

    name: str
    command: Callable[[Job], Sequence[str]]
    waits_for_children: bool = True  # else their processor time is unknown

    def run(self, job: Job, watch: Watch) -> results.Run:
        """Run the command."""
        wall, cpu = measuring.run(self.command(job), job.directory, watch)
        return results.Run(wall, cpu if self.waits_for_children else None)


def _script(text: str) -> Callable[[Job], Sequence[str]]:
    """Make a command of a shell script.

    It runs in the directory of the job and has the variables in, map and
    reduce; parts of the result go to output/.
    """
    head = 'in=$1 map=$2 reduce=$3; export LC_ALL=C; mkdir output\n'
    return lambda job: [
        "sh", "-c", head + text, "sh", str(job.input), job.mapper,
        job.reducer]


PIPELINE = Command(results.PIPELINE, _script("""
    cat "$in"/* | "$map" | sort -S 1G | "$reduce" > output/part-00000
"""))

# Which half a key belongs to is told by its last character: about as many
# letters and hexadecimal digits are in this list as are not.
PARTITION = Command(results.BY_HAND[0], _script("""
    map_half() {
        half=$1
        shift
        : > "$half-0"
        : > "$half-1"
        cat "$@" | "$map" | awk -v first="$half-0" -v second="$half-1" '
            index("02468acegikmoqsuwy", substr($0, index($0, "\\t") - 1, 1)) {
                print > first
                next
            }
            { print > second }'
    }
    reduce_half() {
        sort "0-$1" "1-$1" | "$reduce" > "output/part-0000$1"
    }
    map_half 0 "$in"/000[0-3] &
    map_half 1 "$in"/000[4-7] &
    wait
    reduce_half 0 &
    reduce_half 1 &
    wait
"""))

MERGE = Command(results.BY_HAND[1], _script("""
    sort_half() {
        half=$1
        shift
        cat "$@" | "$map" | sort > "$half"
    }
    sort_half 0 "$in"/000[0-3] &
    sort_half 1 "$in"/000[4-7] &
    wait
    sort -m 0 1 | "$reduce" > output/part-00000
"""))

# The same without what a C compiler makes of the loops over all lines.
PYTHON_LOOPS = cluster.MapReduce(
    f"{results.OURS}, Python loops", ["MAPREDUCE_NATIVE=0"])

# What takes part in the cases of --more.
MORE: tuple[Contender, ...] = (cluster.MapReduce(), PYTHON_LOOPS, PIPELINE)

# What needs no installation.
BUILT_IN: tuple[Contender, ...] = (*MORE, PARTITION, MERGE)
