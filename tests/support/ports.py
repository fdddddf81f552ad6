"""Ports that are free, and whether a program listens on one."""
import contextlib
import random
import socket

# Below the ports that the system itself gives to connections.
PORTS = range(10000, 32768)


def free_port():
    """Return a port that is free for TCP and for UDP."""
    while True:
        port = random.choice(PORTS)
        with (
            socket.socket() as tcp,
            socket.socket(type=socket.SOCK_DGRAM) as udp,
            contextlib.suppress(OSError),
        ):
            tcp.bind(("localhost", port))
            udp.bind(("localhost", port))
            return port


def answers(port):
    """Tell whether somebody listens on a TCP port."""
    with contextlib.suppress(OSError):
        socket.create_connection(("localhost", port)).close()
        return True
    return False
