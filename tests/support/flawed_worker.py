"""A small Worker of the specification, with one fault planted in it.

Run as a program; the fault has the name of the rule that it breaks. It knows
as much of the extensions as the rules need.
"""
import errno
import json
import os
import pathlib
import queue
import select
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time

from tests.support.flawed_tasks import FAULT, Failed, Tasks, has

PORT, MANAGER = int(sys.argv[2]), int(sys.argv[3])
HEARTBEAT, DEAD = float(sys.argv[4]), float(sys.argv[5])
ADDRESS = {"worker_host": "localhost", "worker_port": PORT}
FIELDS = {
    "register_ack": set(), "shutdown": set(), "get_message_types": set(),
    "cancel": {"task_id"}, "register_again": set(),
    "new_map_task": {"task_id", "input_paths", "executable",
                     "output_directory", "num_partitions"},
    "new_reduce_task": {"task_id", "input_paths", "executable",
                        "output_directory"},
    "new_extended_map_task": {"task_id", "splits", "executable",
                              "output_directory", "num_partitions"},
}
TYPES = {"task_id": int, "num_partitions": int, "input_paths": list,
         "splits": list}
TOLERATED = {  # faults that report a failed task as finished
    "mapper-exits-with-an-error", "mapper-is-killed-by-a-signal",
    "reducer-exits-with-an-error", "missing-executable-fails",
    "missing-input-fails"}


def encoded(message):
    """Return a message as it is sent."""
    separators = (",", ":") if has("text-is-that-of-json-dumps") else None
    return json.dumps(message, separators=separators).encode()


