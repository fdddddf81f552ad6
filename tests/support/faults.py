"""What the tests of faults share: jobs that fail, and what must follow."""
import contextlib
import pathlib
import re
import resource
import signal

import pytest

from tests.support.cluster import WORD_COUNT, pipeline
from tests.support.files import TESTDATA, in_order

SMALL = str(TESTDATA / "input_small")
ONE_TASK = {"num_mappers": 1, "num_reducers": 1}
EXECUTABLE_OF = {
    "map": "mapper_executable", "reduce": "reducer_executable"}
COPY = {"mapper_executable": "cat", "reducer_executable": "cat"}

needs_proc = pytest.mark.skipif(
    not pathlib.Path("/proc/self/task").exists(),
    reason="threads and files of processes are counted in /proc")

needs_prlimit = pytest.mark.skipif(
    not hasattr(resource, "prlimit"),
    reason="no limits can be set for another process")


def check_next_job(cluster, output):
    """Run a job, which must come out right whatever was before it."""
    result = cluster.run_job(output, input_directory=SMALL)
    assert in_order(result) == in_order(pipeline(SMALL, *WORD_COUNT))


def errors(cluster):
    """Return the entries at ERROR in the log of the Manager."""
    name = re.escape(f"Manager:{cluster.port} [")
    return [entry.rstrip("\n").replace("\n  ", "\n") for entry in re.findall(
        rf"^{name}ERROR\] (.*?)(?=^{name}|\Z)",
        cluster.manager.log.read_text(), re.MULTILINE | re.DOTALL)]


def failure(cluster, output, **fields):
    """Submit a job that fails; return why, as its one ERROR entry says.

    The next job runs.
    """
    before = len(errors(cluster))
    cluster.submit(output, **fields)
    check_next_job(cluster, output.with_name("next"))
    (entry,) = errors(cluster)[before:]
    return re.fullmatch(r"Job \d+ failed: (.*)", entry, re.DOTALL)[1]


def restart_worker(cluster, number):
    """Start a Worker that was killed again, on its port."""
    return cluster.start_worker(port=cluster.workers[number].port)


def has_registered(cluster, worker, times):
    """Tell whether a Worker has registered so many times."""
    return cluster.manager.says(
        f"Registered Worker RemoteWorker('localhost', {worker.port})", times)


@contextlib.contextmanager
def stopped(daemon):
    """Stop a daemon for a while; nobody else notices at first."""
    daemon.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        daemon.process.send_signal(signal.SIGCONT)
