"""Rules for Workers: map and reduce tasks, and the files that they leave."""
from __future__ import annotations

import os
import pathlib
import shutil
import time

from mapreduce.conformance.rule import CannotCheck, RuleBook, RuleBroken
from mapreduce.conformance.worker_trial import WorkerTrial, partition_of

BOOK = RuleBook("worker", "protocol")

KEYS = [b"apple", b"Banana", b"cherry", b"date", b"egg", b"fig"]
LINES = [key + b"\t1\n" for key in KEYS]
# A part of each key, or a changed key, has another partition.
ODD_LINES = [b"two\ttabs\there\n", b"a key\twith a space\n", b" key \t\n",
             b"\tempty key\n", b"\xc3\xa4\t1\n", b"Banana\t1\n"]
PARTITIONS = 7
LINE = 65_000  # bytes, with the newline
SIZE = 1000 * LINE  # bytes of a stream that must not be in memory
MEMORY = 24 * 2**20  # by which the memory of a Worker may grow in a task


def long_lines(size: int) -> str:
    """Return the line of a script that prints lines of LINE bytes.

    The size of all lines is in bytes, too. It matters, not their number.
    """
    return (f"yes \"k$(printf '\\t')$(head -c {LINE - 3} /dev/zero | "
            f"tr '\\0' x)\" | head -n {size // LINE}")


@BOOK.rule("A line of map output goes to the partition md5(key) % "
           "num_partitions; the key is what stands before the first TAB.")
def _partition_is_md5_of_the_key(trial: WorkerTrial) -> None:
    _check_partitions(trial, [*LINES, *ODD_LINES])


def _check_partitions(trial: WorkerTrial, lines: list[bytes]) -> None:
    trial.ready()
    trial.map("exec cat", [b"".join(lines)], partitions=PARTITIONS)
    trial.expect_finished()
    for partition in range(PARTITIONS):
        trial.expect_content(
            f"maptask00000-part{partition:05d}", b"".join(sorted(
                line for line in lines if partition_of(
                    line.rstrip(b"\n").partition(b"\t")[0],
                    PARTITIONS) == partition)))


@BOOK.rule("The key of a line without a TAB is the whole line, without its "
           "newline.")
def _line_without_tab_is_a_key(trial: WorkerTrial) -> None:
    _check_partitions(trial, [b"without a tab\n", b"word\n", b"\n"])


@BOOK.rule("Every partition file is made, also the empty ones, and also "
           "those of a task without input files.")
def _empty_partitions_are_made(trial: WorkerTrial) -> None:
    trial.ready()
    trial.map("exec cat", [], task_id=4, partitions=3)
    trial.expect_finished(4)
    trial.expect_names(*(f"maptask00004-part{number:05d}"
                         for number in range(3)))


@BOOK.rule("Each partition file is sorted in the C locale, whatever the "
           "locale of the Worker is.")
def _sort_is_in_the_c_locale(trial: WorkerTrial) -> None:
    # This machine may lack other locales. So the environment of sort is
    # looked at as well as its result.
    noted = _noting_sort(trial, "${LC_ALL:-${LC_COLLATE:-${LANG:-C}}}")
    trial.environment |= {"LC_ALL": "en_US.UTF-8", "LANG": "en_US.UTF-8"}
    trial.ready()
    trial.map("exec cat", [b"b\t1\nB\t1\na\t1\nA\t1\n"])
    trial.expect_finished()
    trial.expect_content("maptask00000-part00000", b"A\t1\nB\t1\na\t1\nb\t1\n")
    seen = set(noted.read_text().split()) if noted.exists() else set()
    if not seen <= {"C", "POSIX"}:
        raise RuleBroken("sort in the locale C", f"in {sorted(seen)}")


def _noting_sort(trial: WorkerTrial, what: str) -> pathlib.Path:
    """Have each sort note something of it in a file; return its path."""
    program = shutil.which("sort")
    if program is None:
        raise CannotCheck("there is no program sort")
    directory = trial.directory / "bin"
    directory.mkdir()
    noted = trial.directory / "noted"
    trial.script(f"echo \"{what}\" >> '{noted}'",
                 f'exec {program} "$@"', name="bin/sort")
    trial.environment["PATH"] = (
        f"{directory}:{os.environ.get('PATH', os.defpath)}")
    return noted


@BOOK.rule("Each partition file, also an empty one, is sorted by one sort "
           "-o FILE FILE.")
def _one_sort_for_each_partition(trial: WorkerTrial) -> None:
    noted = _noting_sort(trial, "$*")
    trial.ready()
    trial.map("exec cat", [b"line\t1\n"], partitions=3)
    trial.expect_finished()
    seen = noted.read_text().splitlines() if noted.exists() else []
    files = {line.split()[-1] for line in seen if line.split()}
    if len(files) != 3 or sorted(seen) != sorted(
            f"-o {path} {path}" for path in files):
        raise RuleBroken("sort -o FILE FILE, once for each of 3 files",
                         str(seen))


@BOOK.rule("One process of the mapper runs for each input file, in order, "
           "with the file as its standard input.")
def _one_mapper_for_each_file(trial: WorkerTrial) -> None:
    noted = trial.directory / "noted"
    trial.ready()
    trial.map(f"echo begin >> '{noted}'; tee -a '{noted}'",
              [b"first\t1\n", b"second\t2\n"])
    trial.expect_finished()
    seen = noted.read_text() if noted.exists() else ""
    if seen != "begin\nfirst\t1\nbegin\nsecond\t2\n":
        raise RuleBroken("two mappers, one after the other", repr(seen))


