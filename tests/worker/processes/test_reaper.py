"""The reaper: kills what a Worker leaves behind, and nothing else."""
import contextlib
import os
import pathlib
import signal
import subprocess

import pytest

from mapreduce.worker.processes.interruption import Interruption
from mapreduce.worker.processes.launcher import Launcher
from mapreduce.worker.processes.reaper import (
    Reaper,
    reap_groups,
    running_reaper,
)
from tests.support.waiting import wait_until

WAIT = 60.0  # seconds for what is only late if it never comes
KILLED = -signal.SIGKILL


@pytest.fixture(name="start")
def make_start():
    """Return a function: start a process that sleeps, with a group."""
    with contextlib.ExitStack() as stack:
        def start():
            process = stack.enter_context(subprocess.Popen(
                ["sleep", "600"], start_new_session=True))
            stack.callback(process.kill)
            return process
        yield start


def children():
    """Return the command line of each child of this process, by its id."""
    files = pathlib.Path("/proc/self/task").glob("*/children")
    pids = [int(pid) for file in files for pid in file.read_text().split()]
    return {pid: pathlib.Path(f"/proc/{pid}/cmdline").read_text()
            for pid in pids}


needs_proc = pytest.mark.skipif(
    not pathlib.Path("/proc/self/task").exists(),
    reason="children are found by /proc")


def test_groups_that_are_left_are_killed(start):
    first, second = start(), start()
    reap_groups([b"+%d\n" % first.pid, b"+%d\n" % second.pid])
    assert (first.wait(WAIT), second.wait(WAIT)) == (KILLED, KILLED)


def test_groups_that_were_released_live(start):
    released, guarded = start(), start()
    reap_groups([b"+%d\n" % released.pid, b"+%d\n" % guarded.pid,
                 b"-%d\n" % released.pid])
    assert guarded.wait(WAIT) == KILLED
    assert released.poll() is None


def test_group_that_is_gone_keeps_no_other_from_being_killed(start):
    gone, guarded = start(), start()
    gone.kill()
    gone.wait()
    reap_groups([b"+%d\n" % gone.pid, b"+%d\n" % guarded.pid])
    assert guarded.wait(WAIT) == KILLED


def test_release_of_an_unknown_group_is_no_error(start):
    process = start()
    reap_groups([b"-1000000\n", b"-%d\n" % process.pid])
    assert process.poll() is None


def test_reaper_kills_what_is_left_when_its_pipe_ends(start):
    guarded, released = start(), start()
    with running_reaper() as reaper:
        for process in (guarded, released):
            reaper.guard(process.pid)
        reaper.release(released.pid)
        assert guarded.poll() is None
    assert guarded.wait(WAIT) == KILLED
    assert released.poll() is None


@pytest.fixture(name="piped")
def make_piped():
    """Return a function: start a process, return it and its pipe's inode.

    It is alone with the pipe, as it is when its Worker was killed.
    """
    with contextlib.ExitStack() as stack:
        def piped():
            ends = os.pipe()
            process = stack.enter_context(subprocess.Popen(
                ["sleep", "600"], stderr=ends[1], start_new_session=True))
            stack.callback(process.kill)
            inode = os.fstat(ends[1]).st_ino
            for end in ends:
                os.close(end)
            return process, inode

        yield piped


@needs_proc
def test_process_that_is_expected_is_known_by_its_pipe(piped):
    """It runs before its id is told; those with other pipes are spared."""
    (expected, inode), (other, _) = piped(), piped()
    reap_groups([b"?%d\n" % inode])
    assert expected.wait(WAIT) == KILLED
    assert other.poll() is None


@pytest.mark.parametrize("told", [b"+1000000\n", b"?1\n"])
def test_process_whose_id_was_told_is_expected_no_more(piped, told):
    """Nor is one that could not be started, when the next is expected."""
    process, inode = piped()
    reap_groups([b"?%d\n" % inode, told])
    assert process.poll() is None


@needs_proc
def test_reaper_does_not_look_like_a_worker():
    """Users look for Workers by pgrep -f mapreduce-worker."""
    before = children()
    with running_reaper():
        (cmdline,) = [line for pid, line in children().items()
                      if pid not in before]
    assert "mapreduce-worker" not in cmdline


@needs_proc
def test_signals_that_end_a_worker_do_not_end_its_reaper(start):
    before = children()
    numbers = signal.SIGHUP, signal.SIGINT, signal.SIGTERM
    guarded = start()

    def ignores_them(pid):
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        mask = int(status.partition("SigIgn:")[2].split()[0], 16)
        return all(mask >> number - 1 & 1 for number in numbers)

    with running_reaper() as reaper:
        (pid,) = children().keys() - before.keys() - {guarded.pid}
        assert wait_until(lambda: ignores_them(pid), WAIT)
        for number in numbers:
            os.kill(pid, number)
        reaper.guard(guarded.pid)
    assert guarded.wait(WAIT) == KILLED


def test_reaper_that_was_killed_keeps_no_task_from_going_on():
    read, write = os.pipe()
    os.close(read)
    with open(write, "wb", buffering=0) as pipe:
        reaper = Reaper(pipe)
        reaper.guard(1)
        reaper.release(1)


class Notes:
    """Stands in for a reaper, and notes what it is told."""

    def __init__(self):
        """Begin without a note."""
        self.guarded = []
        self.released = []

    def expect(self, _):
        """Expect a process, for all that matters here."""

    def guard(self, group):
        """Note a group that is to be guarded."""
        self.guarded.append(group)

    def release(self, group):
        """Note a group that is released: its leader was not waited for."""
        os.waitid(os.P_PID, group, os.WEXITED | os.WNOWAIT)
        self.released.append(group)


@pytest.mark.parametrize("script, outcome", [
    ("exit 0", contextlib.nullcontext()),
    ("exit 3", pytest.raises(Exception, match="exited 3")),
])
def test_every_process_of_a_task_is_guarded_until_its_end(
        mocker, script, outcome):
    """And costs no other process."""
    popen = mocker.spy(subprocess, "Popen")
    notes = Notes()
    with Interruption() as interruption:
        launcher = Launcher(interruption, notes)
        for _ in range(2):
            with outcome:
                launcher.run(["sh", "-c", script], "job", os.environ)
    assert popen.call_count == 2
    assert notes.guarded == notes.released
    assert len(set(notes.guarded)) == 2
