"""What the tests of the network share."""
import socket

import pytest

from mapreduce.utils import network, tcp_client, udp_client
from tests.support.listeners import HOST, serving


@pytest.fixture(name="port")
def find_port():
    """Return a port that is free for TCP and UDP."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        tcp.bind((HOST, 0))
        udp.bind(tcp.getsockname())
        return tcp.getsockname()[1]


@pytest.fixture(name="tcp")
def serve_tcp(port):
    """Return a TCP Listener."""
    with serving(network.tcp_server, tcp_client, port) as listener:
        yield listener


@pytest.fixture(name="udp")
def serve_udp(port):
    """Return a UDP Listener."""
    with serving(network.udp_server, udp_client, port) as listener:
        yield listener
