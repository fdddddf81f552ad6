"""What a Worker sends of a task that may leave out bad records."""
import pytest

from tests.support import wire
from tests.support.files import write_executable, write_files
from tests.support.mocked_worker import MANAGER, REGISTERED, run_worker

pytestmark = pytest.mark.usefixtures("temporary")

PICKY = "exec awk '/bad/ { exit 1 } { print }'"
FAILED = {"message_type": "failed", "task_id": 0, "worker_host": "localhost",
          "worker_port": 6001}


@pytest.fixture(name="outcome")
def _outcome(sockets, tmp_path):
    """Return a function: have a Worker do a map task, return its outcome."""
    (tmp_path / "output").mkdir()

    def outcome(content, executable, **options):
        paths = write_files(tmp_path / "input", content)
        sockets.hear(messages({
            "message_type": "new_extended_map_task", "task_id": 0,
            "splits": [[path, 0, None] for path in paths],
            "executable": write_executable(tmp_path / "map", executable),
            "output_directory": str(tmp_path / "output"),
            "num_partitions": 0, "environment": {}, **options}))
        run_worker()
        assert sockets.sent[0] == REGISTERED
        return paths[0], [message for host, port, message in sockets.sent[1:]
                          if (host, port) == MANAGER]

    def messages(task):
        yield wire.ACK
        yield task
        sockets.wait_until(lambda: any(
            message["message_type"] in ("finished", "failed")
            for _, _, message in sockets.sent))
    return outcome


def test_task_that_left_records_out_names_them(outcome):
    """They are counters; while it looks for them, it says so."""
    path, sent = outcome(b"a\nbad\n", PICKY, skip_bad_records=2)
    assert {message["message_type"] for message in sent[:-1]} <= {"progress"}
    assert sent[-1] == {
        **wire.finished(0, 6001), "counters": {
            "mapreduce": {
                "map skipped records": 1, "input records": 1,
                "input bytes": 2, "map output records": 1,
                "map output bytes": 2, "output records": 1},
            "skipped records": {f"{path!r} at byte 2: 'bad'": 1}}}


def test_task_with_too_many_bad_records_needs_no_other_attempt(outcome):
    """Only this failure has the field that says so."""
    path, sent = outcome(b"bad 1\nbad 2\n", PICKY, skip_bad_records=1)
    reason = sent[-1].pop("reason")
    assert reason.splitlines()[:3] == [
        "executables die on more than --skip-bad-records 1:",
        f"  {path!r} at byte 0: 'bad 1'", f"  {path!r} at byte 6: 'bad 2'"]
    assert sent[-1] == {**FAILED, "final": True}


@pytest.mark.parametrize("options", [{}, {"skip_bad_records": 1}], ids=str)
def test_task_that_fails_for_another_reason(outcome, options):
    """The message is as without the option."""
    _, sent = outcome(b"a\n", "exit 3", **options)
    assert "exited 3" in sent[-1].pop("reason")
    assert sent[-1] == FAILED
