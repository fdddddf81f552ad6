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
from tests.support.commands import command, no_other_cluster
from tests.support.files import ROOT, TESTDATA, in_order, write_executable
from tests.support.ports import answers, free_port
from tests.support.waiting import TIMEOUT, wait_until

# The wait until no other test uses the script has no limit.
pytestmark = pytest.mark.timeout(120, func_only=True)

PORTS = 6000, 6001, 6002
START = "starting mapreduce ...\n"
STOP = "stopping mapreduce ...\n"
NOT_RUNNING = "manager not running\nworkers not running\n", 1


class InitScript:
    """bin/mapreduce, in a directory of the test's own."""

    def __init__(self, directory, path):
        """Run it in a directory, with this PATH."""
        self.directory = directory
        self.path = path

    def __call__(self, *arguments):
        """Return what it prints and its exit code; it prints no errors."""
        outcome = subprocess.run(
            [ROOT / "bin/mapreduce", *arguments], cwd=self.directory,
            env={**os.environ, "PATH": self.path}, capture_output=True,
            text=True, timeout=TIMEOUT)
        assert outcome.stderr == ""
        return outcome.stdout, outcome.returncode

    def logs(self):
        """Return the names of the logs."""
        return sorted(os.listdir(self.directory / "var/log"))


@pytest.fixture(name="alone")
def _alone():
    """The init script is used by one test at a time, also of several runs."""
    with no_other_cluster():
        yield


@pytest.fixture(name="script")
def _script(tmp_path):
    """The init script; the commands are those of this interpreter."""
    return InitScript(tmp_path, os.pathsep.join(
        [os.path.dirname(sys.executable), os.environ["PATH"]]))


@pytest.fixture(name="mapreduce")
def _mapreduce(alone, script, tmp_path, monkeypatch):
    """The init script on a machine where no daemon of this user runs."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # The killed leave files.
    if script("status") != NOT_RUNNING:
        pytest.skip("a Manager or a Worker runs on this machine")
    if any(map(answers, PORTS)):
        pytest.skip("one of the ports 6000 to 6002 is in use")
    yield script
    script("stop")


@contextlib.contextmanager
def running(*arguments, **env):
    """Run a process, which may read from its standard input, for a while."""
    with subprocess.Popen(arguments, stdin=subprocess.PIPE,
                          stderr=subprocess.DEVNULL,
                          env={**os.environ, **env}) as process:
        try:
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def running_daemon(name, port, *options, **env):
    """Run a Manager or a Worker that the init script has not started."""
    with running(command(name), "--port", str(port), *options,
                 **env) as process:
        assert wait_until(lambda: answers(port))
        yield process


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


@pytest.mark.parametrize("arguments", [
    [], ["begin"], ["start", "1", "2"], ["start", "--unknown"], ["stop", "1"],
    ["kill-worker"], ["status", "--port"]])
def test_wrong_usage(script, arguments):
    """One line lists the commands."""
    assert script(*arguments) == (
        f"Usage: {ROOT}/bin/mapreduce "
        "(start|stop|restart|status|add-worker|kill-worker PORT); --help "
        "tells more\n", 1)


@pytest.mark.parametrize("arguments", [["--help"], ["start", "--help"]])
def test_help(script, arguments):
    text, code = script(*arguments)
    assert (code, text.splitlines()[0]) == (
        0, f"Usage: {ROOT}/bin/mapreduce COMMAND [--port PORT]")
    for command_name in ("start [N]", "add-worker", "--respawn"):
        assert command_name in text


@pytest.mark.parametrize("arguments, what", [
    (["status", "--port", "0"], "0 is not a port from 1 to 65535"),
    (["status", "--port=x"], "x is not a port from 1 to 65535"),
    (["start", "many"], "many is not a number of Workers"),
    (["add-worker"], "no mapreduce-manager runs on port 6000"),
])
def test_wrong_values(script, arguments, what):
    assert script(*arguments) == (f"Error: {what}\n", 1)


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
        {"--host": "localhost", "--port": "6000",
         "--logfile": "var/log/manager.log"},
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
    (["--manager-host", "192.0.2.1"], {}),
    ([], {"MAPREDUCE_PORT": "5999"}),
])
def test_worker_of_another_manager_is_left_alone(mapreduce, options, env):
    with running_daemon("worker", free_port(), *options, **env) as daemon:
        assert mapreduce("status") == NOT_RUNNING
        assert mapreduce("stop") == (STOP, 0)
        assert daemon.poll() is None


@pytest.fixture(name="other_port")
def _other_port(mapreduce):
    """A port for a second cluster, which is stopped after the test."""
    port = free_port()
    while any(map(answers, range(port, port + 4))):
        port = free_port()
    yield port
    mapreduce("stop", f"--port={port}")


def test_two_clusters_side_by_side(mapreduce, other_port, monkeypatch):
    assert mapreduce("start") == (START, 0)
    assert mapreduce("start", "1", "--port", str(other_port), "--",
                     "--loglevel", "debug") == (START, 0)
    assert mapreduce.logs() == sorted([
        "manager.log", "worker-6001.log", "worker-6002.log",
        f"manager-{other_port}.log", f"worker-{other_port + 1}.log"])
    assert "[DEBUG]" in (mapreduce.directory / (
        f"var/log/manager-{other_port}.log")).read_text()
    assert mapreduce("add-worker", "--port", str(other_port)) == (
        f"starting mapreduce worker on port {other_port + 2} ...\n", 0)
    assert answers(other_port + 2)
    assert mapreduce("stop") == (STOP, 0)
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

    assert starts() == 1
    [worker] = workers_of(other_port)
    os.kill(worker, signal.SIGKILL)
    assert wait_until(lambda: starts() == 2)
    assert mapreduce("kill-worker", str(other_port + 1), *options) == (
        f"killed mapreduce worker on port {other_port + 1}\n", 0)
    assert workers_of(other_port) == []
    assert mapreduce("status", *options) == (
        "manager running\nworkers not running\n", 1)
    assert mapreduce("stop", *options) == (STOP, 0)
    assert starts() == 2


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
            "Error: port 6000 is in use\n", 1)
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
