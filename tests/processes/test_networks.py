"""Daemons on several machines, and what their network does to them."""
import contextlib
import subprocess
import sys
import time

import pytest

from tests.support.commands import command, daemon_command
from tests.support.files import ROOT
from tests.support.namespaces import Network, needs_namespaces
from tests.support.waiting import TIMEOUT, wait_until

pytestmark = needs_namespaces


@pytest.fixture(name="network")
def make_network():
    """Join two machines."""
    with Network(2) as network:
        yield network


@pytest.fixture(name="start")
def make_start(network, tmp_path):
    """Return a function: start a daemon on a machine; return its log."""
    with contextlib.ExitStack() as stack:
        def start(machine, name, *options):
            log = tmp_path / f"{name}-{machine}.log"
            with open(log, "wb") as file:
                process = stack.enter_context(subprocess.Popen(
                    [*network.on(machine), *daemon_command(name), *options],
                    cwd=ROOT, stdin=subprocess.DEVNULL, stdout=file,
                    stderr=file))
            stack.callback(process.terminate)
            return log
        yield start


def says(log, text, times=1):
    """Return whether a log holds a text so many times, waiting for it."""
    return wait_until(lambda: log.read_text().count(text) >= times)


def run_job(network, output):
    """Run a job on machine 1; return its exit code."""
    return subprocess.run(
        [*network.on(1), command("submit"), "--host", network.host(1),
         "--wait", "--quiet", "--input", "tests/testdata/input_small",
         "--output", str(output)], cwd=ROOT, timeout=TIMEOUT,
        check=False).returncode


@pytest.mark.slow
def test_outage_of_the_network_is_survived(network, start, output):
    """The Worker was dead for the Manager, but sent heartbeats all the time.

    13 s are more than the Manager waits for a heartbeat.
    """
    manager = start(1, "manager", "--insecure", "--host", network.host(1))
    assert says(manager, "Listening")
    start(2, "worker", "--insecure", "--host", network.host(2),
          "--manager-host", network.host(1))
    assert says(manager, "Registered Worker")
    network.interrupt()
    assert says(manager, "Worker died")
    network.resume()
    assert says(manager, "Registered Worker", 2)
    assert run_job(network, output) == 0


REGISTER = """\
import json, socket, sys
for host in sys.argv[2:]:
    with socket.create_connection((sys.argv[1], 6000)) as sock:
        sock.sendall(json.dumps({
            "message_type": "register", "worker_host": host,
            "worker_port": 6001}).encode())
"""


def test_hosts_that_swallow_packets_delay_nothing(network, start, output):
    """Twelve of them made a short job take a minute."""
    hosts = [f"10.77.0.{number}" for number in range(101, 113)]
    for host in hosts:
        network.swallow(1, host)
    manager = start(1, "manager", "--insecure", "--host", network.host(1))
    assert says(manager, "Listening")
    subprocess.run([*network.on(1), sys.executable, "-c", REGISTER,
                    network.host(1), *hosts], check=True)
    assert says(manager, "Registered Worker", 12)
    begin = time.monotonic()
    start(2, "worker", "--insecure", "--host", network.host(2),
          "--manager-host", network.host(1))
    assert run_job(network, output) == 0
    assert time.monotonic() - begin < 30


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "0.0.0.0"])
def test_worker_that_its_manager_cannot_reach_does_not_start(network, host):
    """With default options on a second machine, for example."""
    ended = subprocess.run(
        [*network.on(2), *daemon_command("worker"), "--host", host,
         "--manager-host", network.host(1)], cwd=ROOT, text=True,
        capture_output=True, timeout=TIMEOUT, check=False)
    assert (ended.returncode, ended.stderr) == (
        1, f"Error: a Manager on {network.host(1)} can't reach a Worker on "
        f"{host}; name an address of this machine by --host\n")


def test_worker_beside_its_manager_needs_no_other_address(network, start):
    manager = start(1, "manager", "--insecure", "--host", network.host(1))
    assert says(manager, "Listening")
    start(1, "worker", "--manager-host", network.host(1))
    assert says(manager, "Registered Worker RemoteWorker('localhost', 6001)")
