"""Tasks leave out the records on which their executable dies."""
import contextlib
import gzip
import logging

import pytest

from mapreduce.protocol import messages
from mapreduce.protocol.fields import Split
from mapreduce.worker.errors import (
    TaskError,
    TaskInterrupted,
    TooManyBadRecords,
)
from mapreduce.worker.output import OutputDirectory
from mapreduce.worker.processes.interruption import Interruption
from mapreduce.worker.processes import reporter as reporter_module
from mapreduce.worker.processes.launcher import Launcher
from mapreduce.worker.processes.reporter import Reporter
from mapreduce.worker.task import run_task
from tests.support.files import read_files, write_executable, write_files

# The local directories are made in there, and nothing may stay.
pytestmark = pytest.mark.usefixtures("temporary")


class Task:
    """Runs tasks that may skip bad records."""

    def __init__(self, directory):
        """Use a directory for the result."""
        self.directory = directory
        self.output = directory / "output"
        self.output.mkdir()
        self.reporter = Reporter(self._publish)
        self.statuses = []
        self.interruption = None
        self.interrupt_at = None  # a status

    def _publish(self, status):
        self.statuses.append(status)
        if status == self.interrupt_at:
            self.interruption.set()

    def map(self, paths, executable, limit=1, num_partitions=1, **options):
        """Run a map task; return its files."""
        splits = [path if isinstance(path, Split) else Split(path)
                  for path in paths]
        return self._run(messages.ExtendedMapTaskMessage(
            0, splits, str(executable), "unused", num_partitions,
            **{"environment": {"A": "b"}, "skip_bad_records": limit,
               **options}))

    def reduce(self, paths, executable, limit=1, **options):
        """Run a reduce task; return its files."""
        return self._run(messages.ExtendedReduceTaskMessage(
            3, str(executable), paths, "unused", {"A": "b"},
            skip_bad_records=limit, **options))

    def _run(self, task):
        with (
            Interruption() as self.interruption,
            contextlib.closing(OutputDirectory(str(self.output))) as output,
        ):
            run_task(task, output, Launcher(self.interruption), self.reporter)
        return read_files(self.output)

    @property
    def skipped(self):
        """The counters of records that were left out."""
        counters = self.reporter.counters
        return (counters.get("skipped records"), {
            name: amount for name, amount in counters["mapreduce"].items()
            if "skipped" in name})


@pytest.fixture(name="task")
def make_task(tmp_path):
    """Return a Task."""
    return Task(tmp_path)


@pytest.fixture(name="picky")
def make_picky(tmp_path):
    """An executable that prints its input, and dies on a bad line."""
    return write_executable(
        tmp_path / "picky",
        "exec awk '/bad/ { print \"no: \" $0 > \"/dev/stderr\"; exit 3 } "
        "{ print \"reporter:counter:own,lines,1\" > \"/dev/stderr\"; print }'")


def test_mapper_reads_all_but_the_bad_records(task, picky, tmp_path, caplog):
    """The counters are those of the last run alone."""
    paths = write_files(
        tmp_path / "input", b"a\nbad 1\nb\n", b"c\n",
        b"d\r\nbad 2\r\ne\nbad 3")
    assert task.map(paths, picky, 3) == {
        "maptask00000-part00000": b"a\nb\nc\nd\r\ne\n"}
    names = [f"{paths[0]!r} at byte 2: 'bad 1'",
             f"{paths[2]!r} at byte 3: 'bad 2\\r'",
             f"{paths[2]!r} at byte 12: 'bad 3'"]
    assert task.skipped == (
        dict.fromkeys(names, 1), {"map skipped records": 3})
    assert task.reporter.counters["own"] == {"lines": 5}
    assert task.reporter.counters["mapreduce"]["input records"] == 5
    logged = [record.getMessage() for record in caplog.records
              if record.levelno == logging.WARNING]
    assert [line.partition(" (found")[0] for line in logged
            if line.startswith("Leave")] == [
        f"Leave out the record {name}" for name in names]
    assert f"{picky} on the input {paths[0]!r} exited 3:\nno: bad 1" in (
        logged[0])


def test_reducer_reads_all_but_the_bad_records(task, picky, tmp_path):
    """They are lines of the merged input."""
    paths = write_files(tmp_path / "input", b"a\nbad\t1\nz\n", b"b\nbad\t2\n")
    assert task.reduce(paths, picky, 2) == {"part-00003": b"a\nb\nz\n"}
    assert task.skipped == ({
        "the input of reduce task 3 at byte 4: 'bad\\t1'": 1,
        "the input of reduce task 3 at byte 10: 'bad\\t2'": 1,
    }, {"reduce skipped records": 2})


