"""What the tests of jobs by one command share."""
import contextlib
import os

import pytest

from tests.support.cluster import MAPPER, REDUCER
from tests.support.files import write_executable
from tests.support.job_client import INPUT, Client
from tests.support.local_run import Run
from tests.support.spark import invoke


@pytest.fixture(name="client")
def _client(tmp_path):
    """Return a function that runs a client."""
    return Client(tmp_path)


@pytest.fixture(name="count")
def _word_count(client):
    """Return a function: the result of word count with more options."""
    def count(*options, source=INPUT, mapper=MAPPER, reducer=REDUCER,
              **kwargs):
        # A job without a reduce stage takes no reducer.
        stage = [] if 0 in options else ["-r", reducer]
        code, stderr = client(
            "run", "-i", source, "-o", "output", "-m", mapper, *stage,
            "--quiet", *options, **kwargs)
        assert (code, stderr) == (0, "")
        return client.result()
    return count


@pytest.fixture(name="run")
def _run(tmp_path):
    """The command, in a directory of the test's own."""
    return Run(tmp_path)


@pytest.fixture(name="waiting")
def _waiting(tmp_path, gate):
    """A mapper that tells its process id, and then waits at the gate."""
    os.mkfifo(tmp_path / "pid")
    return write_executable(
        tmp_path / "waiting", f"echo $$ > '{tmp_path}/pid'", gate.line,
        f"exec '{MAPPER}'")


@pytest.fixture(name="pid_of_task")
def _pid_of_task(tmp_path):
    """Return a function: wait until a task runs, return its process id."""
    return lambda: int((tmp_path / "pid").read_text().split()[0])


@pytest.fixture(name="open_gate")
def _open_gate(tmp_path, gate):
    """Return a context in which no task waits, for any reason."""
    @contextlib.contextmanager
    def open_gate():
        with open(tmp_path / "pid", "r+b", buffering=0):
            gate.open()
            yield
    return open_gate


@pytest.fixture(name="command")
def _command(tmp_path, monkeypatch, temporary):
    """Return a function: run a command; return exit code, standard error."""
    assert temporary
    monkeypatch.chdir(tmp_path)
    return invoke
