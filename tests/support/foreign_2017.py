"""Foreign peers of the 2017 dialect: what their public versions do, and only
what the contract says.

A ForeignMaster writes down all that a Worker says. A ForeignWorker registers
before it listens, reads 1,024 bytes at a time and does its tasks by itself.
"""
import contextlib
import json
import pathlib
import queue
import socket
import subprocess
import threading

from tests.support import cluster_2017 as wire
from tests.support.ports import free_port
from tests.support.waiting import TIMEOUT


def receive(connection):
    """Return the message that came over a connection."""
    with connection:
        chunks = iter(lambda: connection.recv(1024), b"")
        return json.loads(b"".join(chunks))


class Listener:
    """Puts each message that comes to a port into a queue."""

    def __init__(self, port):
        """Listen from now on; each item is (message_type, message)."""
        self.messages = queue.Queue()
        self._server = socket.create_server(("localhost", port))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def next(self, timeout=TIMEOUT):
        """Return the next message; raise queue.Empty if there is none."""
        return self.messages.get(timeout=timeout)

    def close(self):
        """Refuse connections from now on."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._server.close()

    def _serve(self):
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.messages.put(receive(connection))


class ForeignMaster:
    """A Master without a scheduler: the test says what it sends."""

    def __init__(self):
        """Listen on a free port, and on UDP at the port below it."""
        self.port = free_port(-1)
        self._udp = socket.socket(type=socket.SOCK_DGRAM)
        self._udp.bind(("localhost", self.port - 1))
        self._tcp = Listener(self.port)
        self.next = self._tcp.next
        self.worker = None  # its registration

    def __enter__(self):
        """Return the Master itself."""
        return self

    def __exit__(self, *_):
        """End."""
        self._tcp.close()
        self._udp.close()

    def register(self):
        """Wait for a registration, and acknowledge it; return the pid."""
        self.worker = self.next()
        assert self.worker["message_type"] == "register"
        self.send(wire.ack(
            self.worker["worker_port"], self.worker["worker_pid"]))
        return self.worker["worker_pid"]

    def send(self, message):
        """Send the Worker a message."""
        wire.send(self.worker["worker_port"], message)

    def next_heartbeat(self, timeout=TIMEOUT):
        """Return the next heartbeat; raise TimeoutError if there is none."""
        self._udp.settimeout(timeout)
        return json.loads(self._udp.recv(1024))


class ForeignWorker:
    """A Worker that does its tasks in a thread, as public ones do.

    It compares strings, writes files where they are, and says nothing of an
    executable that fails. It may name its output as one file, always.
    """

    def __init__(self, cluster, pid, delay=0.0, one_file=False):
        """Register, and listen after a delay in seconds; begin to work."""
        self.heard = []
        self._directory = cluster.directory
        self._master = cluster.port
        self._pid = pid
        self._one_file = one_file
        self._stop = threading.Event()
        port = free_port()
        wire.send(self._master, wire.register(port, pid))
        self._stop.wait(delay)
        self._listener = Listener(port)
        self._threads = [threading.Thread(target=self._work)]
        self._threads[0].start()

    def __enter__(self):
        """Return the Worker itself."""
        return self

    def __exit__(self, *_):
        """End; no thread is left."""
        self._listener.messages.put(wire.SHUTDOWN)
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _work(self):
        while True:
            message = self._listener.next(None)
            self.heard.append(message)
            match message["message_type"]:
                case "shutdown":
                    return
                case "register_ack":
                    self._threads.append(
                        threading.Thread(target=self._beat))
                    self._threads[-1].start()
                case "new_worker_job":
                    self._run(message)
                case "new_sort_job":
                    self._sort(message)

    def _beat(self):
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            while not self._stop.is_set():
                sock.sendto(json.dumps(wire.heartbeat(self._pid)).encode(),
                            ("localhost", self._master - 1))
                self._stop.wait(2)

    def _run(self, task):
        outputs = []
        for path in task["input_files"]:
            outputs.append(
                f"{task['output_directory']}/{pathlib.Path(path).name}")
            with (open(self._directory / path, "rb") as file,
                  open(self._directory / outputs[-1], "wb") as output):
                subprocess.run([task["executable"]], stdin=file,
                               stdout=output, cwd=self._directory, check=False)
        self._report(**(
            {"output_file": outputs[-1]} if self._one_file
            else {"output_files": outputs}))

    def _sort(self, task):
        lines = sorted(
            line for path in task["input_files"]
            for line in open(self._directory / path, "rb"))
        with open(self._directory / task["output_file"], "wb") as output:
            output.writelines(lines)
        self._report(output_file=task["output_file"])

    def _report(self, **output):
        wire.send(self._master, wire.status(self._pid, **output))
