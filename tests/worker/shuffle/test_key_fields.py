"""Jobs with keys of several fields do what `sort` and Hadoop do."""
import os
import pathlib
import subprocess
import tempfile

import pytest
from hypothesis import example, given, settings, strategies

from tests.support.files import read_files, write_files
from tests.support.stages import do_map, map_files, reduce_files, sort_lines

pytestmark = pytest.mark.usefixtures("temporary")

# Hadoop's documentation of Streaming has these lines, and what comes of them.
EXAMPLE = b"11.12.1.2\n11.14.2.3\n11.11.4.1\n11.12.1.1\n11.14.2.2\n"
FIELDS = {"separator": ".", "key_fields": 4}

SORTS = [None, "-k1,1", "-k2,2nr", "-k1,1 -k2,2nr", "-k2,2f -k1,1r", "-nr",
         "-k2.2,3.1", "-k3n -k1,2r", "-k2,2g -k1"]
WORDS = strategies.text("aB1-0 ", max_size=3)
LINES = strategies.lists(
    strategies.lists(WORDS, min_size=1, max_size=4).map(".".join),
    max_size=12).map(lambda lines: "".join(
        f"{line}\n" for line in lines).encode())


def sort(lines, *arguments):
    """Return what `sort` makes of lines, with the dot between fields."""
    return subprocess.run(
        ["sort", "-t", ".", *arguments], input=lines, check=True,
        env={**os.environ, "LC_ALL": "C"}, stdout=subprocess.PIPE).stdout


def do_job(directory, files, num_reducers, combiner=None, **options):
    """Return the parts of a job that has a map task for each file."""
    paths = write_files(directory / "input", *files)
    kept, output = directory / "map", directory / "output"
    partition_by = options.pop("partition_by", None)
    for task_id, path in enumerate(paths):
        do_map(kept, [path], num_partitions=num_reducers, task_id=task_id,
               combiner=combiner, partition_by=partition_by, **options)
    parts = []
    for reducer in range(num_reducers):
        names = [kept / f"maptask{task_id:05d}-part{reducer:05d}"
                 for task_id in range(len(paths))]
        parts.append(reduce_files(
            output, names, task_id=reducer, **options
        )[f"part-{reducer:05d}"])
    return parts


@pytest.fixture(name="job")
def _job(tmp_path):
    """Return a function: the parts of a job, as do_job makes them."""
    def job(*files, num_reducers=1, **options):
        return do_job(tmp_path, files, num_reducers, **options)
    return job


@settings(max_examples=25, deadline=None)
@given(files=strategies.lists(LINES, min_size=1, max_size=3),
       options=strategies.sampled_from(SORTS))
def test_lines_are_in_the_order_of_sort(files, options):
    """Lines that are equal stay in the order of the map tasks."""
    with tempfile.TemporaryDirectory() as directory:
        [part] = do_job(pathlib.Path(directory), files, 1, separator=".",
                        sort_options=options)
    arguments = ["-k1,1"] if options is None else ["-s", *options.split()]
    assert part == sort(b"".join(files), *arguments)


@settings(max_examples=15, deadline=None)
@given(lines=LINES, fields=strategies.sampled_from([
    ("1", ["-k1,1"]), ("1-2", ["-k1,2"]), ("2", ["-k2,2"]),
    ("1,3", ["-k1,1", "-k3,3"])]))
@example(b"000\n000..\n", ("1,3", ["-k1,1", "-k3,3"]))
def test_lines_that_sort_takes_for_equal_are_in_one_part(lines, fields):
    text, keys = fields
    with tempfile.TemporaryDirectory() as directory:
        parts = do_job(pathlib.Path(directory), [lines], 3, separator=".",
                       partition_by=text)
    assert sort_lines(b"".join(parts)) == sort_lines(lines)
    distinct = [sort(part, "-u", *keys).splitlines() for part in parts]
    assert sum(map(len, distinct)) == len(
        sort(lines, "-u", *keys).splitlines())


def test_documented_partitions_of_hadoop(job):
    """Partitioned by two fields, sorted by all four."""
    parts = job(EXAMPLE, num_reducers=12, partition_by="1-2", **FIELDS)
    assert sorted(filter(None, parts)) == [
        b"11.11.4.1\n", b"11.12.1.1\n11.12.1.2\n", b"11.14.2.2\n11.14.2.3\n"]


def test_documented_order_of_hadoop(job):
    """The second field, by number, reverse; equal ones as they came."""
    assert job(EXAMPLE, sort_options="-k2,2nr", **FIELDS) == [
        b"11.14.2.3\n11.14.2.2\n11.12.1.2\n11.12.1.1\n11.11.4.1\n"]


def test_values_do_not_count_as_keys(job):
    """A key of `sort` without an end stops before the value."""
    assert job(b"a.1.9\nb.1.8\n", separator=".", key_fields=2,
               sort_options="-k2 -k1,1r") == [b"b.1.8\na.1.9\n"]


def test_keys_without_values_are_with_their_fellows(job):
    """Whole lines would be sorted in another order."""
    [part] = job(b"a.1\na!.1\na\n", separator=".", key_fields=1)
    assert part == b"a\na.1\na!.1\n"


COMMAS = {"key_fields": 1, "key_separator": ","}


def test_key_may_be_sorted_by_another_separator(job):
    assert job(b"a,1\tx\nb,2\ty\na,10\tz\n", **COMMAS,
               sort_options="-k1,1 -k2,2nr") == [
                   b"a,10\tz\na,1\tx\nb,2\ty\n"]


def test_key_may_be_partitioned_by_another_separator(job):
    parts = job(b"a,1\tx\nb,2\ty\na,10\tz\n", num_reducers=9, **COMMAS,
                partition_by="1")
    assert sorted(filter(None, parts)) == [b"a,1\tx\na,10\tz\n", b"b,2\ty\n"]


@pytest.mark.parametrize("files, part", [
    ([b"a.1.x.y\nb.2\n"], b"a.1\tw.y\nb.2\n"),
    ([b"a.1.x.y\nb.2\n", b"a.1.z\n"], b"a.1\tw.y\na.1\tz\nb.2\n"),
])
def test_reducer_of_hadoop_gets_a_tab_behind_the_key(job, files, part):
    """What a combiner prints is sorted by fields again."""
    assert job(*files, separator=".", key_fields=2, reducer_separator="\t",
               combiner="sed s/x/w/", sort_options="-k1,1 -k2,2n") == [part]


def test_combiner_of_hadoop_reads_and_prints_a_tab(tmp_path):
    paths = write_files(tmp_path / "input", b"a,b,1\na,b,2\n")
    assert map_files(
        tmp_path / "map", paths, separator=",", key_fields=2,
        reducer_separator="\t", combiner=r"sed 's/\t/\t0/'") == {
            "maptask00000-part00000": b"a,b,01\na,b,02\n"}


def test_other_jobs_are_merged_without_sort(tmp_path, mocker):
    """Their loops are compiled, and many times as fast."""
    paths = write_files(tmp_path / "input", b"a\t1\n", b"b\t1\n")
    popen = mocker.spy(subprocess, "Popen")
    assert reduce_files(tmp_path / "output", paths) == {
        "part-00000": b"a\t1\nb\t1\n"}
    assert popen.call_count == 1
    assert read_files(tmp_path / "output") == {"part-00000": b"a\t1\nb\t1\n"}
