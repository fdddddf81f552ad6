"""What comes over the network and can't be used, from silence to 100 MB."""
import contextlib
import filecmp
import json
import os
import socket

from tests.support import wire
from tests.support.faults import COPY, ONE_TASK, check_next_job, needs_proc
from tests.support.files import write_files
from tests.support.ports import free_port
from tests.support.strangers import GARBAGE
from tests.support.waiting import TIMEOUT

# Messages


@needs_proc
def test_worker_registers_beside_500_silent_clients(cluster, tmp_path):
    """Before the first of them is dropped: here, that would take very long."""
    (tmp_path / "sitecustomize.py").write_text(
        "from mapreduce.utils import connections\n"
        "connections.SLOW_LIFETIME = 10_000.0\n")
    cluster.env["PYTHONPATH"] = str(tmp_path)
    cluster.start_manager()
    port = free_port()
    files = f"/proc/{cluster.manager.process.pid}/fd"
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(
            ("localhost", port)))
        for number in range(100, 501, 100):  # No more may wait at a time.
            for _ in range(100):
                stack.enter_context(socket.create_connection(
                    ("localhost", cluster.port)))
            cluster.wait_for(
                lambda number=number: len(os.listdir(files)) > number)
        cluster.send(wire.register(port))
        listener.settimeout(TIMEOUT)
        connection = stack.enter_context(listener.accept()[0])
        assert json.loads(connection.recv(1000)) == wire.ACK
    assert not cluster.manager.says("Dropped")


def garbage(output):
    """Return messages of many kinds, none of which can be used."""
    return [
        *GARBAGE, b"\x00", b'{"task_id": NaN}', wire.encode({}),
        *map(wire.encode, [
            wire.register(0), wire.register(65536), wire.register(True),
            wire.register("6001"), wire.register(10 ** 4000),
            {**wire.register(6001), "worker_host": "local\0host"},
            {"message_type": ["shutdown"]},
            wire.job(output, num_mappers=0),
            wire.job(output, num_reducers=100_001),
            wire.job(f"{output}\0"), wire.job("\ud800"),
            wire.map_task(-1, [], "cat", output, 1),
            wire.map_task(0, ["\0"], "cat", output, 1),
            wire.map_task(0, [], "cat", output, 0),
            wire.reduce_task(1.0, "cat", [], output),
        ])]


@needs_proc
def test_garbage_changes_nothing(cluster, tmp_path, output):
    """Each is a line in the log, no thread ends, none is new."""
    cluster.start(2)
    check_next_job(cluster, tmp_path / "before")

    def threads():
        return [len(os.listdir(f"/proc/{daemon.process.pid}/task"))
                for daemon in (cluster.manager, *cluster.workers)]

    def send(kind, port, payload):
        with socket.socket(type=kind) as sock:
            sock.connect(("localhost", port))
            with contextlib.suppress(ConnectionError):  # Dropped: fine.
                sock.sendall(payload)

    # Who is slow meets a thread that is there from then on. On a busy machine,
    # also a daemon may be slow.
    for daemon in (cluster.manager, *cluster.workers):
        with socket.create_connection(("localhost", daemon.port)):
            send(socket.SOCK_STREAM, daemon.port, b"{")
            cluster.wait_for(lambda daemon=daemon: daemon.says("Ignored a"))
    before = threads()
    messages = garbage(output)
    for payload in messages:
        for daemon in (cluster.manager, cluster.workers[0]):
            send(socket.SOCK_STREAM, daemon.port, payload)
        if 0 < len(payload) < 60_000:
            send(socket.SOCK_DGRAM, cluster.port, payload)
    cluster.wait_for(
        lambda: cluster.workers[0].says("Ignored a", len(messages)))
    check_next_job(cluster, output)
    manager, *workers = threads()
    assert workers == before[1:]
    # Messages to two Workers at once may need a second thread that sends.
    assert manager in [before[0], before[0] + 1]


# Data

def test_line_of_100_megabytes(pair, tmp_path, output):
    """It arrives as it was."""
    (path,) = write_files(tmp_path / "input", 10**8 * b"x" + b"\n")
    pair.submit(output, input_directory=str(tmp_path / "input"), **COPY,
                **ONE_TASK)
    pair.wait_for_parts(output, 1)
    assert filecmp.cmp(path, output / "part-00000", shallow=False)
