"""mapreduce-run where nothing, or no more, can be shown to its user."""
import os
import pty
import subprocess
import sys

import pytest

from tests.support.cluster import MAPPER, REDUCER
from tests.support.commands import command
from tests.support.files import in_order, names_in
from tests.support.local_run import INPUT, expected
from tests.support.waiting import TIMEOUT

OPTIONS = ["-i", INPUT, "-o", "output", "-r", REDUCER, "--workers", "1"]
RUN = [command("run"), *OPTIONS, "-m", MAPPER]

# Runs the command; its display, or what follows it, raises an exception.
BROKEN_AT = """
import sys
from mapreduce import run
from mapreduce.client import progress
from mapreduce.engines import local

def breaks(*_):
    raise {exception}

progress.{place} = breaks
run.main(sys.argv[1:])
"""


def started(run, *words, **streams):
    """Run a command in the directory of the test; return its exit code."""
    return subprocess.run(
        words, cwd=run.directory, env=run.env, timeout=TIMEOUT, check=False,
        stdin=subprocess.DEVNULL, **streams).returncode


def check_result(run):
    """Check that the result is there, and nothing else."""
    assert in_order(run.result()) == expected()
    assert names_in(run.directory) == ["output"]
    assert names_in(run.temporary) == []


def test_full_standard_error(run):
    with open("/dev/full", "wb") as full:
        assert started(run, *RUN, stderr=full) == 0
    check_result(run)


def test_standard_error_that_nobody_reads(run):
    reading, writing = os.pipe()
    os.close(reading)
    assert started(run, *RUN, stderr=writing) == 0
    os.close(writing)
    check_result(run)


def test_full_pipe_that_must_not_block(run):
    """As of a program that reads too slowly and set it so."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writing, b"x" * 2**16)
    assert started(run, *RUN, stderr=writing) == 0
    os.close(writing)
    os.close(reading)
    check_result(run)


def test_closed_standard_error(run):
    assert started(run, "sh", "-c", 'exec "$0" "$@" 2>&-', *RUN) == 0
    check_result(run)


def test_terminal_that_is_gone(run):
    """The progress bar can't be drawn; SIGHUP is ignored, as by nohup."""
    leader, follower = pty.openpty()
    os.close(leader)
    assert started(run, "sh", "-c", 'trap "" HUP; exec "$0" "$@"', *RUN,
                   stderr=follower) == 0
    os.close(follower)
    check_result(run)


@pytest.mark.parametrize("options, code", [
    (["-m", "false"], 1), (["-m", "missing"], 2), (["--nonsense"], 2)])
def test_exit_code_where_no_error_can_be_shown(run, options, code):
    with open("/dev/full", "wb") as full:
        assert started(run, *RUN, *options, stderr=full) == code
    assert names_in(run.directory) == []


def test_display_that_fails(run):
    """With another exception than those of a full or a closed stream."""
    code = BROKEN_AT.format(exception="ValueError('I/O on closed file')",
                            place="Lines.show")
    assert started(run, sys.executable, "-c", code, *RUN[1:],
                   stderr=subprocess.DEVNULL) == 0
    check_result(run)


@pytest.mark.parametrize("exception", [
    "MemoryError", "SystemExit(5)", "KeyboardInterrupt"])
def test_any_exception_cancels_the_job(run, exception):
    """No incomplete result stays."""
    code = BROKEN_AT.format(exception=exception, place="Lines.show")
    assert started(run, sys.executable, "-c", code, *RUN[1:],
                   stderr=subprocess.DEVNULL) != 0
    assert names_in(run.directory) == names_in(run.temporary) == []
