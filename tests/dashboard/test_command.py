"""mapreduce-dashboard: its address, its end, and its errors."""
import signal
import subprocess
import sys

import pytest

from mapreduce.dashboard import __main__ as dashboard
from tests.support.clients import process, run
from tests.support.ports import free_port
from tests.support.waiting import TIMEOUT


@pytest.mark.parametrize("number", [
    signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_prints_its_address_and_ends_by_a_signal(number):
    """It waits for no Manager."""
    port = free_port()
    with process("dashboard", free_port(), "--listen", f"127.0.0.1:{port}",
                 text=True) as running:
        line = running.stdout.readline()
        running.send_signal(number)
        assert running.wait(TIMEOUT) == 0
        assert running.stderr.read() == ""
    assert line.endswith(f": http://127.0.0.1:{port}/\n")


def test_port_in_use_is_one_line(tmp_path):
    with process("dashboard", free_port(), "--listen", "127.0.0.1:0",
                 text=True) as running:
        port = running.stdout.readline().rpartition(":")[2].strip("/\n")
        outcome = run(dashboard.main, 6000, "--listen", f"127.0.0.1:{port}")
    assert outcome == (1, "", (
        f"Error: port {port} is in use; choose another one: --listen "
        "127.0.0.1:PORT\n"))


@pytest.mark.parametrize("address", [
    "6080", ":6080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x",
    "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:²"])
def test_wrong_address_is_told(address):
    code, stdout, stderr = run(
        dashboard.main, 6000, "--listen", address)
    assert (code, stdout) == (2, "")
    assert f"{address!r} is no address such as 127.0.0.1:6080" in stderr


def test_other_machines_need_a_warning(monkeypatch):
    """Before anything listens."""
    monkeypatch.setattr(
        "mapreduce.dashboard.server.serve", lambda *arguments: None)
    assert run(dashboard.main, 6000, "--listen", "0.0.0.0:6080") == (0, "", (
        "Everybody who can reach 0.0.0.0:6080 can see all jobs and cancel "
        "them\n"))
    assert run(dashboard.main, 6000, "--listen", "127.0.0.2:6080") == (
        0, "", "")


def test_missing_package_is_named():
    """The command is there without the extra."""
    code = ("import sys; sys.modules['uvicorn'] = None\n"
            "from mapreduce.dashboard.__main__ import main; main()")
    outcome = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True,
        check=False, timeout=TIMEOUT)
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (1, "", (
        "Error: mapreduce-dashboard needs the package uvicorn; pip install "
        "'mapreduce[dashboard]' installs it\n"))