def test_reducer_with_one_input(task, picky, tmp_path):
    """It is merged input all the same."""
    paths = write_files(tmp_path / "input", b"a\nbad\nc\n")
    assert task.reduce(paths, picky) == {"part-00003": b"a\nc\n"}


def test_counters_of_other_runs_do_not_count_for_the_limit(
        task, tmp_path, mocker):
    """Their names are as long as the last run alone may have them."""
    mocker.patch.object(reporter_module, "MAX_COUNTER_NAMES", 700)
    name = "n" * 250
    mapper = write_executable(
        tmp_path / "mapper", f"echo reporter:counter:own,{name},1 >&2",
        "! grep bad")
    [path] = write_files(tmp_path / "input", b"a\nbad\nb\n")
    task.map([path], mapper)
    assert task.reporter.counters["own"] == {name: 1}


def test_last_run_has_all_other_records(task, tmp_path):
    """A sum over all of them is right."""
    sums = write_executable(
        tmp_path / "sums",
        "exec awk '/x/ { exit 1 } { sum += $1 } END { print sum }'")
    [path] = write_files(tmp_path / "input", b"1\n2\nx\n3\nx\n4\n")
    assert task.map([path], sums, 2, 0) == {"part-00000": b"10\n"}


def test_signal_is_a_death(task, tmp_path):
    """Also where all exit codes are accepted."""
    killed = write_executable(
        tmp_path / "killed",
        'while read -r line; do [ "$line" = bad ] && kill -SEGV $$; '
        'echo "$line"; done; exit 1')
    [path] = write_files(tmp_path / "input", b"a\nbad\nb\n")
    assert task.map([path], killed, any_exit_code=True) == {
        "maptask00000-part00000": b"a\nb\n"}


@pytest.mark.parametrize("options", [
    {"concatenate": True}, {"decompress": True},
    {"concatenate": True, "decompress": True},
    {"combiner": "sort"}, {"partitioner": "sed s/.*/0/ -"}], ids=str)
def test_options_of_map_tasks(task, picky, tmp_path, options):
    """Compressed files, one mapper for all files, combiner, partitioner."""
    paths = write_files(tmp_path / "input", b"a\nbad 1\n")
    (tmp_path / "b.gz").write_bytes(gzip.compress(b"b\nbad 2\nc"))
    if "decompress" in options:
        paths.append(str(tmp_path / "b.gz"))
    else:
        paths += write_files(tmp_path / "other", b"b\nbad 2\nc")
    if "partitioner" in options:
        options["partitioner"] = write_executable(
            tmp_path / "zero", "exec sed s/.*/0/")
    assert task.map(paths, picky, 2, **options) == {
        "maptask00000-part00000": b"a\nb\nc\n"}
    assert task.skipped == ({
        f"{paths[0]!r} at byte 2: 'bad 1'": 1,
        f"{paths[1]!r} at byte 2: 'bad 2'": 1}, {"map skipped records": 2})


def test_ranges_of_a_file(task, picky, tmp_path):
    """Only lines that begin in the range are tried."""
    [path] = write_files(tmp_path / "input", b"bad\na\nbad\nb\nbad\n")
    assert task.map([Split(path, 3, 11)], picky) == {
        "maptask00000-part00000": b"a\nb\n"}
    assert task.skipped[0] == {f"{path!r} at byte 6: 'bad'": 1}


def test_each_run_is_alone_in_its_directory(task, tmp_path):
    """What one run leaves there does not disturb the next one."""
    mapper = write_executable(
        tmp_path / "mapper", "set -e; mkdir new; test -e placed",
        'touch "$mapreduce_task_output_dir/side"',
        "if grep bad; then exit 1; fi; echo $mapreduce_map_input_file")
    [path] = write_files(tmp_path / "input", b"bad\n")
    result = tmp_path / "result"
    result.mkdir()
    assert task.map([path], mapper, files=[[path, "placed"]], environment={
        "mapreduce_output_fileoutputformat_outputdir": str(result)}) == {
        "maptask00000-part00000": f"{path}\n".encode()}
    assert read_files(result) == {"side": b""}


def test_standard_error_of_all_runs_is_kept(task, picky, tmp_path):
    """Also that of the runs that look for the record."""
    [path] = write_files(tmp_path / "input", b"bad\n")
    task.map([path], picky, logs=str(tmp_path / "log"))
    # The first run, the same input again, the record alone.
    assert (tmp_path / "log").read_bytes() == b"no: bad\n" * 3


