"""Lines on what a user may have overlooked."""
import dataclasses
import os

import pytest

from mapreduce.client import hints
from mapreduce.client.job_options import JobSpec
from mapreduce.protocol import codec
from mapreduce.protocol.extensions import ExtendedJobMessage
from mapreduce.protocol.status import ClusterStatus
from mapreduce.system.inputs import Skipped
from tests.support.fake_manager import cluster, job

REASON = "cannot read the input 'in': No such file or directory in /cluster"


def ended(**fields):
    """Return the status of a job that failed on another machine."""
    status = codec.answer_from_document(
        ClusterStatus, cluster(job("failed", **{"reason": REASON, **fields})))
    return status.jobs[0]


def submission(path):
    """Return a job with one input."""
    return ExtendedJobMessage([path], "/out", "cat", 0, num_mappers=1)


def test_relative_path_that_the_manager_cannot_find():
    assert list(hints.about_directory(submission("in"), ended())) == [
        "Relative paths are searched in /cluster, where the Manager runs; "
        f"this command runs in {os.getcwd()}"]


@pytest.mark.parametrize("path, fields", [
    ("/in", {}), ("in", {"directory": os.getcwd()}),
    ("in", {"reason": "cat exited 1"}), ("in", {"reason": None})])
def test_other_failures_have_no_such_line(path, fields):
    assert not list(hints.about_directory(submission(path), ended(**fields)))


def test_result_on_another_machine_is_not_called_empty(tmp_path):
    assert not list(hints.about_result(str(tmp_path / "missing")))


@pytest.mark.parametrize("skipped, lines", [
    (Skipped(1), ["Skipped 1 directory in the input; --recursive reads the "
                  "files there, too"]),
    (Skipped(2, 1), ["Skipped 2 directories in the input; --recursive reads "
                     "the files there, too",
                     "Left out 1 hidden name in the input, which begins with "
                     ". or _, as Hadoop does"]),
])
def test_what_is_left_out_of_the_input(tmp_path, skipped, lines):
    path = tmp_path / "file"
    path.write_bytes(b"a")
    job = JobSpec(input_paths=(str(tmp_path),), output_directory="out",
                  mapper_executable="cat")
    assert list(hints.about_inputs(job, [str(path)], skipped)) == lines


def test_input_of_which_nothing_is_left(tmp_path):
    job = JobSpec(input_paths=(str(tmp_path),), output_directory="out",
                  mapper_executable="cat")
    assert list(hints.about_inputs(job, [], Skipped(hidden=2))) == [
        "Left out 2 hidden names in the input, which begin with . or _, as "
        "Hadoop does",
        "The input holds no file: the mapper will not run"]
    (tmp_path / "directory").mkdir()
    assert list(hints.about_visible_inputs(job)) == [
        "Skipped 1 directory in the input; --recursive reads the files there, "
        "too",
        "The input holds only directories, which are skipped: the mapper will "
        "not run"]


@pytest.mark.parametrize("size, lines", [
    (3, []), (None, []), (2, [
        "Several mappers share 'a', each with some of the lines; "
        "--split-size 0 gives a whole file to one mapper"]),
    (1, ["Several mappers share 'a' and 1 more, each with some of the lines; "
         "--split-size 0 gives a whole file to one mapper"]),
])
def test_files_that_are_divided(tmp_path, size, lines):
    for name, content in (("a", b"abc"), ("b", b"xy"), ("c.gz", b"xyz")):
        (tmp_path / name).write_bytes(content)
    files = [str(tmp_path / name) for name in ("a", "b", "c.gz")]
    assert list(hints.about_division(files, size)) == lines


@pytest.mark.parametrize("name", ["A.GZ", "a.tgz", "a.zip", "a.Bz2", "a.z"])
def test_name_that_resembles_that_of_a_compressed_file(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"a")
    job = JobSpec(input_paths=(str(path),), output_directory="out",
                  mapper_executable="cat", decompress=True)
    note = (f"The mapper reads {name!r} as it is: only files with names such "
            "as x.gz are decompressed")
    assert list(hints.about_inputs(job, [str(path)], Skipped())) == [note]
    assert list(hints.about_visible_inputs(job)) == [note]


def test_input_of_a_manager_as_far_as_it_is_here(tmp_path):
    for name in ("a.gz", "b.tgz", ".hidden"):
        (tmp_path / name).touch()
    job = JobSpec(input_paths=(str(tmp_path),), output_directory="out",
                  mapper_executable="cat", hadoop_inputs=True)
    assert list(hints.about_visible_inputs(job)) == [
        f"The mapper reads '{tmp_path}/a.gz' as it is, compressed; with "
        "--decompress, it reads the content",
        "Left out 1 hidden name in the input, which begins with . or _, as "
        "Hadoop does",
        "The mapper reads 'b.tgz' as it is: only files with names such as "
        "x.gz are decompressed"]
    elsewhere = dataclasses.replace(job, input_paths=("/not/here",))
    assert not list(hints.about_visible_inputs(elsewhere))
