"""Standard output that children write after the exit of their parent."""
import logging
import os
import re
import signal
import subprocess

import pytest

from mapreduce.worker.errors import TaskError
from mapreduce.worker.processes import held_output
from mapreduce.worker.processes.executor import Executor
from mapreduce.worker.processes.held_output import HeldOutput
from mapreduce.worker.processes.launcher import Launcher
from mapreduce.worker.processes.reporter import Reporter
from tests.support.stages import map_files, reduce_files

# Nothing here takes seconds, but an output that is not given up takes 600.
pytestmark = pytest.mark.usefixtures("exit_watch")


@pytest.mark.usefixtures("short_grace")
@pytest.mark.parametrize("wait", ["sleep 0.3", "exec 2>&-; sleep 0.3"])
def test_output_of_children_is_read_to_its_end(run_to_end, wait):
    assert run_to_end(f"({wait}; echo late) & echo early") == (
        b"early\nlate\n")


@pytest.mark.usefixtures("short_grace")
def test_children_read_the_rest_of_the_input(start):
    with start("exec 3<&0; (sleep 0.3; cat <&3) & exit 0") as process:
        output = b"".join(process.read([b"line\n"] * 100_000))
        process.finish()
    assert output == b"line\n" * 100_000


def test_children_have_time_for_standard_error_after_the_output(start):
    with pytest.raises(TaskError, match="^job exited 3:\nlast words$"):
        with start("exec 3>&2 2>&-; (sleep 0.02; echo 'last words' >&3) "
                   "> /dev/null & exit 3") as process:
            list(process.read())


@pytest.mark.usefixtures("short_grace")
def test_output_of_a_failed_process_is_not_waited_for(start, lifeline):
    with pytest.raises(TaskError, match="^job exited 3$"):
        with start(f"{lifeline}; sleep 600 & exit 3") as process:
            assert not list(process.read())
    assert lifeline.all_ended()


@pytest.fixture(name="held")
def make_held(mocker, interruption):
    """Return a function: read the output of a script, return statuses.

    What holds the output is killed when a status names it.
    """
    mocker.patch.object(held_output, "WARNING_AFTER", 0.1)

    def held(script, timeout=20):
        statuses = []

        def publish(status):
            statuses.append(status)
            if holder := re.search(r"held by process (\d+)", status):
                os.kill(int(holder[1]), signal.SIGKILL)

        executor = Executor(Launcher(interruption), {}, timeout,
                            Reporter(publish))
        with executor.running("sh", "job", arguments=["-c", script],
                              stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE) as process:
            assert b"".join(process.read()) == b"out\n"
        return statuses
    return held


# A script that ends when its child has become the program sleep.
SLEEPS = ("sleep 600 & echo out; "
          "until grep -q sleep /proc/$!/comm; do sleep 0.01; done")


def test_warning_names_what_holds_the_output(held, caplog):
    statuses = held(SLEEPS)
    (record,) = caplog.record_tuples
    assert record[1] == logging.WARNING
    assert re.fullmatch(
        r"job has exited, but its standard output is still held by process "
        r"\d+ \(sleep\); the task goes on until that output ends, or nothing "
        "comes for 20 s", record[2])
    waiting, ended = statuses
    assert re.fullmatch(r"waits for the end of the output, held by process "
                        r"\d+ \(sleep\)", waiting)
    assert ended == "the output has ended"


def test_output_that_ends_soon_gives_no_warning(held, caplog, mocker):
    mocker.patch.object(held_output, "WARNING_AFTER", 60)
    assert not held("(sleep 0.02) & echo out")
    assert not caplog.records


def test_attempt_fails_when_nothing_comes_for_too_long(
        held, lifeline, mocker):
    mocker.patch.object(held_output, "WARNING_AFTER", 60.0)
    mocker.patch.object(held_output, "TIMEOUT", 0.4)
    with pytest.raises(TaskError) as caught:
        held(f"{lifeline}; {SLEEPS}", timeout=None)
    assert re.fullmatch(
        r"job exited, but process \d+ \(sleep\) still held its standard "
        r"output, and wrote nothing for 0\.4 s \(see --task-timeout\)",
        str(caught.value))
    assert lifeline.all_ended()


def test_timeout_without_an_option_is_ten_minutes(mocker):
    clock = mocker.patch("time.monotonic", return_value=0.0)
    held = HeldOutput()
    held.begin()
    mocker.patch.object(held_output, "_holders", return_value="a process")
    clock.return_value = 599.0
    held.check("job", 0, was_active=False)
    assert held.seconds_to_check() == 1.0
    held.check("job", 0, was_active=True)
    clock.return_value = 1198.0
    held.check("job", 0, was_active=False)
    clock.return_value = 1199.0
    with pytest.raises(TaskError, match="^job exited, but a process still "):
        held.check("job", 0, was_active=False)


# In each stage

LATE = "bash -c 'cat > >(sleep 0.2; cat)'"


@pytest.mark.usefixtures("short_grace")
@pytest.mark.parametrize("options", [
    {"executable": LATE}, {"combiner": LATE},
    {"partitioner": "bash -c 'sed s/.*/0/ > >(sleep 0.2; cat)'"}], ids=str)
def test_nothing_of_the_map_stage_is_lost(tmp_path, options):
    path = tmp_path / "input"
    path.write_bytes(b"line\n" * 1000)
    assert map_files(tmp_path / "output", [path], **options) == {
        "maptask00000-part00000": b"line\n" * 1000}


@pytest.mark.usefixtures("short_grace")
@pytest.mark.parametrize("number", [1, 2])
def test_nothing_of_the_reduce_stage_is_lost(tmp_path, number):
    path = tmp_path / "input"
    path.write_bytes(b"line\n" * 1000)
    assert reduce_files(tmp_path / "output", [path] * number, LATE) == {
        "part-00000": b"line\n" * 1000 * number}