@pytest.mark.parametrize("limit", [1, 2])
def test_too_many_bad_records(task, picky, tmp_path, limit):
    """All that were found are named, of all files of the task."""
    paths = write_files(tmp_path / "input", b"bad 1\n",
                        b"a\nbad 2\nbad 3\nbad 4\n")
    with pytest.raises(TooManyBadRecords) as failure:
        task.map(paths, picky, limit)
    assert str(failure.value) == "\n".join([
        f"executables die on more than --skip-bad-records {limit}:",
        f"  {paths[0]!r} at byte 0: 'bad 1'",
        f"  {paths[1]!r} at byte 2: 'bad 2'",
        *[f"  {paths[1]!r} at byte 8: 'bad 3'"] * (limit - 1),
        f"{picky} on the input {paths[1]!r} exited 3:\nno: bad 2"])
    assert read_files(task.output) == {}


def test_only_the_first_records_too_many_are_named(task, picky, tmp_path):
    """The message stays short."""
    [path] = write_files(tmp_path / "input", b"bad\n" * 30)
    with pytest.raises(TooManyBadRecords) as failure:
        task.map([path], picky, 22)
    lines = str(failure.value).splitlines()
    assert (len(lines), lines[21]) == (24, "  and 3 more")


def test_mapper_that_dies_without_input(task, tmp_path):
    """The reason is that of its first death."""
    mapper = write_executable(
        tmp_path / "mapper", "head -n 1 >&2; exit 2")
    [path] = write_files(tmp_path / "input", b"a\nb\n")
    with pytest.raises(TaskError) as failure:
        task.map([path], mapper)
    assert str(failure.value) == (
        f"{mapper} on the input {path!r} exited 2:\na\nIt dies without any "
        "input, too; so --skip-bad-records can't help")


def test_mapper_that_dies_on_two_records_together(task, tmp_path):
    """Neither of them is bad."""
    mapper = write_executable(
        tmp_path / "mapper", "exec awk '/x/ && n++ { exit 1 }'")
    [path] = write_files(tmp_path / "input", b"a\nx1\nb\nx2\nc\n")
    with pytest.raises(TaskError) as failure:
        task.map([path], mapper, 5)
    assert str(failure.value) == (
        f"{mapper} on the input {path!r} exited 1\nIt dies only on several "
        f"records together, of which the last is {path!r} at byte 7: 'x2'; so "
        "--skip-bad-records can't help")


@pytest.mark.parametrize("times, succeeds", [(1, True), (9, False)])
def test_mapper_that_dies_by_chance(task, tmp_path, times, succeeds):
    """It is run again with all records; only after that, it has failed."""
    runs = tmp_path / "runs"
    mapper = write_executable(
        tmp_path / "mapper", f"echo run >> '{runs}'", "cat",
        f"number=$(wc -l < '{runs}')",
        f"test $((number % 2)) = 0 || test $number -gt {times}")
    [path] = write_files(tmp_path / "input", b"a\nb\n")
    if succeeds:
        assert task.map([path], mapper) == {
            "maptask00000-part00000": b"a\nb\n"}
        assert task.skipped == (None, {})
    else:
        with pytest.raises(TaskError, match=r"mapper on the input .* exited 1"
                           "$"):
            task.map([path], mapper)
    assert runs.read_text() == "run\n" * 3


def test_other_executables_may_not_skip(task, tmp_path):
    """The combiner must handle all lines."""
    [path] = write_files(tmp_path / "input", b"a\n")
    with pytest.raises(TaskError, match="^false as the combiner exited 1$"):
        task.map([path], "cat", combiner="false")
    assert task.statuses == []


def test_timeout_is_no_death(task, tmp_path):
    """No record is looked for."""
    mapper = write_executable(
        tmp_path / "mapper",
        'while read -r line; do [ "$line" = bad ] && exec sleep 60; done')
    [path] = write_files(tmp_path / "input", b"a\nbad\n")
    with pytest.raises(TaskError, match="neither read, wrote nor reported"):
        task.map([path], mapper, task_timeout=0.2)
    assert task.statuses == []


def test_timeout_is_one_for_each_run(task, tmp_path, idle):
    """Here, that of the first half."""
    mapper = write_executable(
        tmp_path / "mapper", 'case "$(cat)" in *bad*) exit 1;; '
        f"?*) touch '{idle}'; exec sleep 60;; esac")
    [path] = write_files(tmp_path / "input", b"a\nb\nc\nbad\n")
    with pytest.raises(TaskError, match="neither read, wrote nor reported"):
        task.map([path], mapper, task_timeout=0.2)
    assert task.statuses[-1] == "looks for bad records: run 3"


def test_cancel_ends_a_search(task, picky, tmp_path):
    """At once, and nothing is in the output directory."""
    [path] = write_files(tmp_path / "input", b"a\n" * 100 + b"bad\n")
    task.interrupt_at = "looks for bad records: run 4"
    with pytest.raises(TaskInterrupted):
        task.map([path], picky)
    assert task.statuses == [
        f"looks for bad records: run {number}" for number in range(1, 5)]
    assert read_files(task.output) == {}
