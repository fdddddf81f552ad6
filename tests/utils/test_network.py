"""TCP and UDP on real sockets: whole messages in, and nobody waits long."""
import contextlib
import errno
import socket
import struct
import threading
import time

import pytest

from mapreduce.utils import network, servers, tcp_client, udp_client
from tests.support.listeners import HOST, serving

WAIT = 60.0  # seconds for what is only late if it never comes

BAD_HOSTS = [  # None of these gets as far as a name server.
    pytest.param("a..b", id="empty label"),
    pytest.param("a" * 64, id="long label"),
    pytest.param("\u00e9" * 64, id="long label not ASCII"),
    pytest.param("\ud800", id="surrogate"),
    pytest.param("\udcff", id="byte that is no UTF-8"),
]


@pytest.fixture(autouse=True)
def stop_soon(mocker):
    """Have idle servers look at their stop flag more often."""
    mocker.patch("mapreduce.utils.network.STOP_INTERVAL", 0.05)


@pytest.fixture(name="listener", params=["tcp", "udp"])
def serve_either(request):
    """Return a Listener of each kind."""
    return request.getfixturevalue(request.param)


@pytest.fixture(name="connect")
def make_connect(tcp):
    """Return a function that opens a connection which the listener knows."""
    with contextlib.ExitStack() as stack:
        def connect(first_bytes=b""):
            sock = stack.enter_context(socket.create_connection(
                (HOST, tcp.port), WAIT))
            sock.sendall(first_bytes)
            # The listener takes one connection after the other.
            tcp.send(b"marker")
            assert tcp.received.get(timeout=WAIT) == b"marker"
            return sock
        yield connect


def assert_dropped(sock):
    """Assert that the other side closes or resets a connection."""
    with contextlib.suppress(ConnectionResetError):
        assert sock.recv(1) == b""


@pytest.mark.parametrize("payload", [
    b"x", b"\x00\xff\r\n", b"x" * 60_000], ids=len)
def test_message_arrives_as_it_was_sent(listener, payload):
    listener.send(payload)
    assert listener.received.get(timeout=WAIT) == payload


def test_messages_arrive_in_order(listener, mocker):
    """But for those of slow clients, and none is one here."""
    mocker.patch("mapreduce.utils.connections.READ_TIMEOUT", WAIT)
    payloads = [b"%d" % n for n in range(50)]
    for payload in payloads:
        listener.send(payload)
    assert payloads == [
        listener.received.get(timeout=WAIT) for _ in payloads]


def test_messages_of_many_clients_arrive_whole(tcp):
    payloads = [b"%d" % n * 20_000 for n in range(40)]
    clients = [
        threading.Thread(target=tcp.send, args=(payload,))
        for payload in payloads
    ]
    for client in clients:
        client.start()
    received = [tcp.received.get(timeout=WAIT) for _ in payloads]
    for client in clients:
        client.join()
    assert sorted(received) == sorted(payloads)


def test_message_larger_than_any_buffer_arrives_whole(tcp):
    payload = b'{"new_' + bytes(range(256)) * 2**15
    tcp.send(payload)
    assert tcp.received.get(timeout=WAIT) == payload


def test_connection_without_a_byte_is_an_empty_message(tcp):
    tcp.send(b"")
    assert tcp.received.get(timeout=WAIT) == b""


def test_empty_datagram_is_ignored(udp):
    udp.send(b"")
    udp.send(b"next")
    assert udp.received.get(timeout=WAIT) == b"next"


def test_refused_connection_is_an_error(port):
    with pytest.raises(ConnectionRefusedError):
        tcp_client(HOST, port, b"anybody?")


def test_datagram_that_is_too_large_is_an_error(udp):
    with pytest.raises(OSError) as caught:
        udp.send(b"x" * 2**17)
    assert caught.value.errno == errno.EMSGSIZE


