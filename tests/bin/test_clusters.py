"""Clusters of bin/mapreduce on ports of their own, and their ends."""
import contextlib
import os
import pathlib
import signal
import subprocess

import pytest

from tests.support.commands import command
from tests.support.files import TESTDATA, write_executable
from tests.support.init_script import START, STOP
from tests.support.ports import answers, free_port
from tests.support.waiting import wait_until

# The wait until no other test uses the script has no limit.
pytestmark = pytest.mark.timeout(300, func_only=True)


@pytest.fixture(name="other_port")
def _other_port(mapreduce):
    """A port for a second cluster, which is stopped after the test."""
    # Those of its Workers, and that of its dashboard.
    port = free_port(1, 2, 3, 80)
    yield port
    mapreduce("stop", f"--port={port}")


def test_two_clusters_side_by_side(mapreduce, other_port, monkeypatch):
    """One of them is signed, which each command finds out.

    The secret of the user is that of neither.
    """
    secret = mapreduce.directory / "secret"
    secret.write_text("s" * 40)
    secret.chmod(0o600)
    assert mapreduce("start") == (START, 0)
    assert mapreduce("start", "1", "--port", str(other_port), "--",
                     "--loglevel", "debug", "--secret-file", "secret"
                     ) == (START, 0)
    assert mapreduce.logs() == sorted([
        "manager.log", "worker-6001.log", "worker-6002.log",
        f"manager-{other_port}.log", f"worker-{other_port + 1}.log"])
    log = mapreduce.directory / f"var/log/manager-{other_port}.log"
    assert "[DEBUG]" in log.read_text()
    (mapreduce.directory / "other").write_text("o" * 40)
    (mapreduce.directory / "other").chmod(0o600)
    monkeypatch.setenv(
        "MAPREDUCE_SECRET_FILE", str(mapreduce.directory / "other"))
    assert mapreduce("add-worker", "--port", str(other_port)) == (
        f"starting mapreduce worker on port {other_port + 2} ...\n", 0)
    assert answers(other_port + 2)
    assert wait_until(lambda: log.read_text().count("Registered Worker") == 2)
    assert mapreduce("stop") == (STOP, 0)
    # It was told to shut down, not terminated: then its state would stay.
    manager = mapreduce.directory / "var/log/manager.log"
    assert "Ignored a TCP message" not in manager.read_text()
    monkeypatch.setenv("MAPREDUCE_PORT", str(other_port))
    assert mapreduce("status") == ("manager running\nworkers running\n", 0)
    assert mapreduce("stop") == (STOP, 0)
    assert not any(map(answers, range(other_port, other_port + 3)))


def test_worker_that_dies_is_started_again(mapreduce, other_port):
    """One that kill-worker has killed stays dead; a stop ends all."""
    options = "--port", str(other_port)
    assert mapreduce("start", "1", "--respawn", *options) == (START, 0)
    log = mapreduce.directory / f"var/log/worker-{other_port + 1}.log"

    def starts():
        return log.read_text().count("Listening on")

    # Its port answers a moment before it logs that.
    assert wait_until(lambda: starts() == 1)
    [worker] = workers_of(other_port)
    os.kill(worker, signal.SIGKILL)
    assert wait_until(lambda: starts() == 2)
    assert mapreduce("kill-worker", str(other_port + 1), *options) == (
        f"killed mapreduce worker on port {other_port + 1}\n", 0)
    # A process that was killed is gone a moment later.
    assert wait_until(lambda: workers_of(other_port) == [])
    assert mapreduce("status", *options) == (
        "manager running\nworkers not running\n", 1)
    assert mapreduce("stop", *options) == (STOP, 0)
    assert starts() == 2


def test_dashboard_begins_and_ends_with_its_cluster(mapreduce, other_port):
    """Its port is that of the Manager plus 80."""
    pytest.importorskip("uvicorn")
    options = "--port", str(other_port)
    assert mapreduce("start", "1", "--dashboard", *options) == (
        f"{START}dashboard on http://127.0.0.1:{other_port + 80}/\n", 0)
    assert answers(other_port + 80)
    assert mapreduce("stop", *options) == (STOP, 0)
    assert not answers(other_port + 80)
    assert (mapreduce.directory / f"var/log/dashboard-{other_port}.log"
            ).read_text() == (
                f"Dashboard of Manager localhost:{other_port}: "
                f"http://127.0.0.1:{other_port + 80}/\n")


def workers_of(manager_port):
    """Return the ids of the Workers of a Manager on this machine."""
    found = []
    for file in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = file.read_text().split("\0")
            if command("worker") in words and str(manager_port) in words:
                found.append(int(file.parent.name))
    return found


def test_stop_names_the_jobs_that_are_lost(mapreduce, other_port, gate):
    """The log of the Manager names them, too."""
    options = "--port", str(other_port)
    mapreduce("start", "1", *options)
    mapper = write_executable(mapreduce.directory / "map", gate.line)
    for name in (["--name", "one, two"], []):
        subprocess.run(
            [command("submit"), *options, *name, "--input",
             str(TESTDATA / "input"), "--mapper", mapper, "--output",
             str(mapreduce.directory / "output")],
            check=True, stdout=subprocess.DEVNULL)
    assert mapreduce("stop", *options)[0].startswith(
        f"{STOP}lost job 0 (one, two): it was running\n"
        "lost job 1: it was queued\n")
    log = (mapreduce.directory
           / f"var/log/manager-{other_port}.log").read_text()
    name = f"Manager:{other_port} [WARNING]"
    assert (f"{name} Lost job 0 (one, two): it was running, 0 of 4 tasks "
            f"done\n{name} Lost job 1: it was queued\n") in log
