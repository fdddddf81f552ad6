"""The init script bin/mapreduce: it starts, stops and shows a cluster.

The init script knows no ports but its own, and takes every Manager and Worker
of this user that was started by its command for its own. Its tests are skipped
where the user runs one. Those of other tests do not count: they are started in
another way, by daemon_command.
"""
import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys

import pytest

from tests.support.cluster import WORD_COUNT, pipeline
from tests.support.commands import command
from tests.support.files import ROOT, TESTDATA, in_order, write_executable
from tests.support.init_script import (
    NOT_RUNNING,
    PORTS,
    START,
    STOP,
    InitScript,
    running,
    running_daemon,
)
from tests.support.ports import answers, free_port
from tests.support.waiting import TIMEOUT, wait_until

# The wait until no other test uses the script has no limit.
pytestmark = pytest.mark.timeout(300, func_only=True)


def test_start_and_stop(mapreduce):
    """Ports answer when start returns; all is gone when stop does."""
    assert mapreduce("start") == (START, 0)
    assert all(map(answers, PORTS))
    assert mapreduce.logs() == [
        "manager.log", "worker-6001.log", "worker-6002.log"]
    assert mapreduce("status") == ("manager running\nworkers running\n", 0)
    assert mapreduce("start") == (
        "Error: mapreduce-manager is already running\n", 1)
    assert mapreduce("status") == ("manager running\nworkers running\n", 0)
    assert mapreduce("stop") == (STOP, 0)
    assert not any(map(answers, PORTS))
    assert mapreduce("status") == NOT_RUNNING


def test_started_cluster_runs_a_job(mapreduce, tmp_path):
    """Both Workers are registered with the Manager."""
    mapreduce("start")
    output = tmp_path / "output"
    mapper, reducer = map(str, WORD_COUNT)
    subprocess.run(
        [command("submit"), "--input", str(TESTDATA / "input"), "--mapper",
         mapper, "--reducer", reducer, "--output", str(output)],
        check=True, stdout=subprocess.DEVNULL)
    parts = [output / "part-00000", output / "part-00001"]
    assert wait_until(lambda: all(part.exists() for part in parts))
    assert in_order(b"".join(part.read_bytes() for part in parts)) == in_order(
        pipeline(TESTDATA / "input", mapper, reducer))
    log = (tmp_path / "var/log/manager.log").read_text()
    for port in PORTS[1:]:
        assert f"Registered Worker RemoteWorker('localhost', {port})" in log


def test_restart(mapreduce):
    """It works whether something runs or not, and begins new logs."""
    logs = ["manager.log", "worker-6001.log", "worker-6002.log"]
    assert mapreduce("restart") == (STOP + START, 0)
    assert mapreduce.logs() == logs
    (mapreduce.directory / "var/log/worker-7000.log").touch()
    manager_log = (mapreduce.directory / "var/log/manager.log").read_text()
    assert mapreduce("restart") == (STOP + START, 0)
    assert mapreduce("status") == ("manager running\nworkers running\n", 0)
    assert mapreduce.logs() == sorted([
        *logs, *(f"{name}.1" for name in (*logs, "worker-7000.log"))])
    assert (mapreduce.directory / "var/log/manager.log.1").read_text(
        ).startswith(manager_log)


def test_stop_when_nothing_runs(mapreduce):
    """That is no error."""
    assert mapreduce("stop") == (STOP, 0)


@pytest.mark.skipif(not pathlib.Path("/proc/self/cmdline").exists(),
                    reason="command lines are read from /proc")
def test_options_of_the_daemons(mapreduce):
    """All are given, also where they are the default."""
    mapreduce("start")
    found = []
    for file in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        # It may have just ended, or have no arguments.
        with contextlib.suppress(OSError, ValueError):
            _, path, *options = file.read_text().split("\0")[:-1]
            if path in map(command, ("manager", "worker")):
                found.append(dict(zip(options[::2], options[1::2])))
    assert sorted(found, key=lambda options: options["--port"]) == [
        {"--state-dir": "var/state", "--host": "localhost",
         "--port": "6000", "--logfile": "var/log/manager.log"},
        *({"--host": "localhost", "--port": port,
           "--manager-host": "localhost", "--manager-port": "6000",
           "--logfile": f"var/log/worker-{port}.log"}
          for port in ("6001", "6002")),
    ]


@pytest.mark.skipif(not (ROOT / "env/bin/mapreduce-manager").exists(),
                    reason="the package is not installed in env/")
def test_commands_of_the_projects_own_env(mapreduce):
    """They are taken where the PATH has none."""
    mapreduce.path = os.defpath
    assert mapreduce("restart") == (STOP + START, 0)
    assert mapreduce("stop") == (STOP, 0)


