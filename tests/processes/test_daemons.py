"""The daemons as children: a port that is free, and an end with their parent.
"""
import contextlib
import importlib.metadata
import os
import re
import signal
import socket
import subprocess
import sys
import threading

import pytest

from mapreduce.manager import Manager
from mapreduce.manager.daemon import ManagerEnvironment
from mapreduce.manager.output_safety import StorageError
from mapreduce.protocol.messages import GetStatusMessage
from mapreduce.utils import network, outbox
from mapreduce.worker.shuffle import loops
from tests.support import wire
from tests.support.commands import daemon_command
from tests.support.files import ROOT, names_in, write_executable
from tests.support.ports import answers, free_port
from tests.support.waiting import TIMEOUT, wait_until

NAMES = ["manager", "worker"]


@contextlib.contextmanager
def running(name, directory, *options, port=0):
    """Run a daemon that is to end with its standard input."""
    with subprocess.Popen(
            [*daemon_command(name), "--port", str(port),
             "--end-with-stdin", *options],
            env={**os.environ, "TMPDIR": str(directory)}, cwd=ROOT,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def port_of(process):
    """Return the port that a daemon prints when it listens there."""
    return int(process.stdout.readline())


@pytest.mark.parametrize("name", NAMES)
def test_any_port(name, tmp_path):
    """Its number is the first line, and all that is printed."""
    with running(name, tmp_path) as process:
        port = port_of(process)
        assert answers(port)
        stdout, stderr = process.communicate()
        assert (process.returncode, stdout) == (0, "")
    assert set(re.findall(r"^\w+:(\d+) \[", stderr, re.MULTILINE)) == {
        str(port)}
    assert names_in(tmp_path) == []


def test_worker_on_any_port_registers_with_it(cluster, tmp_path):
    """The Manager is told the port that was taken."""
    cluster.start_manager()
    with running("worker", tmp_path,
                 "--manager-port", str(cluster.port)) as process:
        port = port_of(process)
        cluster.wait_for(lambda: cluster.manager.says(
            f"Registered Worker RemoteWorker('localhost', {port})"))


@pytest.mark.parametrize("name", NAMES)
def test_named_port_is_not_printed(name, tmp_path):
    """Nothing is."""
    with running(name, tmp_path, port=free_port()) as process:
        stdout, _ = process.communicate()
        assert (process.returncode, stdout) == (0, "")


@pytest.mark.parametrize("name", NAMES)
def test_port_that_somebody_takes_first(name, tmp_path):
    """Another one is tried."""
    program = (
        "import sys; from mapreduce.utils import network; "
        f"from mapreduce.{name}.__main__ import main; "
        "ports = iter(map(int, sys.argv[1:])); "
        "network.free_port = lambda host: next(ports); "
        "main(['--port', '0', '--end-with-stdin'])")
    with network.tcp_server("localhost", taken := free_port()):
        outcome = subprocess.run(
            [sys.executable, "-c", program, str(taken), str(taken),
             str(port := free_port())],
            env={**os.environ, "TMPDIR": str(tmp_path)}, cwd=ROOT,
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=TIMEOUT)
    assert (outcome.returncode, outcome.stdout) == (0, f"{port}\n")
    assert f":{port} [INFO] Listening on localhost:{port}" in outcome.stderr


def test_free_port_is_free_for_both():
    """TCP and UDP; nobody is left there."""
    port = network.free_port("localhost")
    with (
        network.tcp_server("localhost", port),
        network.udp_server("localhost", port),
    ):
        assert answers(port)


def test_no_free_port_on_a_foreign_host(tmp_path):
    """A line says so."""
    with running("manager", tmp_path, "--insecure", "--host",
                 "192.0.2.1") as process:
        stdout, stderr = process.communicate()
        assert (process.returncode, stdout) == (1, "")
        assert stderr.startswith("Error: cannot run on 192.0.2.1:0: ")


@pytest.mark.parametrize("name, changes, build", [
    ("manager", {}, ""),
    ("worker", {}, f" ({loops.DESCRIPTION})"),
    ("worker", {"MAPREDUCE_NATIVE": "0"}, " (Python loops)"),
])
def test_version(name, changes, build):
    """It is that of the package; a Worker says which loops it has."""
    outcome = subprocess.run(
        [*daemon_command(name), "--version"], check=True, capture_output=True,
        text=True, env={**os.environ, **changes})
    number = re.escape(importlib.metadata.version("mapreduce"))
    assert re.fullmatch(
        rf"mapreduce-{name}, version {number}{re.escape(build)}\n",
        outcome.stdout)


def test_first_line_of_the_log_says_which_loops_run(tmp_path):
    with running("worker", tmp_path) as process:
        _, stderr = process.communicate()
    assert re.match(
        r"Worker:(\d+) \[INFO\] Listening on localhost:\1, with "
        rf"{loops.DESCRIPTION}\n", stderr)


@pytest.mark.usefixtures("temporary")
def test_job_is_known_while_its_directories_are_made(mocker):
    """To delete an old result may take long."""
    preparing, asked = threading.Event(), threading.Event()

    def prepare(_, job_id, submission, *__):
        preparing.set()
        assert asked.wait(TIMEOUT)
        raise StorageError(f"{job_id} {submission.output_directory}")

    mocker.patch("mapreduce.manager.daemon.Storage.prepare", prepare)
    port = free_port()
    listening = threading.Event()
    thread = threading.Thread(target=Manager, args=(
        "localhost", port, ManagerEnvironment(on_listening=listening.set)))
    thread.start()
    assert listening.wait(TIMEOUT)
    network.tcp_client("localhost", port, wire.encode(wire.job("output")))
    try:
        assert preparing.wait(TIMEOUT)
        assert wait_until(lambda: [
            job["state"] for job in outbox.ask(
                "localhost", port, GetStatusMessage())["jobs"]] == ["map"])
    finally:
        asked.set()
        network.tcp_client("localhost", port, wire.encode(wire.SHUTDOWN))
        thread.join(TIMEOUT)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_parent_ends(tmp_path, number):
    """However it ends, the daemon ends, too, and so does its task.

    The standard error of the daemon ends when none of them is left.
    """
    mapper = write_executable(
        tmp_path / "map", f"echo $$ > {tmp_path}/pid", "exec sleep 600")
    (tmp_path / "input").mkdir()
    (tmp_path / "input" / "file").touch()
    (tmp_path / "output").mkdir()
    (tmp_path / "temporary").mkdir()
    os.mkfifo(tmp_path / "pid")
    program = ("import subprocess, sys; "
               "subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE).wait()")
    # A Manager that does not answer. With none, the Worker would register
    # again a moment later, and then give up its task.
    with socket.create_server(("localhost", 0)) as manager, subprocess.Popen(
            [sys.executable, "-c", program, *daemon_command("worker"),
             "--port", "0", "--end-with-stdin", "--manager-port",
             str(manager.getsockname()[1])],
            env={**os.environ, "TMPDIR": str(tmp_path / "temporary")},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE) as parent:
        port = port_of(parent)
        network.tcp_client("localhost", port, wire.encode(wire.map_task(
            0, [tmp_path / "input" / "file"], mapper, tmp_path / "output",
            1)))
        pid = int((tmp_path / "pid").read_text())
        parent.send_signal(number)
        parent.communicate(timeout=TIMEOUT)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert names_in(tmp_path / "temporary") == []
    assert names_in(tmp_path / "output") == []
