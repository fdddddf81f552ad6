"""Tasks with options, as a Worker does them: what it hears, runs and sends."""
import json
import os
import socket

import pytest

from mapreduce.worker.errors import TaskError
from mapreduce.worker.processes.launcher import Launcher
from tests.support import wire
from tests.support.files import read_files, write_executable, write_files
from tests.support.mocked_worker import MANAGER, REGISTERED, run_worker
from tests.support.stages import do_map, do_reduce, map_files, reduce_files
from tests.support.waiting import Gate, wait_until

pytestmark = pytest.mark.usefixtures("temporary")


@pytest.fixture(name="paths")
def _paths(tmp_path):
    """Two input files."""
    return write_files(tmp_path / "input", b"a\t1\n", b"b\t1\n")


@pytest.fixture(name="executable")
def _executable(tmp_path):
    """Return a function: write an executable of some lines."""
    def executable(*lines):
        return write_executable(tmp_path / "executable", *lines)
    return executable


@pytest.fixture(name="second_gate")
def _second_gate(tmp_path):
    with Gate(tmp_path / "second-gate") as gate:
        yield gate


@pytest.fixture(name="do")
def _do(sockets):
    """Return a function: have a Worker do tasks, return what it sends."""
    def do(*tasks):
        def messages():
            yield wire.ACK
            for number, task in enumerate(tasks):
                yield task
                sockets.wait_until(lambda number=number: sum(
                    message["message_type"] in ("finished", "failed")
                    for _, _, message in sockets.sent) > number)
        sockets.hear(messages())
        run_worker()
        assert sockets.sent[0] == REGISTERED
        return sent(sockets)[1:]
    return do


def sent(sockets):
    """Return what a Worker has sent, as without_records."""
    return [(*address, without_records(message))
            for *address, message in sockets.sent]


def without_records(message):
    """Return a message without what the Worker itself has counted."""
    counters = {group: amounts for group, amounts in message.get(
        "counters", {}).items() if group != "mapreduce"}
    rest = {name: value for name, value in message.items()
            if name != "counters"}
    return {**rest, "counters": counters} if counters else rest


def map_task(task_id, paths, executable, output, **options):
    """Return a map task of one partition."""
    return {
        "message_type": "new_extended_map_task",
        "task_id": task_id,
        "splits": [[path, 0, None] for path in paths],
        "executable": executable,
        "output_directory": str(output),
        "num_partitions": 1,
        "environment": {"mapreduce_task_is_map": "true"},
        **options,
    }


def reduce_task(task_id, paths, executable, output, **options):
    """Return a reduce task."""
    return {
        **wire.reduce_task(task_id, executable, paths, output),
        "message_type": "new_extended_reduce_task",
        "environment": {"mapreduce_task_is_map": "false"},
        **options,
    }


TASKS = pytest.mark.parametrize(
    "task", [map_task, reduce_task], ids=["map", "reduce"])


def said(message_type, task_id, **fields):
    """Return what a Worker says of a task."""
    return (*MANAGER, {
        "message_type": message_type, "task_id": task_id,
        "worker_host": "localhost", "worker_port": 6001, **fields})


# Done and reported

@pytest.mark.parametrize("task, files", [
    (map_task, {"maptask00003-part00000": b"a\t1\nb\t1\n"}),
    (reduce_task, {"part-00003": b"a\t1\nb\t1\n"}),
], ids=["map", "reduce"])
def test_task_is_done(do, paths, output, task, files):
    assert do(task(3, paths, "cat -u -", output)) == [said("finished", 3)]
    assert read_files(output) == files


@TASKS
def test_counters_go_with_the_report(do, paths, output, executable, task):
    path = executable("cat", "echo reporter:counter:g,processes,1 >&2",
                      "echo reporter:counter:h,lines,-5 >&2")
    processes = len(paths) if task == map_task else 1
    assert do(task(0, paths, path, output), task(1, [], "cat", output)) == [
        said("finished", 0, counters={
            "g": {"processes": processes}, "h": {"lines": -5 * processes}}),
        said("finished", 1)]


