"""Ports that are free, and whether a program listens on one."""
import contextlib
import fcntl
import os
import pathlib
import random
import socket
import tempfile

# Below the ports that the system itself gives to connections.
PORTS = range(10000, 32768)

# One byte a port, locked by the process of tests that was given it. A lock
# ends with its process, so nothing has to be cleaned up.
_CLAIMS = open(pathlib.Path(
    tempfile.gettempdir(), f"mapreduce-tests-{os.getuid()}.ports"), "w")
_claimed = set()  # by this process


def free_port():
    """Return a port that is free for TCP and for UDP.

    No other test is given it, also not in another process of tests: between
    this call and the start of the daemon, the port belongs to the caller.
    """
    while True:
        port = random.choice(PORTS)
        if port in _claimed:
            continue
        with (
            socket.socket() as tcp,
            socket.socket(type=socket.SOCK_DGRAM) as udp,
            contextlib.suppress(OSError),
        ):
            tcp.bind(("localhost", port))
            udp.bind(("localhost", port))
            fcntl.lockf(_CLAIMS, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
            _claimed.add(port)
            return port


def answers(port, host="localhost"):
    """Tell whether somebody listens on a TCP port."""
    with contextlib.suppress(OSError):
        socket.create_connection((host, port)).close()
        return True
    return False
