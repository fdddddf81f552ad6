"""Jobs whose tasks fail, or kill the Workers that do them."""
import signal

import pytest

from mapreduce.protocol.messages import GetStatusMessage
from mapreduce.utils import outbox
from tests.support.faults import (
    EXECUTABLE_OF,
    ONE_TASK,
    SMALL,
    check_next_job,
    errors,
    failure,
    restart_worker,
)
from tests.support.files import write_executable, write_files
from tests.support.waiting import TIMEOUT

# Tasks that fail


@pytest.mark.parametrize("script, fate", [
    ("cat; echo 'KeyError: x' >&2; exit 3", "exited 3:\nKeyError: x"),
    ("kill -SEGV $$", "was killed by SIGSEGV"),
    ("head -c 5000000 /dev/zero | tr '\\0' x >&2; exit 1",
     "exited 1:\n" + 4096 * "x"),
], ids=["exit-code", "signal", "much-standard-error"])
@pytest.mark.parametrize("stage", ["map", "reduce"])
def test_job_fails_with_the_reason_of_its_task(
        pair, tmp_path, output, stage, script, fate):
    """Nothing is left of its result."""
    failing = write_executable(tmp_path / "failing", script)
    title = {"map": f"{failing} on the input '{SMALL}/file01'",
             "reduce": failing}[stage]
    assert failure(pair, output, input_directory=SMALL, **ONE_TASK,
                   **{EXECUTABLE_OF[stage]: failing}) == (
        f"{stage} task 0 failed 4 times, the last time because {title} {fate}")
    assert not output.exists()


@pytest.mark.parametrize("content, complaint", [
    (None, "No such file or directory"),
    (b"#!/bin/sh\r\n", "no such file: the interpreter"),
    (b"\x7fELF of another machine", "Exec format error: a script"),
], ids=["missing", "CRLF", "foreign"])
def test_job_fails_whose_executable_cannot_be_started(
        pair, tmp_path, output, content, complaint):
    """Its name is told, and what may help."""
    executable = tmp_path / "executable"
    if content:
        executable.write_bytes(content)
        executable.chmod(0o755)
    assert f"{executable} cannot be started: {complaint}" in failure(
        pair, output, reducer_executable=str(executable))


def test_failing_task_is_tried_on_different_workers(pair, tmp_path, output):
    """Four times in all; the parent of an executable is its Worker."""
    failing = write_executable(
        tmp_path / "failing", f"echo $PPID >> '{tmp_path}/parents'", "exit 1")
    # One may still be busy with a task of the test before.
    pair.wait_for(lambda: [worker["state"] for worker in outbox.ask(
        *pair.address, GetStatusMessage())["workers"]] == ["ready", "ready"])
    failure(pair, output, input_directory=SMALL, mapper_executable=failing,
            **ONE_TASK)
    parents = (tmp_path / "parents").read_text().split()
    assert len(parents) == 4
    assert set(parents[:2]) == {
        str(worker.process.pid) for worker in pair.workers}


def test_other_tasks_of_a_failed_job_are_cancelled(pair, tmp_path, output):
    """They would take ten minutes."""
    inputs = tmp_path / "input"
    write_files(inputs, b"fail\n", b"sleep\n")
    mapper = write_executable(
        tmp_path / "mapper", "read -r word", '[ "$word" = sleep ] || exit 5',
        "exec sleep 600")
    assert "0000' exited 5" in failure(
        pair, output, input_directory=str(inputs), mapper_executable=mapper)
    # The other Worker may have done the next job alone.
    pair.wait_for(lambda: any(
        worker.says("Gave up task 1") for worker in pair.workers))


def test_job_that_kills_its_workers_fails(cluster, tmp_path, output):
    """After four of them; the next job runs."""
    deadly = write_executable(tmp_path / "deadly", "kill -9 $PPID")
    cluster.start(1)
    cluster.submit(output, mapper_executable=deadly, **ONE_TASK)
    for number in range(4):
        code = cluster.workers[number].process.wait(TIMEOUT)
        assert code == -signal.SIGKILL
        restart_worker(cluster, number)
    check_next_job(cluster, tmp_path / "next")
    name = f"localhost:{cluster.workers[0].port}"
    assert errors(cluster) == [
        "Job 0 failed: map task 0 was with 4 Workers when they died: "
        + ", ".join(4 * [name])]
    assert not output.exists()


@pytest.mark.parametrize("script", [
    pytest.param("exit 0", id="reads-nothing"),
    pytest.param("head -n 1 > /dev/null; exit 0", id="stops-reading"),
    pytest.param("cat > /dev/null; head -c 5000000 /dev/zero >&2",
                 id="much-standard-error"),
    # One that holds standard output is waited for: see test_held_output.py.
    pytest.param("sleep 600 > /dev/null & exec cat > /dev/null",
                 id="background-child"),
])
def test_unusual_executables_succeed(pair, tmp_path, output, script):
    """It is the exit code that decides."""
    write_files(tmp_path / "input", 200_000 * b"some line\n")
    executable = write_executable(tmp_path / "executable", "echo out", script)
    assert pair.run_job(
        output, input_directory=str(tmp_path / "input"),
        mapper_executable="cat", reducer_executable=executable, **ONE_TASK
    ) == b"out\n"
    assert pair.run_job(
        output.with_name("mapped"), input_directory=str(tmp_path / "input"),
        mapper_executable=executable, reducer_executable="cat", **ONE_TASK
    ) == b"out\n"