def test_counters_of_a_task_begin_at_zero(do, paths, output, executable):
    path = executable("cat", "echo reporter:counter:g,n,1 >&2")
    assert do(*(map_task(n, paths[:1], path, output) for n in range(2))) == [
        said("finished", n, counters={"g": {"n": 1}}) for n in range(2)]


def test_task_of_the_specification_has_no_counters(
        do, paths, output, executable):
    """Nor has it a status: what looks so is standard error."""
    path = executable("echo reporter:counter:g,n,1 >&2",
                      "echo reporter:status:busy >&2", 'exit "$(cat | wc -l)"')
    quiet = executable_like(path, "quiet", "cat")
    assert do(wire.map_task(0, paths[:1], path, output, 1),
              wire.map_task(1, paths, quiet, output, 1)) == [
        said("failed", 0, reason=f"{path} on the input {paths[0]!r} exited 1"
             ":\nreporter:counter:g,n,1\nreporter:status:busy"),
        said("finished", 1)]


def executable_like(path, name, last_line):
    """Write another executable that ends otherwise."""
    other = os.path.join(os.path.dirname(path), name)
    with open(path, encoding="ascii") as file:
        lines = file.read().splitlines()
    with open(other, "w", encoding="ascii") as file:
        file.write("\n".join([*lines[:-1], last_line, ""]))
    os.chmod(other, 0o755)
    return other


@TASKS
def test_reports_are_no_reason(do, paths, output, executable, task):
    path = executable("echo before >&2", "echo reporter:status:busy >&2",
                      "echo reporter:counter:g,n,1 >&2", "echo after >&2",
                      "exit 3")
    status, failure = do(task(0, paths, path, output))
    assert status == said("progress", 0, status="busy")
    assert failure[2]["reason"].endswith(" exited 3:\nbefore\nafter")
    assert "counters" not in failure[2]
    assert os.listdir(output) == []


def test_too_many_counters_fail_the_task(do, paths, output, executable):
    path = executable(
        "seq -f 'reporter:counter:g,%g,1' 2000 >&2", "exec sleep 600")
    assert do(map_task(0, paths, path, output)) == [said(
        "failed", 0, reason=f"{path} on the input {paths[0]!r} cannot go on: "
        "the task has more than 1000 different counters")]


# The status

def test_status_is_sent_while_the_task_runs(
        sockets, paths, output, executable, gate):
    path = executable("echo reporter:status:begun >&2", gate.line,
                      "echo reporter:status:ended >&2", "cat")

    def messages():
        yield wire.ACK
        yield map_task(0, paths[:1], path, output)
        sockets.wait_for("progress")
        assert os.listdir(output) == []
        gate.open()
        sockets.wait_for("finished")

    sockets.hear(messages())
    run_worker()
    assert sent(sockets) == [
        REGISTERED, said("progress", 0, status="begun"),
        said("progress", 0, status="ended"), said("finished", 0)]


def test_status_is_sent_once_a_second_and_the_last_always(
        do, paths, output, executable):
    path = executable(
        "for n in $(seq 2000); do echo reporter:status:$n >&2; done", "cat")
    *statuses, last, report = do(map_task(0, paths[:1], path, output))
    assert (last, report) == (
        said("progress", 0, status="2000"), said("finished", 0))
    assert len(statuses) < 100  # also where the executable is slow


def test_status_that_waits_is_sent_when_its_time_comes(
        sockets, paths, output, executable, gate, second_gate):
    """Though the executable says nothing more."""
    path = executable(
        "echo reporter:status:one >&2", gate.line,
        "echo reporter:status:two >&2", second_gate.line, "cat")

    def messages():
        yield wire.ACK
        yield map_task(0, paths[:1], path, output)
        sockets.wait_for("progress")
        gate.open()
        sockets.wait_for("progress", 2)
        second_gate.open()
        sockets.wait_for("finished")

    sockets.hear(messages())
    run_worker()
    assert sent(sockets)[1:3] == [
        said("progress", 0, status="one"), said("progress", 0, status="two")]


