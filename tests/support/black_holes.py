"""Addresses that swallow packets: a connect to one never ends."""
import contextlib
import socket


@contextlib.contextmanager
def black_holes(number):
    """Give the ports of sockets whose queue of connections is full."""
    with contextlib.ExitStack() as stack:
        yield [_black_hole(stack) for _ in range(number)]


def _black_hole(stack):
    server = stack.enter_context(socket.socket())
    server.bind(("localhost", 0))
    server.listen(0)
    port = server.getsockname()[1]
    # The system drops what asks for a connection when the queue is full.
    for _ in range(10):
        client = stack.enter_context(socket.socket())
        client.settimeout(0.1)
        try:
            client.connect(("localhost", port))
        except TimeoutError:
            return port
    raise AssertionError("the queue is never full")
