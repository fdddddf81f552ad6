"""A Worker that knows the specification only, on a real port."""
import contextlib
import json
import pathlib
import socket
import threading

from tests.support import wire
from tests.support.waiting import wait_until


class StrictWorker:
    """Knows the specification only; says that it has done what it is told.

    It makes empty files, but none for the tasks of which it lies.
    """

    def __init__(self, manager_port, lies=lambda task: False):
        """Begin with nothing heard."""
        self._lies = lies
        self.heard = []  # every message, in order
        self._manager_port = manager_port
        self._server = socket.create_server(("localhost", 0))
        self._port = self._server.getsockname()[1]
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=target)
                         for target in (self._serve, self._beat)]

    def __enter__(self):
        """Register with the Manager, and serve until the end of the block."""
        for thread in self._threads:
            thread.start()
        self._send(wire.register(self._port))
        assert wait_until(lambda: "register_ack" in self.types)
        return self

    def __exit__(self, *_):
        """End."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def types(self):
        """The types of the messages that came, in order."""
        return [message["message_type"] for message in self.heard]

    def _send(self, message):
        with socket.create_connection(
                ("localhost", self._manager_port)) as sock:
            sock.sendall(wire.encode(message))

    def _leave_files(self, task):
        """Make the files of a task, unless this Worker lies."""
        if self._lies(task):
            return
        directory = pathlib.Path(task["output_directory"])
        if task["message_type"] == "new_reduce_task":
            (directory / f"part-{task['task_id']:05d}").touch()
            return
        for partition in range(task["num_partitions"]):
            (directory / f"maptask{task['task_id']:05d}-part{partition:05d}"
             ).touch()

    def _beat(self):
        """Send heartbeats: a client that waits may take its time."""
        payload = wire.encode(wire.heartbeat(self._port))
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            while not self._stop.wait(2):
                sock.sendto(payload, ("localhost", self._manager_port))

    def _serve(self):
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection:
                message = json.loads(b"".join(
                    iter(lambda sock=connection: sock.recv(65536), b"")))
            self.heard.append(message)
            if message["message_type"] in ("new_map_task", "new_reduce_task"):
                self._leave_files(message)
                self._send(wire.finished(message["task_id"], self._port))
