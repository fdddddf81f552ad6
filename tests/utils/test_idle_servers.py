"""Servers that wait for messages: how soon they end."""
import threading
import time

import pytest

from mapreduce.utils import network
from tests.support.ports import free_port

HOST = "localhost"
WAIT = 60.0  # seconds for what is only late if it never comes


@pytest.fixture(name="serve", params=[
    network.tcp_server, network.udp_server], ids=["tcp", "udp"])
def _serve(request):
    """Return a function: stop a server that is idle, in a given way.

    The function returns the processor time, in seconds, of its thread.
    """
    def serve(end):
        stop = threading.Event()
        used = []

        def run(server):
            server.serve(lambda *_: None, stop)
            used.append(time.thread_time())

        with request.param(HOST, free_port()) as server:
            thread = threading.Thread(target=run, args=(server,))
            thread.start()
            stop.set()
            end(server)
            thread.join(WAIT)
            assert not thread.is_alive()
        return used[0]
    return serve


def test_idle_server_ends_at_once_when_it_is_woken(serve, mocker):
    """Without a spin: the thread uses no processor time worth the name."""
    mocker.patch("mapreduce.utils.network.STOP_INTERVAL", 60.0)
    assert serve(lambda server: server.wake()) < 0.1


def test_idle_server_that_no_one_wakes_sees_its_stop_flag(serve, mocker):
    mocker.patch("mapreduce.utils.network.STOP_INTERVAL", 0.05)
    assert serve(lambda server: None) < 0.1
