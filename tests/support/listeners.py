"""Servers of the network module that run in a thread of the test."""
import collections
import contextlib
import queue
import threading

HOST = "localhost"

Listener = collections.namedtuple("Listener", "port received send")


@contextlib.contextmanager
def serving(make_server, client, port):
    """Serve in a thread; what is received goes into a queue."""
    received = queue.SimpleQueue()
    stop = threading.Event()
    with make_server(HOST, port) as server:
        thread = threading.Thread(
            target=server.serve,
            args=(lambda payload, *_: received.put(payload), stop))
        thread.start()
        try:
            yield Listener(
                port, received, lambda payload: client(HOST, port, payload))
        finally:
            stop.set()
            thread.join()
