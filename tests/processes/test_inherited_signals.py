"""Signals that the parent of a daemon has blocked or ignores."""
import pathlib
import re
import signal
import subprocess
import sys

import pytest

from tests.support.commands import daemon_command
from tests.support.faults import needs_proc
from tests.support.files import ROOT
from tests.support.waiting import TIMEOUT


@pytest.fixture(name="started")
def make_started():
    """Return a function: start a daemon after a statement; it listens."""
    processes = []

    def started(name, statement):
        process = subprocess.Popen(
            [sys.executable, "-c", "import os, signal, sys; "
             f"{statement}; os.execv(sys.argv[1], sys.argv[1:])",
             *daemon_command(name), "--port", "0"], cwd=ROOT,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        processes.append(process)
        assert process.stdout.readline().strip().isdigit()
        return process

    yield started
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("name", ["manager", "worker"])
@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_blocked_signal_ends_a_daemon(started, name, number):
    process = started(
        name, "signal.pthread_sigmask(signal.SIG_BLOCK, "
        f"[signal.{number}])")
    process.send_signal(getattr(signal, number))
    assert process.wait(TIMEOUT) == 0


@needs_proc
@pytest.mark.parametrize("name", ["manager", "worker"])
@pytest.mark.parametrize("number", ["SIGINT", "SIGHUP"])
def test_ignored_signal_does_not_end_a_daemon(started, name, number):
    """Ctrl-C in a script ends nothing that it started in the background."""
    process = started(
        name, f"signal.signal(signal.{number}, signal.SIG_IGN)")
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    ignored = int(re.search(r"^SigIgn:\s*(\w+)$", status, re.M)[1], 16)
    assert ignored & 1 << getattr(signal, number) - 1


@pytest.mark.parametrize("name", ["manager", "worker"])
def test_sigterm_ends_a_daemon_also_if_the_parent_ignores_it(started, name):
    process = started(name, "signal.signal(signal.SIGTERM, signal.SIG_IGN)")
    process.terminate()
    assert process.wait(TIMEOUT) == 0
