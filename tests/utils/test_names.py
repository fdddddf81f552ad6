"""The addresses of hosts are kept while the name service is away."""
import socket

import pytest

from mapreduce.utils import network, tcp_client, udp_client
from mapreduce.utils.names import Names
from tests.support.listeners import HOST


@pytest.fixture(autouse=True)
def stop_soon(mocker):
    """Have idle servers look at their stop flag more often."""
    mocker.patch("mapreduce.utils.network.STOP_INTERVAL", 0.05)


@pytest.fixture(name="resolver")
def fake_resolver(mocker):
    """Have connect resolve the name "host" as a test says; note what it got.

    Returns the addresses, or errors, of the next look-ups, and the names and
    addresses that connect was called with.
    """
    mocker.patch("mapreduce.utils.network._NAMES",
                 Names(socket.gaierror))
    answers, asked = [], []
    connect = socket.socket.connect

    def resolve(sock, address):
        host, port = address
        asked.append(host)
        if host == "host":
            host = answers.pop(0)
            if isinstance(host, OSError):
                raise host
        connect(sock, (host, port))

    mocker.patch.object(
        network.socket, "socket", type("Socket", (socket.socket,), {
            "connect": resolve}))
    return answers, asked


AWAY = socket.gaierror(socket.EAI_AGAIN, "Temporary failure")


@pytest.mark.parametrize("client", [tcp_client, udp_client])
def test_name_is_resolved_once(tcp, udp, resolver, client):
    """A name service that is away stops no heartbeat."""
    answers, asked = resolver
    answers[:] = ["127.0.0.1", AWAY]
    port = (tcp if client is tcp_client else udp).port
    for _ in range(3):
        client("host", port, b"message")
    assert asked == ["host", "127.0.0.1", "127.0.0.1"]


def test_name_is_resolved_again_after_a_refusal(tcp, resolver):
    answers, asked = resolver
    answers[:] = ["127.0.0.1", "127.0.0.1"]
    tcp_client("host", tcp.port, b"message")
    with network.tcp_server(HOST, 0) as unused:
        free = unused._sock.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        tcp_client("host", free, b"message")
    tcp_client("host", tcp.port, b"message")
    assert asked == ["host", "127.0.0.1", "host"]


def test_old_address_is_used_while_its_name_cannot_be_resolved(
        tcp, resolver):
    answers, asked = resolver
    answers[:] = ["127.0.0.1", AWAY]
    tcp_client("host", tcp.port, b"message")
    network._NAMES.doubt("host")
    tcp_client("host", tcp.port, b"message")
    assert asked == ["host", "host", "127.0.0.1"]


def test_name_that_was_never_resolved_is_an_error(tcp, resolver):
    answers, _ = resolver
    answers[:] = [AWAY]
    with pytest.raises(socket.gaierror):
        tcp_client("host", tcp.port, b"message")
