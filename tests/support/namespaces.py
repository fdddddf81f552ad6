"""Machines of a network: namespaces that are joined by a bridge."""
import contextlib
import ctypes
import os
import shutil
import subprocess
import sys

import pytest

from tests.support import host
from tests.support.files import ROOT


def _is_possible():
    """Return whether this process may make namespaces."""
    if os.geteuid() or not shutil.which("ip"):
        return False
    probe = f"probe-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", probe], check=False,
                          capture_output=True).returncode == 0
    if made:
        _ip("netns", "del", probe)
    return made


def _ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


CLONE_NEWNET = 0x40000000


def leave_network():
    """Give this process, which is root's, a network namespace of its own."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "no network namespace")
    _ip("link", "set", "lo", "up")


needs_namespaces = pytest.mark.skipif(
    not _is_possible(), reason="only root may make network namespaces")


class Network:
    """Machines with the addresses 10.77.0.1, 10.77.0.2, …, and a bridge.

    The bridge is in a namespace of its own, so that nothing of this machine's
    own network changes.
    """

    def __init__(self, size):
        """Make so many machines."""
        self._prefix = f"mr{os.getpid()}-"
        self._names = [f"{self._prefix}{number}" for number in range(size + 1)]
        self._bridge = self._names[0]
        self.size = size

    def __enter__(self):
        """Join the machines."""
        for name in self._names:
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", self._bridge, "link", "add", "bridge", "type", "bridge")
        self.resume()
        for number, name in enumerate(self._names[1:], start=1):
            self._plug_in(number, "-n", name)
        return self

    def join(self):
        """Make the namespace of this process one more machine.

        Return its address. See leave_network.
        """
        self._plug_in(self.size + 1)
        return self.host(self.size + 1)

    def _plug_in(self, number, *place):
        _ip(*place, "link", "add", "eth0", "type", "veth", "peer", "name",
            f"port{number}", "netns", self._bridge)
        _ip(*place, "addr", "add", f"{self.host(number)}/24", "dev", "eth0")
        _ip(*place, "link", "set", "eth0", "up")
        _ip("-n", self._bridge, "link", "set", f"port{number}", "master",
            "bridge", "up")

    def __exit__(self, *_):
        """Remove all of it."""
        for name in self._names:
            with contextlib.suppress(subprocess.CalledProcessError):
                _ip("netns", "del", name)

    def host(self, number):
        """Return the address of a machine; they are numbered from 1."""
        return f"10.77.0.{number}"

    def on(self, number):
        """Return the words that run a command on a machine."""
        return ["ip", "netns", "exec", self._names[number]]

    def host_command(self, number, *shared):
        """Return the words that run a command on a machine with its own /tmp.

        Of the files there, it sees only this project and the shared paths.
        """
        return [*self.on(number), sys.executable, "-I", host.__file__,
                str(ROOT), sys.prefix, *map(str, shared), "--"]

    def swallow(self, number, host):
        """Let what a machine sends to a host vanish, with no answer."""
        _ip("-n", self._names[number], "neigh", "add", host, "lladdr",
            "02:00:00:00:00:99", "dev", "eth0")

    def interrupt(self, link="bridge"):
        """Let no packet through; port1, e.g., is the link of machine 1."""
        _ip("-n", self._bridge, "link", "set", link, "down")

    def resume(self, link="bridge"):
        """Let packets through again."""
        _ip("-n", self._bridge, "link", "set", link, "up")
