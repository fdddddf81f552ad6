"""What strangers send to daemons: garbage, and messages that they forge."""
import socket

from tests.support import wire

GARBAGE = [
    b"", b"{", b"[]", b"\xff" * 100, b"[" * 100_000, b'{"message_type": 1}',
    b'{"message_type": "finished", "task_id": 0}', b"9" * 5000,
    b'{"message_type": "finished", "task_id": 0, "worker_host": "localhost",'
    b' "worker_port": 1}',
    b'{"message_type": "new_map_task", "task_id": true}',
    b'{"message_type": "new_manager_job", "num_mappers": 1e999}',
]
# To the Manager and to Workers.
HARM = [wire.SHUTDOWN, wire.heartbeat(1), wire.register(1), wire.ACK, *(
    {"message_type": "cancel_job", "job_id": job_id}
    for job_id in range(100)), {"message_type": "register_again"}, *(
    {"message_type": "cancel", "task_id": task_id} for task_id in range(5))]


def forgery(chance, secret):
    """Return what would do harm, if it were signed, or for its receiver."""
    message = wire.encode(chance.choice(HARM))
    return chance.choice([
        message, wire.sign(message, b"?" * 32),
        wire.sign(message, secret, "worker localhost:1")])


def harmless(secret):
    """Return a signed message to a Manager that changes nothing."""
    return wire.sign(wire.encode(
        {"message_type": "cancel_job", "job_id": 10**6}), secret)


def send(address, payload):
    """Send bytes to a daemon; return whether that was possible."""
    try:
        with socket.create_connection(address, 5) as sock:
            sock.sendall(payload)
    except OSError:
        return False
    return True


def send_datagram(address, payload):
    """Send a datagram to a daemon."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.connect(address)
        sock.send(payload)
