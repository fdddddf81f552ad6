"""mapreduce-cancel: what it sends, and what it says of the job."""
import pytest

from mapreduce import cancel
from tests.support.clients import run
from tests.support.fake_manager import KEEPS, FakeManager, cluster, job


def test_cancel():
    """It returns when the job is cancelled."""
    with FakeManager(*(cluster(job(state, name="n"))
                       for state in (
                           "map", "map", "map", "cancelled"))) as manager:
        assert run(cancel.main, manager.port, "3") == (
            0, "Cancelled job 3 (n)\n", "")
    assert manager.types() == [
        "get_status", "get_status", "cancel_job", "get_status", "get_status"]
    assert manager.heard[2] == {"message_type": "cancel_job", "job_id": 3}


def test_cancel_goes_on_with_the_next_manager(mocker):
    """The last one, which keeps its jobs, may not have kept the command."""
    mocker.patch("mapreduce.client.progress.POLL_INTERVAL", 0.01)
    kept = cluster(job("map"), manager=KEEPS)
    with FakeManager(kept, kept, b"", b"", b"", kept,
                     cluster(job("cancelled"))) as manager:
        code, stdout, stderr = run(cancel.main, manager.port, "3")
    assert (code, stdout) == (0, "Cancelled job 3\n")
    assert stderr.count("Waiting for it, for up to 60 s") == 1
    assert manager.types().count("cancel_job") > 1


def test_quiet_cancel():
    with FakeManager(*(cluster(job(state))
                       for state in ("queued", "cancelled"))) as manager:
        assert run(cancel.main, manager.port, "3", "--quiet") == (0, "", "")


@pytest.mark.parametrize("state", ["done", "failed", "cancelled"])
def test_cancel_of_a_job_that_has_ended(state):
    """No command is sent."""
    with FakeManager(cluster(job(state))) as manager:
        assert run(cancel.main, manager.port, "3") == (
            1, "", f"Error: job 3 has ended already: it is {state}\n")
    assert manager.types() == ["get_status"]


def test_cancel_that_comes_too_late():
    with FakeManager(*(cluster(job(state))
                       for state in ("reduce", "done"))) as manager:
        assert run(cancel.main, manager.port, "3") == (
            1, "", "Error: job 3 ended before it could be cancelled: "
            "it is done\n")
