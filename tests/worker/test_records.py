"""The records of a task are counted: the lines that go in and out."""
import contextlib
import gzip

import pytest

from mapreduce.protocol import messages
from mapreduce.protocol.fields import Split
from mapreduce.worker.output import OutputDirectory
from mapreduce.worker.processes.interruption import Interruption
from mapreduce.worker.processes.launcher import Launcher
from mapreduce.worker.processes.reporter import Reporter
from mapreduce.worker.task import run_task
from tests.support.files import write_files

pytestmark = pytest.mark.usefixtures("temporary")


@pytest.fixture(name="count")
def _count(tmp_path):
    """Return a function: do a task, return its counters of records."""
    def count(task):
        (tmp_path / "output").mkdir()
        reporter = Reporter(lambda status: None)
        with (
            Interruption() as interruption,
            contextlib.closing(
                OutputDirectory(str(tmp_path / "output"))) as output,
        ):
            run_task(task, output, Launcher(interruption), reporter)
        assert list(reporter.counters) == ["mapreduce"]
        return reporter.counters["mapreduce"]
    return count


def map_task(splits, executable, num_partitions=2, **options):
    """Return a map task."""
    return messages.ExtendedMapTaskMessage(
        0, splits, executable, "unused", num_partitions, {}, **options)


def map_counters(*amounts):
    """Return the counters of a map task."""
    return dict(zip(("input records", "input bytes", "map output records",
                     "map output bytes"), amounts))


@pytest.mark.parametrize("options", [{}, {"concatenate": True}], ids=str)
def test_map_task_counts_what_goes_in_and_out(count, tmp_path, options):
    """A last line without a newline counts, too."""
    paths = write_files(tmp_path / "input", b"a\nb\n", b"c\nlast")
    assert count(map_task(list(map(Split, paths)), "sed p", **options)
                 ) == map_counters(4, 10, 8, 21)


def test_map_task_counts_the_lines_of_its_split(count, tmp_path):
    [path] = write_files(tmp_path / "input", b"a\nb\nc\n")
    assert count(map_task([Split(path, 2, 4)], "cat")) == map_counters(
        1, 2, 1, 2)


def test_map_task_counts_decompressed_lines(count, tmp_path):
    path = tmp_path / "input.gz"
    path.write_bytes(gzip.compress(b"a\n" * 9))
    assert count(map_task([Split(str(path))], "cat", decompress=True)
                 ) == map_counters(9, 18, 9, 18)


def test_map_output_that_is_the_result_is_output(count, tmp_path):
    [path] = write_files(tmp_path / "input", b"a\nb\n")
    assert count(map_task([Split(path)], "sed p", 0)) == {
        **map_counters(2, 4, 4, 8), "output records": 4}


@pytest.mark.parametrize("options, more", [
    ({}, {}), ({"concatenate": True}, {}),
    ({"num_partitions": 0}, {"output records": 0})], ids=str)
def test_map_task_without_a_file_counts_nothing(count, options, more):
    assert count(map_task([], "cat", **options)) == {
        **map_counters(0, 0, 0, 0), **more}


@pytest.mark.parametrize("contents", [
    [b"a\nb\n"], [b"a\n", b"b\n"]], ids=["one input", "two inputs"])
def test_reduce_task_counts_what_goes_in_and_out(count, tmp_path, contents):
    paths = write_files(tmp_path / "input", *contents)
    assert count(messages.ExtendedReduceTaskMessage(
        0, "sed p", paths, "unused", {})) == {
            "reduce input records": 2, "reduce input bytes": 4,
            "output records": 4}


def test_mapper_may_leave_its_input_unread(count, tmp_path):
    """What was not needed is not read only to be counted."""
    [path] = write_files(tmp_path / "input", b"a\n" * 2_000_000)
    counters = count(map_task([Split(path, 0, 3_999_999)], "true"))
    assert 0 < counters["input records"] < 2_000_000
    assert counters["map output records"] == 0
