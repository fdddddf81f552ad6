"""Machines of a network: namespaces that are joined by a bridge."""
import contextlib
import os
import shutil
import subprocess

import pytest


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

    def __enter__(self):
        """Join the machines."""
        for name in self._names:
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", self._bridge, "link", "add", "bridge", "type", "bridge")
        self.resume()
        for number, name in enumerate(self._names[1:], start=1):
            _ip("-n", name, "link", "add", "eth0", "type", "veth", "peer",
                "name", f"port{number}", "netns", self._bridge)
            _ip("-n", name, "addr", "add", f"{self.host(number)}/24", "dev",
                "eth0")
            _ip("-n", name, "link", "set", "eth0", "up")
            _ip("-n", self._bridge, "link", "set", f"port{number}", "master",
                "bridge", "up")
        return self

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

    def interrupt(self):
        """Let no packet through."""
        _ip("-n", self._bridge, "link", "set", "bridge", "down")

    def resume(self):
        """Let packets through again."""
        _ip("-n", self._bridge, "link", "set", "bridge", "up")
