"""Questions over TCP, and answers on the same connection."""
import contextlib
import queue
import socket
import threading

import pytest

from mapreduce.protocol.messages import GetStatusMessage
from mapreduce.utils import network, outbox
from tests.support.ports import free_port

HOST = "localhost"
WAIT = 60.0  # seconds for what is only late if it never comes
# Bytes: more than the system takes at once.
LONG = b'"new_' + b"x" * 10_000_000


@pytest.fixture(name="serve")
def make_serve(mocker):
    """Return a function: serve a handler, return the port."""
    mocker.patch("mapreduce.utils.network.STOP_INTERVAL", 0.05)
    with contextlib.ExitStack() as stack:
        def serve(handle):
            port = free_port()
            stop = threading.Event()
            server = stack.enter_context(network.tcp_server(HOST, port))
            thread = threading.Thread(target=server.serve, args=(handle, stop))
            stack.callback(thread.join)
            stack.callback(stop.set)
            thread.start()
            return port
        yield serve


def echo(payload, client):
    """Answer with the question itself."""
    client.expect_answer()
    client.answer(lambda: payload)


@pytest.mark.parametrize("payload", [b"x", b"\0\xff\n", LONG], ids=len)
def test_answer_comes_on_the_same_connection(serve, payload):
    port = serve(echo)
    for _ in range(3):
        assert network.tcp_query(HOST, port, payload) == payload


def test_strangers_do_not_end_the_wait_for_an_answer(serve, mocker):
    mocker.patch("mapreduce.utils.connections.MAX_SLOW", 2)
    mocker.patch("mapreduce.utils.connections.SLOW_LIFETIME", 60)
    clients = queue.SimpleQueue()

    def keep(_, client):
        client.expect_answer()
        clients.put(client)

    port = serve(keep)
    with contextlib.ExitStack() as stack:
        def connect(payload):
            sock = stack.enter_context(
                socket.create_connection((HOST, port), 60))
            sock.sendall(payload)
            return sock

        asker = connect(b"question")
        asker.shutdown(socket.SHUT_WR)
        held = clients.get(timeout=60)
        assert [connect(b"x") for _ in range(3)][0].recv(1) == b""
        held.answer(lambda: b"answer")
        assert asker.recv(100) == b"answer"


def test_answer_may_come_later_and_from_another_thread(serve):
    clients = []
    arrived = threading.Event()

    def keep(_, client):
        client.expect_answer()
        clients.append(client)
        arrived.set()

    def answer():
        assert arrived.wait(WAIT)
        clients[0].answer(lambda: b"late")

    thread = threading.Thread(target=answer)
    thread.start()
    assert network.tcp_query(HOST, serve(keep), b"?") == b"late"
    thread.join()


def test_client_that_does_not_read_blocks_nobody(serve):
    port = serve(echo)
    with socket.create_connection((HOST, port)) as sock:
        sock.sendall(LONG)
        sock.shutdown(socket.SHUT_WR)
        assert network.tcp_query(HOST, port, b"other") == b"other"


def test_client_that_does_not_read_is_dropped(serve, mocker):
    mocker.patch("mapreduce.utils.connections.SLOW_LIFETIME", 0.2)
    dropped = threading.Event()
    mocker.patch("mapreduce.utils.connections.LOGGER.warning",
                 side_effect=lambda *_: dropped.set())
    size = 8 * len(LONG)

    def reply(_, client):
        client.expect_answer()
        client.answer(lambda: bytes(size))

    with socket.create_connection((HOST, serve(reply)), WAIT) as sock:
        sock.shutdown(socket.SHUT_WR)
        assert dropped.wait(WAIT)
        received = 0
        with contextlib.suppress(ConnectionResetError):
            while chunk := sock.recv(2**20):
                received += len(chunk)
        assert received < size


def test_question_that_nobody_answers_is_dropped(serve, mocker):
    mocker.patch("mapreduce.utils.connections.SLOW_LIFETIME", 0.1)
    port = serve(lambda _, client: client.expect_answer())
    assert network.tcp_query(HOST, port, b"?") == b""


def test_client_that_leaves_harms_nobody(serve):
    port = serve(echo)
    for _ in range(20):
        with socket.create_connection((HOST, port), WAIT) as sock:
            sock.sendall(LONG[:100_000])
    assert network.tcp_query(HOST, port, b"other") == b"other"


def test_open_questions_end_with_the_server(serve):
    arrived = threading.Event()

    def keep(_, client):
        client.expect_answer()
        arrived.set()

    with socket.create_connection((HOST, serve(keep)), WAIT) as sock:
        sock.shutdown(socket.SHUT_WR)
        assert arrived.wait(WAIT)
    # The fixture joins the server's thread, which closes what is open.


def test_answer_after_the_end_of_the_server_goes_nowhere(mocker):
    mocker.patch("mapreduce.utils.network.STOP_INTERVAL", 0.05)
    port = free_port()
    stop = threading.Event()
    clients = []

    def keep(_, client):
        client.expect_answer()
        clients.append(client)
        stop.set()

    with network.tcp_server(HOST, port) as server:
        thread = threading.Thread(target=server.serve, args=(keep, stop))
        thread.start()
        with socket.create_connection((HOST, port), WAIT) as sock:
            sock.shutdown(socket.SHUT_WR)
            thread.join()
            clients[0].answer(lambda: b"late")
            assert sock.recv(9) == b""


def test_answer_before_the_end_of_the_server_arrives(mocker):
    mocker.patch("mapreduce.utils.network.STOP_INTERVAL", 0.05)
    port = free_port()
    stop = threading.Event()

    def reply(_, client):
        client.expect_answer()
        client.answer(lambda: b"in time")
        stop.set()

    with network.tcp_server(HOST, port) as server:
        thread = threading.Thread(target=server.serve, args=(reply, stop))
        thread.start()
        assert network.tcp_query(HOST, port, b"?") == b"in time"
        thread.join()


def test_answer_without_end_is_none(mocker):
    mocker.patch("mapreduce.utils.network.SEND_TIMEOUT", 0.2)
    with socket.create_server((HOST, 0)) as server:
        def drip():
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                while True:
                    connection.sendall(b"x")

        thread = threading.Thread(target=drip)
        thread.start()
        with pytest.raises(network.NoAnswer):
            network.tcp_query(HOST, server.getsockname()[1], b"?")
        thread.join()


def test_connection_that_takes_too_long_is_no_answer_but_an_error(mocker):
    mocker.patch("socket.socket.connect", side_effect=TimeoutError)
    with pytest.raises(TimeoutError):
        outbox.ask(HOST, 1, GetStatusMessage())


def test_other_messages_have_their_connection_closed(serve):
    with pytest.raises(outbox.NoAnswer) as caught:
        outbox.ask(HOST, serve(lambda *_: None), GetStatusMessage())
    assert caught.type is outbox.NoAnswer


def test_manager_that_does_not_answer_in_time_has_no_answer(serve, mocker):
    mocker.patch("mapreduce.utils.network.SEND_TIMEOUT", 0.1)
    port = serve(lambda _, client: client.expect_answer())
    with pytest.raises(outbox.LateAnswer):
        outbox.ask(HOST, port, GetStatusMessage())


def test_nobody_there_is_another_error():
    with pytest.raises(ConnectionRefusedError):
        outbox.ask(HOST, free_port(), GetStatusMessage())
