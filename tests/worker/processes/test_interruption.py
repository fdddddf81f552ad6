"""Processes of a task: interrupted, or left behind; nothing of them stays."""
import itertools
import os
import signal
import subprocess
import threading
import time

import pytest

from mapreduce.worker.errors import TaskError, TaskInterrupted
from mapreduce.worker.processes.process import BLOCK
from tests.support.files import open_files

# Nothing here takes seconds, but a process that is not killed takes 600.
pytestmark = pytest.mark.usefixtures("exit_watch")


# What it leaves behind

@pytest.mark.parametrize("streams", ["> /dev/null", "> /dev/null 2>&1"])
@pytest.mark.usefixtures("short_grace")
def test_child_that_is_left_behind_is_killed(run_to_end, lifeline, streams):
    output = run_to_end(f"{lifeline}; sleep 600 {streams} & echo out")
    assert output == b"out\n"
    assert lifeline.all_ended()


@pytest.mark.usefixtures("short_grace")
def test_exit_code_counts_whatever_child_is_left_behind(run_to_end, lifeline):
    with pytest.raises(TaskError, match="^job exited 3$"):
        run_to_end(f"{lifeline}; sleep 600 & exit 3")
    assert lifeline.all_ended()


@pytest.mark.usefixtures("short_grace")
def test_child_that_holds_the_input_is_killed(start, lifeline):
    with start(f"{lifeline}; exec 3<&0; sleep 600 <&3 >&- &") as process:
        for _ in process.read(itertools.repeat(bytes(BLOCK))):
            pass
        process.finish()
    assert lifeline.all_ended()


def test_output_is_read_however_late_its_reader_comes(start, mocker):
    mocker.patch("mapreduce.worker.processes.process.BLOCK", 10_000)
    with start("head -c 40000 /dev/zero", subprocess.DEVNULL) as process:
        blocks = process.read()
        output = next(blocks)
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        output += next(blocks)
        late = time.monotonic() + 100_000
        mocker.patch("time.monotonic", side_effect=lambda: late)
        output += b"".join(blocks)
        process.finish()
    assert len(output) == 40_000


def test_process_is_killed_when_its_reader_fails(start, lifeline):
    with pytest.raises(ZeroDivisionError):
        with start(f"{lifeline}; sleep 600 & echo started >&9; sleep 600"):
            lifeline.wait_for_start()
            raise ZeroDivisionError
    assert lifeline.all_ended()


def test_no_file_and_no_zombie_is_left(run_to_end, mocker):
    popen = mocker.spy(subprocess, "Popen")
    before = open_files()
    run_to_end("echo out; echo words >&2")
    with pytest.raises(TaskError):
        run_to_end("exit 1")
    assert open_files() == before
    assert popen.call_count == 2
    for process in popen.spy_return_list:
        with pytest.raises(ChildProcessError):
            os.waitpid(process.pid, os.WNOHANG)


# Interruptions

def read(process):
    """Read all output."""
    for _ in process.read():
        pass


def feed_and_read(process):
    """Write without an end, and read all output."""
    for _ in process.read(itertools.repeat(bytes(BLOCK))):
        pass


def finish(process):
    """Read all output, then wait for the end."""
    read(process)
    process.finish()


@pytest.mark.parametrize("act, script", [
    (read, "sleep 600"),
    (read, "yes"),
    (read, "yes >&2"),
    (read, "trap '' TERM INT HUP; sleep 600"),
    (feed_and_read, "sleep 600"),
    (feed_and_read, "cat"),
    (feed_and_read, "cat > /dev/null"),
    (feed_and_read, "sleep 600 & exit 0"),
    (finish, "exec >&-; sleep 600"),
    (finish, "exec <&- >&- 2>&-; sleep 600"),
])
def test_interruption_kills_the_process_and_its_children(
        start, lifeline, interruption, act, script):
    def interrupt():
        lifeline.wait_for_start()
        interruption.set()

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(TaskInterrupted), start(
            f"{lifeline}; sleep 600 & echo started >&9; {script}") as process:
        act(process)
    thread.join()
    assert lifeline.all_ended()


def test_interruption_ends_what_starts_after_it(start, interruption, lifeline):
    interruption.set()
    with pytest.raises(TaskInterrupted), start(
            f"{lifeline}; echo started >&9; sleep 600") as process:
        lifeline.wait_for_start()
        process.finish()
    assert lifeline.all_ended()


def test_interruption_may_be_set_by_a_signal(start, interruption):
    previous = signal.signal(signal.SIGUSR1, lambda *_: interruption.set())
    try:
        with pytest.raises(TaskInterrupted), start(
                f"kill -USR1 {os.getpid()}; sleep 600") as process:
            process.finish()
    finally:
        signal.signal(signal.SIGUSR1, previous)


def test_interruption_may_be_set_any_number_of_times(interruption):
    for _ in range(100_000):
        interruption.set()