def test_status_that_nobody_takes_harms_nothing(
        sockets, mocker, paths, output, executable, gate):
    """A Manager that comes back in time hears of the task."""
    mocker.patch("mapreduce.worker.manager_link.HEARTBEAT_INTERVAL", 60.0)
    path = executable("echo reporter:status:begun >&2", gate.line, "cat")

    def messages():
        yield wire.ACK
        sockets.wait_for("heartbeat")
        sockets.refusing.add(MANAGER)
        yield map_task(0, paths[:1], path, output)
        sockets.wait_until(lambda: sockets.refused)
        sockets.refusing.clear()
        gate.open()
        sockets.wait_for("finished")

    sockets.hear(messages())
    run_worker()
    assert sent(sockets) == [REGISTERED, said("finished", 0)]


def test_nothing_is_said_of_a_cancelled_task(
        sockets, mocker, paths, output, executable, gate):
    mocker.patch("mapreduce.worker.progress_sender.INTERVAL", 60.0)
    has_said_two = output.with_name("two")
    path = executable("echo reporter:status:one >&2", gate.line,
                      "echo reporter:status:two >&2",
                      f"touch '{has_said_two}'", "exec sleep 600")

    def messages():
        yield wire.ACK
        yield map_task(0, paths, path, output)
        sockets.wait_for("progress")
        gate.open()
        assert wait_until(has_said_two.exists)
        yield {"message_type": "cancel", "task_id": 0}
        sockets.wait_for("failed")

    sockets.hear(messages())
    run_worker()
    assert sent(sockets) == [
        REGISTERED, said("progress", 0, status="one"),
        said("failed", 0, reason="cancelled")]


# IdleTimeout

@TASKS
def test_silent_executable_fails_the_task(
        do, paths, output, executable, lifeline, idle, task):
    path = executable(
        f"{lifeline}; sleep 600 & touch '{idle}'; exec sleep 600")
    [failure] = do(task(0, paths, path, output, task_timeout=0.5))
    assert failure[2]["message_type"] == "failed"
    assert failure[2]["reason"].startswith(path)
    assert failure[2]["reason"].endswith(
        "neither read, wrote nor reported for 0.5 s (see --task-timeout)")
    assert lifeline.all_ended()
    assert os.listdir(output) == []


# The environment

@pytest.mark.parametrize("num_inputs", [1, 2])
def test_reducer_sees_its_environment(tmp_path, output, num_inputs):
    inputs = write_files(tmp_path / "input", *num_inputs * [b"a\n"])
    assert reduce_files(
        output, inputs, "printenv COLOR", environment={"COLOR": "b l u e"}
    ) == {"part-00000": b"b l u e\n"}


def test_mapper_sees_its_environment_and_sort_does_not(
        tmp_path, output, mocker):
    """Nor does the Worker itself."""
    inputs = write_files(tmp_path / "input", b"a\n")
    run = mocker.spy(Launcher, "run")
    assert map_files(
        output, inputs, "printenv COLOR", environment={"COLOR": "blue"}
    ) == {"maptask00000-part00000": b"blue\n"}
    assert all("COLOR" not in call.args[3] for call in run.call_args_list)
    assert run.called
    assert "COLOR" not in os.environ


# Commands

@pytest.mark.parametrize("do_task, name", [
    (do_map, "maptask00000-part00000"), (do_reduce, "part-00000")])
def test_command_may_have_arguments(tmp_path, output, do_task, name):
    inputs = write_files(tmp_path / "input", b"a\n", b"a\nb\n")
    do_task(output, inputs, "grep -v 'b'")
    assert read_files(output) == {name: b"a\na\n"}


@pytest.mark.parametrize("do_task", [do_map, do_reduce])
def test_command_that_cannot_be_split_tells_why(tmp_path, output, do_task):
    inputs = write_files(tmp_path / "input", b"a\n")
    with pytest.raises(TaskError) as caught:
        do_task(output, inputs, "grep 'b")
    assert str(caught.value).startswith("grep 'b")
    assert str(caught.value).endswith(
        "cannot be started: No closing quotation")


# The Worker tells what it can

def test_worker_tells_that_it_takes_these_tasks(cluster):
    worker = cluster.start_worker()
    with socket.create_connection(("localhost", worker.port)) as sock:
        sock.sendall(wire.encode({"message_type": "get_message_types"}))
        sock.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    assert {"new_map_task", "new_reduce_task", "new_extended_map_task",
            "new_extended_reduce_task"} < set(
        json.loads(answer)["message_types"])
