"""mapreduce-submit --wait: it follows its job to the end."""
import re

import pytest
from click.testing import CliRunner

from mapreduce import streaming, submit
from mapreduce.client import progress
from tests.support import wire
from tests.support.clients import FOREIGN, SUBMITTER, SUMMARY, run, with_key
from tests.support.fake_manager import KEEPS, FakeManager, cluster, job, worker


def test_wait_for_a_job_that_is_done():
    with FakeManager(cluster(), *with_key(
            "", "queued", "map", "map", "reduce", "done")) as manager:
        outcome = run(submit.main, manager.port, "--wait", "--name", "words")
    assert outcome == (0, SUMMARY.format(port=manager.port), (
        "job 3: queued\n"
        "job 3: map, 0 of 4 tasks done\n"
        "job 3: reduce, 0 of 4 tasks done\n"
        "job 3: done in 1.5 s; the result is in /cluster/out\n"))
    key = manager.heard[1].get("job_key")
    assert re.fullmatch("[0-9a-f]{32}", key)
    assert manager.heard == [
        {"message_type": "get_status", "job_key": key},
        wire.job("output", job_key=key, job_name="words",
                 submitted_by=SUBMITTER),
        *[{"message_type": "get_status", "job_key": key,
           "hold": progress.POLL_INTERVAL}] * 6]


def test_each_wait_has_a_key_of_its_own():
    keys = set()
    for _ in range(2):
        with FakeManager(cluster(), *with_key("done")) as manager:
            assert run(submit.main, manager.port, "--wait")[0] == 0
        keys.add(manager.heard[1]["job_key"])
    assert len(keys) == 2


def test_quiet_wait():
    with FakeManager(cluster(), *with_key("map", "done")) as manager:
        assert run(submit.main, manager.port, "--wait", "--quiet") == (
            0, "", "")


@pytest.mark.parametrize("options", [[], ["--quiet"]])
@pytest.mark.parametrize("state, fields, error", [
    ("failed", {"reason": "map exited 3:\n\x1b[31mno 'x'"},
     "Error: job 3 failed: map exited 3:\n\\x1b[31mno 'x'\n"),
    ("failed", {"name": "n"}, "Error: job 3 (n) failed\n"),
    ("cancelled", {}, "Error: job 3 was cancelled\n"),
])
def test_wait_for_a_job_that_fails(options, state, fields, error):
    with FakeManager(cluster(), *with_key(state, **fields)) as manager:
        code, _, stderr = run(submit.main, manager.port, "--wait", *options)
    assert (code, stderr) == (1, error)


def test_wait_tells_once_that_nobody_works():
    def unattended(question):
        return cluster(job("queued", key=question["job_key"]),
                       workers=[worker("dead")])

    with FakeManager(cluster(), unattended, unattended, *with_key(
            "done")) as manager:
        code, _, stderr = run(submit.main, manager.port, "--wait")
    assert (code, stderr.count("No Worker lives; mapreduce-worker")) == (0, 1)


def test_wait_for_a_job_that_never_shows_up(mocker):
    mocker.patch("mapreduce.client.progress.KEY_TIMEOUT", 0.05)
    with FakeManager(cluster(job("map"))) as manager:
        assert run(submit.main, manager.port, "--wait", "--quiet") == (
            3, "", "Error: the Manager took the job but does not know it yet: "
            "it is busy, or was started anew\n")


def test_wait_for_a_manager_that_forgets_the_job():
    with FakeManager(cluster(), *with_key("map", "")) as manager:
        assert run(submit.main, manager.port, "--wait", "--quiet") == (
            3, "", "Error: the Manager no longer knows the job: it was "
            "started anew; submit the job again\n")


def test_wait_bears_one_question_without_answer():
    with FakeManager(cluster(), *with_key("map"), b"", *with_key(
            "map"), b"", *with_key("done")) as manager:
        assert run(submit.main, manager.port, "--wait", "--quiet")[0] == 0


def test_wait_gives_up_after_two():
    with FakeManager(
            cluster(), *with_key("map"), b"", b"", *with_key("done")
    ) as manager:
        code, _, stderr = run(submit.main, manager.port, "--wait", "--quiet")
    assert (code, stderr) == (3, FOREIGN.format(port=manager.port).replace(
        "Error: ", "Error: the Manager has gone: "))


@pytest.mark.parametrize("types, options", [
    ([], []),
    ([{"message_types": [
        "new_extended_job", "new_extended_job.any_exit_code"]}],
     ["--any-exit-code"])])
def test_job_that_a_dying_manager_did_not_keep_is_sent_again(
        mocker, types, options):
    """By the same key, when the Manager that keeps jobs is back."""
    mocker.patch("mapreduce.client.progress.POLL_INTERVAL", 0.01)
    with FakeManager(
            *types, cluster(manager=KEEPS), b"", b"", b"",
            cluster(manager=KEEPS), *with_key("map"), *with_key(
                "done")) as manager:
        code, _, stderr = run(
            submit.main, manager.port, "--wait", "--quiet", *options)
    assert (code, stderr.count("Waiting for it")) == (0, 1)
    first, second = [message for message in manager.heard
                     if message["message_type"].startswith("new_")]
    assert first == second


def test_nothing_to_wait_for():
    """A shutdown is no job; nothing is sent."""
    with FakeManager(cluster()) as manager:
        assert run(submit.main, manager.port, "--wait", "-s")[0] == 2
    assert manager.heard == []


def test_streaming_tells_of_the_input_of_a_manager(tmp_path):
    """What is left out as in Hadoop, and what is not decompressed."""
    for name in ("_SUCCESS", "a.tbz"):
        (tmp_path / name).touch()
    with FakeManager(
            cluster(), {"message_types": [
                "new_extended_job", "new_extended_job.hadoop_inputs"]},
            cluster(), *with_key("done"),
            {"job": job("done"), "tasks": [], "counters": []}) as manager:
        outcome = CliRunner().invoke(streaming.main, (
            "-manager", f"localhost:{manager.port}", "-output", "out",
            "-input", str(tmp_path)))
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, "", (
        "Left out 1 hidden name in the input, which begins with . or _, as "
        "Hadoop does\n"
        "The mapper reads 'a.tbz' as it is: only files with names such as "
        "x.gz are decompressed\n"
        "job 3: done in 1.5 s; the result is in /cluster/out\n"))
