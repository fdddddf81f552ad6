"""Ports that are free, and whether a program listens on one."""
import contextlib
import fcntl
import os
import pathlib
import random
import socket
import tempfile

# Above the ports that the system itself gives to connections, and those of
# network.FREE_PORTS: a daemon that chooses its port takes none of these while
# the daemon for which a test has chosen it is on its way.
PORTS = range(61100, 65400)

# One byte a port, locked by the process of tests that was given it. A lock
# ends with its process, so nothing has to be cleaned up.
_CLAIMS = open(pathlib.Path(
    tempfile.gettempdir(), f"mapreduce-tests-{os.getuid()}.ports"), "w")
_claimed = set()  # by this process


def free_port(*others):
    """Return a port that is free for TCP and for UDP.

    So are the others, each given by its distance, e.g. -1 for the port below.
    No other test is given one of them, also not in another process of tests:
    between this call and the start of the daemon, they belong to the caller.
    """
    while True:
        port = random.choice(PORTS)
        if all(_claim(port + distance) for distance in (0, *others)):
            return port


def _claim(port):
    """Return whether a port is free, and no other test's from now on."""
    if port in _claimed:
        return False
    with (
        socket.socket() as tcp,
        socket.socket(type=socket.SOCK_DGRAM) as udp,
        contextlib.suppress(OSError),
    ):
        tcp.bind(("localhost", port))
        udp.bind(("localhost", port))
        fcntl.lockf(_CLAIMS, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        _claimed.add(port)
        return True
    return False


def answers(port, host="localhost"):
    """Tell whether somebody listens on a TCP port."""
    with contextlib.suppress(OSError):
        socket.create_connection((host, port)).close()
        return True
    return False