@BOOK.rule("The executable runs in the Worker's working directory, with its "
           "environment and without a shell.")
def _executable_has_directory_and_environment(trial: WorkerTrial) -> None:
    trial.environment["CONFORMANCE_TEST"] = "a value"
    trial.ready()
    mapper = trial.script(
        """printf '%s\\t1\\n' "$(pwd -P)" "$# $CONFORMANCE_TEST\"""",
        name="a mapper; with $ 'odd' name")
    trial.send(trial.map_task(mapper, [trial.file(b"")]))
    trial.expect_finished()
    trial.expect_content("maptask00000-part00000", b"".join(sorted(
        [os.fsencode(os.path.realpath(os.curdir)) + b"\t1\n",
         b"0 a value\t1\n"])))


@BOOK.rule("Relative paths refer to the Worker's working directory.")
def _relative_paths_work(trial: WorkerTrial) -> None:
    trial.ready()
    task = trial.map_task(os.path.relpath(trial.script("exec cat")),
                          [os.path.relpath(trial.file(b"line\t1\n"))])
    trial.send({**task, "output_directory": os.path.relpath(trial.output)})
    trial.expect_finished()
    trial.expect_content("maptask00000-part00000", b"line\t1\n")


@BOOK.rule("finished is sent once for a task.")
def _finished_is_sent_once(trial: WorkerTrial) -> None:
    trial.ready()
    trial.map("exec cat", [b"line\t1\n"])
    trial.expect_finished()
    trial.expect_nothing("finished was sent")
    trial.reduce("exec cat", [b"line\n"])
    trial.expect_finished()
    trial.expect_nothing("finished was sent")


@BOOK.rule("A reduce task merges its sorted input files into the standard "
           "input of exactly one process of the reducer, and leaves "
           "part-00000.")
def _reduce_merges_for_one_process(trial: WorkerTrial) -> None:
    noted = trial.directory / "noted"
    trial.ready()
    trial.reduce(f"echo begin >> '{noted}'; exec cat",
                 [b"a\nc\ne\n", b"", b"b\nd\nf\n"], task_id=3)
    trial.expect_finished(3)
    trial.expect_names("part-00003")
    trial.expect_content("part-00003", b"a\nb\nc\nd\ne\nf\n")
    if noted.read_text() != "begin\n":
        raise RuleBroken("one process of the reducer", noted.read_text())


@BOOK.rule("The reducer runs once, too, if its input files hold no line.")
def _reducer_runs_without_lines(trial: WorkerTrial) -> None:
    trial.ready()
    trial.reduce("echo begin; exec cat", [b"", b""])
    trial.expect_finished()
    trial.expect_content("part-00000", b"begin\n")


@BOOK.rule("A task that comes while another runs waits for its turn.")
def _tasks_wait_for_their_turn(trial: WorkerTrial) -> None:
    first, second = trial.gate(), trial.gate()
    trial.ready()
    trial.map(first.wait, [b"line\n"], task_id=0)
    # Not both at once: a Worker with threads may handle them in any order.
    trial.wait_for("the first mapper starts", first.has_begun,
                   lambda: "it does not")
    trial.map(second.wait, [b"line\n"], task_id=1)
    time.sleep(trial.times.quiet)
    if second.has_begun():
        raise RuleBroken("one mapper at a time", "two run")
    first.open()
    trial.expect_finished(0)
    second.open()
    trial.expect_finished(1)


@BOOK.rule("The output of a mapper is read as a stream: the memory of the "
           f"Worker grows by less than {MEMORY >> 20} MiB for "
           f"{SIZE >> 20} MiB.")
def _map_output_is_a_stream(trial: WorkerTrial) -> None:
    before = _prepared(trial)
    trial.map(long_lines(SIZE), [b""], partitions=2)
    trial.expect_finished(0, 4 * trial.times.timeout)
    _check_memory(trial, before)


@BOOK.rule("The input of a reducer is merged as a stream: the memory of the "
           f"Worker grows by less than {MEMORY >> 20} MiB for "
           f"{SIZE >> 20} MiB.")
def _reduce_input_is_a_stream(trial: WorkerTrial) -> None:
    before = _prepared(trial)
    line = b"x" * 65_000 + b"\n"
    trial.reduce("exec cat > /dev/null", 2 * [line * (SIZE // 2 // len(line))])
    trial.expect_finished(0, 4 * trial.times.timeout)
    _check_memory(trial, before)


def _prepared(trial: WorkerTrial) -> int:
    """Do a small task, then return the memory of the Worker."""
    trial.ready()
    trial.expect_task_works()
    before = trial.daemon.peak_memory()
    if before is None:
        raise CannotCheck("this system does not tell the memory of a process")
    return before


def _check_memory(trial: WorkerTrial, before: int) -> None:
    grown = (trial.daemon.peak_memory() or 0) - before
    if grown > MEMORY:
        raise RuleBroken(f"less than {MEMORY >> 20} MiB more than before",
                         f"{grown >> 20} MiB more")


@BOOK.rule("Lines are merged in the order of sort, which compares them "
           "without their newlines: a before a<TAB>1.")
def _merge_order_is_that_of_sort(trial: WorkerTrial) -> None:
    trial.ready()
    trial.reduce("exec cat", [b"a\t1\na\t2\n", b"a\nb\n"])
    trial.expect_finished()
    expected = b"a\na\t1\na\t2\nb\n"
    trial.expect_content("part-00000", expected)