def test_processes_with_such_a_name_do_not_count(mapreduce, tmp_path):
    """An editor, a search, a script: none of them is a daemon."""
    script = write_executable(tmp_path / "mapreduce-worker", "read -r line")
    with (
        running(sys.executable, "-c", "input()", "mapreduce-manager") as one,
        running(script) as other,
    ):
        assert mapreduce("status") == NOT_RUNNING
        assert mapreduce("restart") == (STOP + START, 0)
        assert mapreduce("stop") == (STOP, 0)
        assert (one.poll(), other.poll()) == (None, None)


def test_manager_on_another_port_is_left_alone(mapreduce):
    """It keeps a cluster from starting, but is none of this cluster."""
    with running_daemon("manager", free_port()) as daemon:
        assert mapreduce("start") == (
            "Error: mapreduce-manager is already running\n", 1)
        assert mapreduce("status") == NOT_RUNNING
        assert mapreduce("stop") == (STOP, 0)
        assert daemon.poll() is None


def test_worker_on_another_port_counts(mapreduce):
    """Its Manager is that of this cluster; so it is killed by a stop."""
    with running_daemon("worker", free_port()) as daemon:
        assert mapreduce("start") == (
            "Error: mapreduce-worker is already running\n", 1)
        assert mapreduce("status") == (
            "manager not running\nworkers running\n", 1)
        assert mapreduce("stop") == (
            f"{STOP}killing mapreduce worker ...\n", 0)
        assert daemon.wait(TIMEOUT) == 0


@pytest.mark.parametrize("options, env", [
    (["--manager-port", "5999"], {}),
    (["--manager-port=5999"], {}),
    ([], {"MAPREDUCE_PORT": "5999"}),
])
def test_worker_of_another_manager_is_left_alone(mapreduce, options, env):
    with running_daemon("worker", free_port(), *options, **env) as daemon:
        assert mapreduce("status") == NOT_RUNNING
        assert mapreduce("stop") == (STOP, 0)
        assert daemon.poll() is None


def test_daemons_that_do_not_end_are_killed(mapreduce):
    """A Manager that is stopped hears neither shutdown nor signal."""
    with running_daemon("manager", 6000) as manager:
        with running_daemon("worker", 6001) as worker:
            manager.send_signal(signal.SIGSTOP)
            assert mapreduce("stop") == (
                f"{STOP}killing mapreduce manager ...\n"
                "killing mapreduce worker ...\n", 0)
            assert manager.wait(TIMEOUT) == -signal.SIGKILL
            assert worker.wait(TIMEOUT) == 0


@pytest.mark.parametrize("port", PORTS)
def test_port_of_another_program(mapreduce, port):
    """An error names it; what was started is ended."""
    with socket.create_server(("localhost", port)):
        assert mapreduce("start") == (
            f"{START}Error: port {port} is in use\n", 1)
        assert mapreduce("status") == NOT_RUNNING


def test_udp_port_of_another_program(mapreduce):
    """The last words of the Manager are shown."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind(("localhost", 6000))
        assert mapreduce("start") == (
            f"{START}Error: mapreduce-manager did not start: "
            "Error: port 6000 is in use; choose another one\n", 1)
    assert mapreduce("status") == NOT_RUNNING


def test_cluster_of_a_run_is_left_alone(mapreduce, tmp_path, gate):
    """It is none of this script's."""
    mapper = write_executable(
        tmp_path / "map", f"touch '{tmp_path}/runs'", gate.line)
    with running(command("run"), "-i", str(TESTDATA / "input"), "-o",
                 str(tmp_path / "output"), "-m", mapper, "-r", "cat") as run:
        assert wait_until((tmp_path / "runs").exists)
        assert mapreduce("status") == NOT_RUNNING
        assert mapreduce("restart") == (STOP + START, 0)
        assert mapreduce("stop") == (STOP, 0)
        gate.open()
        assert run.wait(TIMEOUT) == 0


@pytest.fixture(name="kill_worker")
def _kill_worker(alone, tmp_path):
    """Return a function: run bin/mapreduce kill-worker."""
    script = InitScript(tmp_path, os.environ["PATH"])
    return lambda *arguments: script("kill-worker", *arguments)


def test_worker_on_a_port_is_killed(kill_worker, tmp_path, monkeypatch):
    """No other one, and not a Manager."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    ports = [free_port() for _ in range(3)]
    with (running_daemon("worker", ports[0]) as worker,
          running_daemon("worker", ports[1]),
          running_daemon("manager", ports[2])):
        assert kill_worker(str(ports[0])) == (
            f"killed mapreduce worker on port {ports[0]}\n", 0)
        assert worker.wait(TIMEOUT) == -signal.SIGKILL
        for nobody in (ports[0], ports[2]):
            assert kill_worker(str(nobody)) == (
                f"Error: no mapreduce-worker was started on port {nobody}\n",
                1)
        assert all(map(answers, ports[1:]))


@pytest.mark.parametrize("arguments", [[], ["6001", "6002"]])
def test_kill_worker_wants_one_port(kill_worker, arguments):
    """It tells its usage."""
    output, code = kill_worker(*arguments)
    assert output.startswith("Usage: ") and "kill-worker PORT" in output
    assert code == 1