class Worker(Tasks):
    """The Worker; run is its whole life."""

    def __init__(self):
        """Listen."""
        super().__init__()
        self.server = socket.create_server(("localhost", PORT), backlog=100)
        self.tasks = queue.Queue()
        self.current = None
        self.void = set()
        self.cancelled = set()
        self.acknowledged = False
        self.registered = 0.0
        self.ending = threading.Event()
        self.last_beat = None
        self.must_register = threading.Event()

    def send(self, message):
        """Send the Manager a message; return whether it was not refused."""
        try:
            with socket.create_connection(("localhost", MANAGER), 2) as sock:
                sock.sendall(encoded(message))
        except OSError:
            return False
        return True

    def register(self):
        """Register, as often as it takes."""
        extra = {"x": 1} if has("registration-is-exact") else {}
        while not self.ending.is_set():
            if self.send({"message_type": "register", **ADDRESS, **extra}):
                return
            if has("waits-for-its-manager"):
                os._exit(1)
            time.sleep(HEARTBEAT / 2)

    def run(self):
        """Serve until a shutdown."""
        threading.Thread(target=self.do_tasks, daemon=True).start()
        if has("no-heartbeat-before-the-ack"):
            self.start_heartbeats()
        threading.Thread(target=self.keep_registered, daemon=True).start()
        if has("idle-worker-does-not-spin"):
            threading.Thread(target=spin, daemon=True).start()
        while not self.ending.is_set():
            if not select.select([self.server], [], [], HEARTBEAT / 4)[0]:
                continue
            connection, _ = self.server.accept()
            if has("idle-clients-delay-nobody"):
                self.serve(connection)
            else:
                threading.Thread(target=self.serve, args=[connection],
                                 daemon=True).start()
        self.tasks.put(None)
        while self.current and not has("shutdown-during-a-task"):
            time.sleep(0.01)
        os._exit(0)

    def keep_registered(self):
        """Register at the start, and whenever it is time."""
        self.register()
        if has("registers-once"):
            time.sleep(HEARTBEAT / 2)
            self.register()
        if has("slow-ack-changes-nothing"):
            while not self.acknowledged:
                time.sleep(2 * HEARTBEAT)
                self.register()
        while self.must_register.wait():
            self.must_register.clear()
            self.register()

    def give_up(self):
        """Give up all tasks and register again."""
        if self.current is not None:
            self.void.add(self.current)
        self.kill_task()
        self.must_register.set()

    def start_heartbeats(self):
        """Start the thread of the heartbeats."""
        threading.Thread(target=self.beat, daemon=True).start()

    def beat(self):
        """Send heartbeats; notice gaps and refusals."""
        sock = socket.socket(type=socket.SOCK_DGRAM)
        sock.connect(("localhost", MANAGER))
        extra = {"x": 1} if has("heartbeat-is-exact") else {}
        payload = encoded({"message_type": "heartbeat", **ADDRESS, **extra})
        if has("first-heartbeat-is-immediate"):
            time.sleep(HEARTBEAT)
        while not self.ending.is_set():
            now = time.monotonic()
            if (self.last_beat and now - self.last_beat > DEAD
                    and not has("stopped-worker-registers-again")):
                self.give_up()
            self.last_beat = now
            if not (has("heartbeats-are-regular") and self.current):
                try:
                    sock.send(payload)
                except OSError:
                    if not has("registers-with-the-next-manager"):
                        self.give_up()
            time.sleep(HEARTBEAT)

    def serve(self, connection):
        """Receive a message."""
        with connection:
            first = connection.recv(65536)
            rest = b""
            if not has("long-messages-are-read-to-their-end"):
                rest = b"".join(iter(lambda: connection.recv(65536), b""))
            self.receive(first + rest, connection)

    def receive(self, payload, connection):
        """Handle a message, or ignore it."""
        try:
            message = json.loads(payload)
            kind = message["message_type"]
            fields = set(message) - {"message_type"}
            if not FIELDS[kind] <= fields:
                raise ValueError("a field is missing")
            for name in FIELDS[kind]:
                if not isinstance(message[name], TYPES.get(name, str)):
                    raise ValueError("a field has a wrong type")
            if "\0" in message.get("executable", ""):
                raise ValueError("no path")
        except (ValueError, TypeError, KeyError, RecursionError):
            if FAULT.startswith("ignores-"):
                os._exit(1)
            return
        if has("unknown-fields-are-ignored") and fields != FIELDS[kind]:
            return
        self.handle(kind, message, connection)

    def handle(self, kind, message, connection):
        """Handle a message that can be used."""
        if kind == "register_ack":
            if not self.acknowledged or has("second-ack-changes-nothing"):
                self.start_heartbeats()
            self.acknowledged = True
        elif kind == "shutdown":
            if not self.acknowledged and has("shutdown-before-the-ack"):
                return
            if not has("shutdown-ends-an-idle-worker"):
                self.ending.set()
        elif kind == "get_message_types":
            connection.sendall(
                json.dumps({"message_types": list(FIELDS)}).encode())
        elif kind == "cancel":
            if not has("task-can-be-cancelled"):
                self.cancelled.add(message["task_id"])
                self.kill_task()
        elif kind == "register_again":
            if not has("worker-can-be-asked-to-register"):
                self.give_up()
        elif has("tasks-wait-for-their-turn"):
            threading.Thread(target=self.do, args=[message]).start()
        else:
            self.tasks.put(message)

    def do_tasks(self):
        """Do tasks, one after the other."""
        while (task := self.tasks.get()) is not None:
            self.current = object()
            self.do(task)
            self.current = None
            self.killing = False

    def do(self, task):
        """Do a task and report it."""
        mine = self.current
        reason = None
        if has("finished-comes-after-the-files"):
            self.send({"message_type": "finished",
                       "task_id": task["task_id"], **ADDRESS})
        if has("relative-paths-work"):
            # Deep: each ".." of a path stops at the root.
            deep = os.path.join(task["output_directory"], *["deep"] * 20)
            os.makedirs(deep)
            os.chdir(deep)
        try:
            self.produce(task, mine)
        except (Failed, OSError) as error:
            if not has(*TOLERATED):
                reason = str(error)
        if mine in self.void:
            return
        if reason is None:
            extra = {"x": 1} if has("finished-is-exact") else {}
            message = {"message_type": "finished", "task_id": task["task_id"],
                       **ADDRESS, **extra}
            for _ in range(2 if has("finished-is-sent-once") else 1):
                self.send(message)
            return
        if task["task_id"] in self.cancelled:
            reason = "cancelled"
        if has("failure-has-its-reason"):
            reason = "it failed"
        self.send({"message_type": "failed", "task_id": task["task_id"],
                   **ADDRESS, "reason": reason})

    def produce(self, task, mine):
        """Make the files of a task."""
        reduces = "reduce" in task["message_type"]
        prefix = f"mapreduce-local-task{task['task_id']:05d}-"
        if has("reduce-directory-is-temporary" if reduces
               else "map-directory-is-temporary"):
            prefix = "tmp"
        output = pathlib.Path(task["output_directory"])
        with tempfile.TemporaryDirectory(prefix=prefix) as name:
            directory = pathlib.Path(name)
            if has("output-appears-when-complete"):
                directory = output
            (self.reduce if reduces else self.map)(task, directory)
            if mine in self.void:
                raise Failed("given up")
            for path in sorted(directory.iterdir()):
                if directory == output:
                    break
                if has("output-is-renamed-across-file-systems"):
                    shutil.move(path, output / path.name)
                    continue
                if has("files-are-replaced") and (
                        output / path.name).exists():
                    continue
                hidden = output / f".{path.name}"
                shutil.move(path, hidden)
                hidden.rename(output / path.name)


def spin():
    """Waste the time of the processor."""
    while True:
        pass


def main():
    """Run until a shutdown or SIGTERM."""
    try:
        worker = Worker()
    except OSError as error:
        sys.exit(0 if has("port-in-use-is-an-error") or (
            error.errno != errno.EADDRINUSE) else 1)

    def end(number, _):
        name = signal.Signals(number).name.lower()
        if not has(f"{name}-leaves-nothing"):
            worker.kill_task()
            directory = pathlib.Path(tempfile.gettempdir())
            for path in directory.glob("mapreduce-local-*"):
                shutil.rmtree(path, ignore_errors=True)
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGHUP, end)
    worker.run()


if __name__ == "__main__":
    main()
