"""mapreduce-submit: the number of the job, and what is no Manager."""
import http.server
import socket
import threading

import pytest

from mapreduce import submit
from tests.support import wire
from tests.support.clients import SUMMARY, run
from tests.support.fake_manager import FakeManager

TYPES = {"message_types": ["new_manager_job", "get_receipt"]}
QUESTION = {"message_type": "get_message_types"}


def test_submit_prints_the_number_of_the_job():
    """The message of the job is that of the specification, and goes first."""
    with FakeManager(TYPES, {"job_id": 7}) as manager:
        outcome = run(submit.main, manager.port)
    assert outcome == (0, SUMMARY.format(port=manager.port) + "Job 7\n", "")
    assert manager.heard[:2] == [wire.job("output"), QUESTION]
    client = manager.heard[2].pop("client_port")
    assert manager.heard[2:] == [
        {"message_type": "get_receipt", "client_host": "127.0.0.1"}]
    assert 0 < client < 65536


def test_quiet_submit_asks_but_prints_nothing():
    with FakeManager(TYPES, {"job_id": 7}) as manager:
        assert run(submit.main, manager.port, "--quiet") == (0, "", "")


@pytest.mark.parametrize("answers", [
    pytest.param([b""], id="specification-only"),
    pytest.param([{"message_types": ["new_manager_job"]}], id="older"),
    pytest.param([TYPES, {"job_id": None}], id="behind-another-address"),
    pytest.param([TYPES, b""], id="ended-meanwhile"),
])
def test_submit_to_a_manager_that_tells_no_number(answers):
    with FakeManager(*answers) as manager:
        assert run(submit.main, manager.port) == (
            0, SUMMARY.format(port=manager.port), "")
    assert manager.heard[0] == wire.job("output")


@pytest.mark.parametrize("answer, what", [
    ({"message_types": ["new_map_task", "register_ack"]},
     "is a Worker, so the job was not submitted; name the port of its "
     "Manager"),
    ({"other": 1}, "is no Manager but another program, so the job was not "
     "submitted"),
    (b"garbage", "is no Manager but another program, so the job was not "
     "submitted"),
])
@pytest.mark.parametrize("options", [[], ["--quiet"]])
def test_submit_to_what_is_no_manager(answer, what, options):
    with FakeManager(answer) as manager:
        assert run(submit.main, manager.port, *options) == (
            3, "", f"Error: what listens at localhost:{manager.port} {what}\n")


@pytest.mark.parametrize("options, end", [
    ([], ", so the job was not submitted"), (["--shutdown"], "")])
def test_submit_to_a_web_server(options, end):
    with http.server.HTTPServer(
            ("localhost", 0), http.server.SimpleHTTPRequestHandler) as server:
        server.RequestHandlerClass.log_message = lambda *_: None
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        port = server.server_port
        outcome = run(submit.main, port, *options)
        server.shutdown()
        thread.join()
    assert outcome == (
        3, "", f"Error: what listens at localhost:{port} is no Manager but "
        f"another program{end}\n")


def test_submit_to_a_manager_that_does_not_read(mocker):
    """It may read the job later, so this is no error."""
    mocker.patch("mapreduce.client.remote_manager.ANSWER_TIMEOUT", 0.05)
    with socket.create_server(("localhost", 0)) as server:
        port = server.getsockname()[1]
        assert run(submit.main, port) == (
            0, SUMMARY.format(port=port),
            f"Manager localhost:{port} has not read the job yet: it is busy, "
            "or was stopped\n")
