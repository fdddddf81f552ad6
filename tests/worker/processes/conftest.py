"""Processes for tests: how they are started, and watched to their end."""
import subprocess

import pytest

from mapreduce.worker.processes.interruption import Interruption
from mapreduce.worker.processes.launcher import Launcher


@pytest.fixture(params=["told of exits", "asks for exits"])
def exit_watch(request, mocker):
    """Run each test with and without a file that tells of an exit."""
    if request.param == "asks for exits":
        mocker.patch("os.pidfd_open", side_effect=OSError, create=True)


@pytest.fixture(name="interruption")
def make_interruption():
    """Return an Interruption."""
    with Interruption() as interruption:
        yield interruption


@pytest.fixture(name="start")
def make_start(interruption):
    """Return a function: run a shell script with pipes, as a context."""
    def start(script, stdin=subprocess.PIPE):
        return Launcher(interruption).running(
            ["sh", "-c", script], "job", stdin=stdin, stdout=subprocess.PIPE)
    return start


@pytest.fixture(name="run_to_end")
def make_run_to_end(start):
    """Return a function: run a script without input, return its output."""
    def run_to_end(script):
        with start(script, subprocess.DEVNULL) as process:
            output = b"".join(process.read())
            process.finish()
        return output
    return run_to_end


@pytest.fixture(name="short_grace")
def shorten_grace(mocker):
    """Give children that are left behind less time."""
    mocker.patch("mapreduce.worker.processes.exit.GRACE", 0.1)