def test_connection_that_takes_too_long_is_an_error(mocker):
    mocker.patch("mapreduce.utils.network.SEND_TIMEOUT", 0.1)
    with contextlib.ExitStack() as stack:
        sock = stack.enter_context(socket.socket())
        sock.bind((HOST, 0))
        sock.listen(0)
        for _ in range(3):  # More than wait for an accept.
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(sock.getsockname())
        with pytest.raises(TimeoutError):
            tcp_client(*sock.getsockname(), b"anybody?")


@pytest.mark.parametrize("host", BAD_HOSTS)
@pytest.mark.parametrize("client", [tcp_client, udp_client])
def test_sending_to_a_bad_host_name_is_an_error(client, host):
    with pytest.raises(OSError):
        client(host, 6000, b"anybody?")


@pytest.mark.parametrize("host", BAD_HOSTS)
@pytest.mark.parametrize("make_server", [
    network.tcp_server, network.udp_server])
def test_listening_on_a_bad_host_name_is_an_error(make_server, port, host):
    with pytest.raises(OSError), make_server(host, port):
        pass


@pytest.mark.parametrize("make_server", [
    network.tcp_server, network.udp_server])
def test_port_in_use_is_an_error(make_server, port):
    with make_server(HOST, port):
        with pytest.raises(OSError) as caught, make_server(HOST, port):
            pass
    assert caught.value.errno == errno.EADDRINUSE


@pytest.mark.parametrize("make_server", [
    network.tcp_server, network.udp_server])
def test_port_is_free_again_after_its_server(make_server, port):
    for _ in range(2):
        with make_server(HOST, port):
            pass


def test_stop_flag_ends_a_server_and_all_its_threads(port):
    before = threading.active_count()
    with contextlib.ExitStack() as silent:
        with serving(network.tcp_server, tcp_client, port) as tcp:
            sock = silent.enter_context(
                socket.create_connection((HOST, port), WAIT))
            tcp.send(b"marker")
            assert tcp.received.get(timeout=WAIT) == b"marker"
            assert threading.active_count() > before
        assert_dropped(sock)
    assert threading.active_count() == before


@pytest.mark.parametrize("number_known, number_new", [(0, 1), (300, 50)])
def test_silent_clients_keep_nobody_waiting(
        tcp, connect, number_known, number_new):
    for _ in range(number_known):
        connect()
    with contextlib.ExitStack() as silent:
        for _ in range(number_new):
            silent.enter_context(
                socket.create_connection((HOST, tcp.port), WAIT))
        tcp.send(b"normal")
        # One that waits for them waits for longer.
        assert tcp.received.get(timeout=WAIT) == b"normal"


def test_client_that_drips_keeps_nobody_waiting(tcp):
    enough = threading.Event()

    def drip():
        with socket.create_connection((HOST, tcp.port), WAIT) as sock:
            sock.sendall(b"x")
            while not enough.wait(0.01):
                sock.sendall(b"x")

    client = threading.Thread(target=drip)
    client.start()
    try:
        tcp.send(b"normal")
        assert tcp.received.get(timeout=WAIT) == b"normal"
    finally:
        enough.set()
        client.join()
    assert set(tcp.received.get(timeout=WAIT)) == set(b"x")


def test_message_that_a_slow_client_finishes_later_arrives_whole(
        tcp, connect):
    slow = [connect(b"%d begins, " % n) for n in range(3)]
    for sock in reversed(slow):
        sock.sendall(b"goes on, ")
        sock.sendall(b"ends")
        sock.shutdown(socket.SHUT_WR)
        assert_dropped(sock)
    assert [tcp.received.get(timeout=WAIT) for _ in slow] == [
        b"%d begins, goes on, ends" % n for n in (2, 1, 0)]


def test_slow_client_is_dropped_after_its_lifetime(tcp, mocker):
    mocker.patch("mapreduce.utils.connections.SLOW_LIFETIME", 0.2)
    # Without a marker, which would be dropped if it was late itself.
    with (
        socket.create_connection((HOST, tcp.port), WAIT) as silent,
        socket.create_connection((HOST, tcp.port), WAIT) as late,
    ):
        late.sendall(b"half a mess")
        assert_dropped(silent)
        assert_dropped(late)
    assert tcp.received.empty()


