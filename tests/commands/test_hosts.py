"""The names of hosts that commands take."""
import pytest
from click.testing import CliRunner

from mapreduce import streaming
from mapreduce.dashboard import __main__ as dashboard
from mapreduce.utils import network
from tests.support.commands import run


@pytest.mark.parametrize("name, options", [
    ("manager", ["--host", ""]), ("worker", ["--host", ""]),
    ("worker", ["--manager-host", ""]), ("submit", ["--host", ""]),
    ("status", ["-h", ""]), ("cancel", ["-h", "", "0"])])
def test_empty_host_is_refused(name, options):
    """For a socket it means all addresses of this machine."""
    ended = run(name, *options)
    assert ended.returncode == 2
    assert "a host has no empty name" in ended.stderr


@pytest.mark.parametrize("host", ["a b", "a\nb", " ", "\x1b[2J"])
def test_text_that_is_no_host_is_one_line(host):
    ended = run("manager", "--host", host)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"{host!r} is no host" in ended.stderr
    assert "\x1b" not in ended.stderr


@pytest.mark.parametrize("host", ["a b", "a\nb", " "])
@pytest.mark.parametrize("command, option", [
    (dashboard.main, "--listen"), (streaming.main, "-manager")])
def test_host_before_a_port_is_checked_as_others_are(command, option, host):
    ended = CliRunner().invoke(command, [option, f"{host}:6000"])
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert f"'{option}': {host!r} is no host" in ended.stderr


@pytest.mark.parametrize("host, only_local, here", [
    ("localhost", True, True), ("127.0.0.1", True, True),
    ("0.0.0.0", True, True), ("192.0.2.1", False, False),
    ("no.such.name.invalid", False, True), ("a..b", False, True)])
def test_hosts_that_other_machines_cannot_reach(host, only_local, here):
    assert network.is_only_local(host) == only_local
    assert network.is_this_machine(host) == here
