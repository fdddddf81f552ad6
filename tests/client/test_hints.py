"""Lines on what a user may have overlooked."""
import os

import pytest

from mapreduce.client import hints
from mapreduce.protocol import codec
from mapreduce.protocol.extensions import ExtendedJobMessage
from mapreduce.protocol.status import ClusterStatus
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