def test_oldest_of_too_many_slow_clients_is_dropped(tcp, connect, mocker):
    slow = [connect(b"%d" % n) for n in range(3)]
    # From now on without a marker, which would count if it was late itself.
    mocker.patch("mapreduce.utils.connections.MAX_SLOW", 2)
    with socket.create_connection((HOST, tcp.port), WAIT) as newest:
        newest.sendall(b"3")
        for sock in slow[:2]:
            assert_dropped(sock)
        for sock in (slow[2], newest):
            sock.shutdown(socket.SHUT_WR)
        assert {tcp.received.get(timeout=WAIT) for _ in range(2)} == {
            b"2", b"3"}


def test_slow_clients_have_a_limit_of_bytes_together(tcp, connect, mocker):
    """Also for what they send later."""
    mocker.patch("mapreduce.utils.connections.MAX_SLOW_BYTES", 1000)
    first, second, third = connect(b"x" * 900), connect(b"2"), connect(b"3")
    second.sendall(b"2" * 99)
    assert_dropped(first)
    third.sendall(b"3" * 800)
    for sock in (second, third):
        sock.shutdown(socket.SHUT_WR)
    assert {tcp.received.get(timeout=WAIT) for _ in range(2)} == {
        b"2" * 100, b"3" * 801}
    tcp.send(b"x" * 1001)
    assert tcp.received.get(timeout=WAIT) == b"x" * 1001


@pytest.mark.parametrize("first_bytes", [b"x" * 1001, b"x"], ids=len)
def test_message_that_is_too_long_is_dropped(
        tcp, connect, mocker, first_bytes):
    mocker.patch("mapreduce.utils.incoming.MAX_MESSAGE", 1000)
    sock = connect(first_bytes)
    with contextlib.suppress(OSError):
        sock.sendall(b"x" * 1000)
    assert_dropped(sock)
    tcp.send(b"x" * 1000)
    assert tcp.received.get(timeout=WAIT) == b"x" * 1000


def test_message_that_nobody_would_take_is_not_sent(tcp, mocker):
    mocker.patch("mapreduce.utils.network.MAX_MESSAGE", 1000)
    with pytest.raises(network.MessageTooLong, match="1001 bytes"):
        tcp.send(b"x" * 1001)
    tcp.send(b"next")
    assert tcp.received.get(timeout=WAIT) == b"next"


@pytest.mark.parametrize("name, error", [
    ("os.pipe", OSError(errno.EMFILE, "Too many open files")),
    ("threading.Thread.start", RuntimeError("can't start new thread")),
])
def test_slow_client_is_dropped_where_there_is_no_room_for_it(
        tcp, mocker, name, error):
    """The listener lives, and takes the next one."""
    lack = mocker.patch(name, side_effect=error)
    with socket.create_connection((HOST, tcp.port), WAIT) as sock:
        sock.sendall(b"half")
        assert_dropped(sock)
    mocker.stop(lack)  # The next one may be slow, too.
    tcp.send(b"next")
    assert tcp.received.get(timeout=WAIT) == b"next"


@pytest.mark.parametrize("is_slow", [False, True])
def test_reset_connection_harms_nobody(tcp, connect, is_slow):
    with (
        connect(b"half") if is_slow
        else socket.create_connection((HOST, tcp.port), WAIT)
    ) as sock:
        sock.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    tcp.send(b"normal")
    assert tcp.received.get(timeout=WAIT) == b"normal"


def test_failing_accept_is_tried_again_without_a_spin(tcp, mocker):
    accept = socket.socket.accept
    times = []

    def fail_thrice(sock):
        times.append(time.monotonic())
        if len(times) <= 3:
            raise OSError(errno.EMFILE, "Too many open files")
        return accept(sock)

    mocker.patch("socket.socket.accept", fail_thrice)
    tcp.send(b"patient")
    assert tcp.received.get(timeout=WAIT) == b"patient"
    assert all(later - earlier >= servers.RETRY_DELAY
               for earlier, later in zip(times[:3], times[1:]))
