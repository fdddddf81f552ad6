"""Clients that ask a Manager: run in this process, or as processes."""
import contextlib
import itertools
import os
import pty
import pwd
import select
import subprocess

import pytest
from click.testing import CliRunner

from mapreduce import cancel, status, submit
from tests.support.commands import command
from tests.support.fake_manager import cluster, job, worker
from tests.support.waiting import TIMEOUT

SUMMARY = """\
Submitted job to Manager localhost:{port}
input directory      tests/testdata/input
output directory     output
mapper executable    tests/testdata/exec/wc_map.sh
reducer executable   tests/testdata/exec/wc_reduce.sh
num mappers          2
num reducers         2
"""
# Who submits the jobs of these clients.
SUBMITTER = f"{pwd.getpwuid(os.getuid()).pw_name}@{os.uname().nodename}"
FOREIGN = (
    "Error: Manager localhost:{port} does not answer questions: what listens "
    "there is another program, an older version, or busy\n")
UNREACHABLE = (
    "Error: {gone}cannot reach Manager localhost:{port}: Connection refused; "
    "is one running there?\n")
QUESTIONS = [
    pytest.param(status.main, [], id="status"),
    pytest.param(status.main, ["3"], id="status-of-a-job"),
    pytest.param(status.main, ["--json"], id="status-json"),
    pytest.param(status.main, ["--watch"], id="status-watch"),
    pytest.param(cancel.main, ["3"], id="cancel"),
    pytest.param(submit.main, ["--wait"], id="submit-wait"),
]


def run(main, port, *options):
    """Run a client in this process."""
    outcome = CliRunner().invoke(main, ["-p", str(port), *options])
    assert outcome.exception is None or isinstance(
        outcome.exception, SystemExit), outcome.exception
    return outcome.exit_code, outcome.stdout, outcome.stderr


def with_key(*states, **fields):
    """Return answers, as functions: the job asked for, in these states."""
    return [lambda question, state=state: cluster(
        *[job(state, key=question["job_key"], **fields)] * bool(state),
        workers=[worker()]) for state in states]


@contextlib.contextmanager
def process(name, port, *options, env=None, **streams):
    """Run a client as a process; kill it if it is still there."""
    with subprocess.Popen(
            [command(name), "-p", str(port), *options],
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
               **streams}, env={**os.environ, **(env or {})}) as started:
        try:
            yield started
        finally:
            started.kill()


def on_terminal(name, port, *options, until=b"", number=0, **env):
    """Run a client on a terminal; return its exit code and what it wrote.

    When the text until is there, it gets a signal.
    """
    leader, follower = pty.openpty()
    with process(name, port, *options, stdout=follower, stderr=follower,
                 env={"TERM": "xterm-256color", "COLUMNS": "100", **env}
                 ) as running:
        os.close(follower)
        written = b""
        for sent in itertools.count():
            assert select.select([leader], [], [], TIMEOUT)[0], written
            try:
                written += os.read(leader, 65536)
            except OSError:  # Nobody has the other end any more.
                break
            if number and until in written:
                running.send_signal(number)
                number = 0
            assert sent < 10_000
        os.close(leader)
        return running.wait(TIMEOUT), written.decode()
