"""The messages of flawed_manager, and what it does beyond the rules."""
import contextlib
import json
import socket
import sys

from tests.support.flawed_job import FAULT, has

TEXTS = {"worker_host", "input_directory", "output_directory",
         "mapper_executable", "reducer_executable"}
BASE = {
    "register": {"worker_host", "worker_port"},
    "heartbeat": {"worker_host", "worker_port"},
    "finished": {"task_id", "worker_host", "worker_port"},
    "failed": {"task_id", "worker_host", "worker_port", "reason"},
    "new_manager_job": {
        "input_directory", "output_directory", "mapper_executable",
        "reducer_executable", "num_mappers", "num_reducers"},
    "shutdown": set(), "get_message_types": set(), "get_status": set(),
    "get_job": {"job_id"}, "cancel_job": {"job_id"},
    "new_extended_job": {
        "input_paths", "output_directory", "mapper_executable",
        "reducer_executable", "num_mappers", "num_reducers"},
}


def encoded(message):
    """Return a message as it is sent."""
    separators = (",", ":") if has("text-is-that-of-json-dumps") else None
    return json.dumps(message, separators=separators).encode()


def tcp_send(address, message):
    """Send a message; return whether it was not refused."""
    try:
        with socket.create_connection(address, 2) as sock:
            sock.sendall(encoded(message))
    except OSError:
        return False
    return True


def is_text(value):
    """Return whether a value is a text that a path or a host can be."""
    return isinstance(value, str) and "\0" not in value


def is_number(value):
    """Return whether a value is a number, and not true or false."""
    return isinstance(value, int) and not isinstance(value, bool)


def answer(sock, document):
    """Send an answer on the same connection."""
    with contextlib.suppress(OSError):
        sock.setblocking(True)
        sock.sendall(json.dumps(document).encode())


class Extensions:
    """Messages in general, and the handlers of those of extensions."""

    hears_udp = True

    def handle(self, payload, sock):
        """Handle a message, or ignore it."""
        try:
            message = json.loads(payload)
            kind = message["message_type"]
            fields = set(message) - {"message_type"}
            if not BASE[kind] <= fields:
                raise ValueError("a field is missing")
            self.check(message)
        except (ValueError, TypeError, KeyError, RecursionError):
            if FAULT.startswith("ignores-"):
                raise
            if has("garbage-datagrams-are-ignored") and sock is None:
                self.hears_udp = False
            return
        if has("unknown-fields-are-ignored") and fields != BASE[kind]:
            return
        getattr(self, f"on_{kind}")(message, sock)

    def check(self, message):
        """Raise ValueError for a value that can't be used."""
        port = message.get("worker_port", 1)
        if not is_number(port) or not 0 < port < 65536:
            raise ValueError("no port")
        if not is_number(message.get("task_id", 0)):
            raise ValueError("no task id")
        for name, value in message.items():
            if name in TEXTS and not is_text(value):
                raise ValueError("no text")
        if has("bad-numbers-are-ignored"):
            for name in ("num_mappers", "num_reducers"):
                if name in message:
                    message[name] = max(1, int(message[name]))
            return
        for name in ("num_mappers", "num_reducers"):
            number = message.get(name, 1)
            if not is_number(number) or not 0 < number <= 100_000:
                raise ValueError("no number")

    def find(self, message):
        """Return the Worker that sent a message."""
        raise NotImplementedError

    def on_failed(self, message, _):
        """Try a task again, four times."""
        if has("failed-is-harmless"):
            sys.exit("what is that")
        worker, job = self.find(message), self.job
        if not (worker and worker.task and job):
            return
        task, worker.task = worker.task, None
        if job.state == "cancelling":
            job.state = "cancelled"
            return
        if has("failed-task-is-tried-again"):
            return
        job.attempts[task["task_id"]] += 1
        if job.attempts[task["task_id"]] == 4 and not has(
                "job-fails-after-four-attempts"):
            job.state, job.reason = "failed", message["reason"]
            return
        job.waiting.append(task)

    def on_cancel_job(self, message, _):
        """End a job when its Workers have answered."""
        job = self.jobs[message["job_id"]]
        if has("job-can-be-cancelled"):
            return
        for worker in self.workers:
            if worker.task:
                tcp_send(worker.address, {
                    "message_type": "cancel",
                    "task_id": worker.task["task_id"]})
                worker.task = None
        job.state = "cancelled"

    def on_get_message_types(self, _, sock):
        """Answer."""
        answer(sock, {"message_types": list(BASE)})

    def on_get_status(self, _, sock):
        """Answer."""
        jobs = [{"id": job.id, "state": job.state, "reason": job.reason}
                for job in self.jobs]
        answer(sock, {
            "workers": [{"port": worker.address[1]}
                        for worker in self.workers],
            "jobs": [] if has("status-is-answered") else jobs})

    def on_get_job(self, message, sock):
        """Answer."""
        tasks = self.jobs[message["job_id"]].tasks
        answer(sock, {"tasks": [] if has("tasks-are-answered") else tasks})
