"""What the tests of the network share."""
import pytest

from mapreduce.utils import network, tcp_client, udp_client
from tests.support.listeners import serving
from tests.support.ports import free_port


@pytest.fixture(autouse=True)
def drop_late(mocker):
    """Drop slow clients later than any test waits for something."""
    mocker.patch("mapreduce.utils.connections.SLOW_LIFETIME", 120.0)


@pytest.fixture(name="port")
def find_port():
    """Return a port that is free for TCP and UDP."""
    return free_port()


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
