"""What all clients say if no Manager, or no usable answer, is there."""
import pytest

from mapreduce import cancel, status
from mapreduce.utils import network
from tests.support.clients import FOREIGN, QUESTIONS, UNREACHABLE, run
from tests.support.fake_manager import FakeManager, cluster
from tests.support.ports import free_port
from tests.support.waiting import wait_until


@pytest.mark.parametrize("main, options", QUESTIONS)
def test_no_manager(main, options):
    port = free_port()
    assert run(main, port, *options) == (
        3, "", UNREACHABLE.format(port=port, gone=""))


@pytest.mark.parametrize("main, options", QUESTIONS)
@pytest.mark.parametrize("answer", [
    None, b"", b"{", b"[]", {}, {"jobs": 1}, {"job": {}, "tasks": []},
    cluster({"id": "3"}),
], ids=str)
def test_manager_that_gives_no_answer(mocker, main, options, answer):
    """Nothing but the question was sent."""
    mocker.patch.object(network, "SEND_TIMEOUT", 0.05)
    with FakeManager(answer) as manager:
        assert run(main, manager.port, *options) == (
            3, "", FOREIGN.format(port=manager.port))
        assert wait_until(manager.types)  # On a busy machine, it is late.
    assert {kind[:4] for kind in manager.types()} == {"get_"}


@pytest.mark.parametrize("main, options, answer", [
    (status.main, ["3"], {"job": None, "tasks": []}),
    (cancel.main, ["3"], cluster()),
])
def test_unknown_job(main, options, answer):
    with FakeManager(answer) as manager:
        assert run(main, manager.port, *options) == (
            2, "", f"Error: Manager localhost:{manager.port} knows no job 3; "
            f"mapreduce-status -p {manager.port} shows those that it knows\n")


@pytest.mark.parametrize("main, options", [
    (status.main, ["x"]), (status.main, ["-1"]), (status.main, ["1", "2"]),
    (status.main, ["--json", "--watch"]), (cancel.main, []),
    (cancel.main, ["x"]),
])
def test_wrong_usage(main, options):
    code, stdout, stderr = run(main, free_port(), *options)
    assert (code, stdout) == (2, "")
    assert stderr.splitlines()[-1].startswith("Error: ")
