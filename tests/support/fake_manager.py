"""A Manager that knows answers by heart, on a real port."""
import contextlib
import json
import socket
import threading

from tests.support.waiting import TIMEOUT


# What a Manager that keeps its jobs tells of itself.
KEEPS = {"started_at": "2026-11-26T07:15:24+0000", "interruptions": 1,
         "problem": None}


def job(state, **fields):
    """Return a job of 4 tasks as a Manager tells of it."""
    return {
        "id": 3, "name": "", "key": None, "state": state,
        "tasks_done": 0, "tasks": 4, "map_tasks_done": 0, "map_tasks": 2,
        "reduce_tasks_done": 0, "reduce_tasks": 2, "seconds": 1.5,
        "reason": None, "input_directory": "in", "output_directory": "out",
        "mapper_executable": "map", "reducer_executable": "reduce",
        "directory": "/cluster", "submitted_at": None, "submitted_by": None,
        "started_at": None, "ended_at": None, **fields}


def worker(state="ready", **fields):
    """Return a Worker as a Manager tells of it."""
    return {"host": "localhost", "port": 6001, "state": state, "task": None,
            "silent_seconds": 0.5, "tasks_done": 2, "tasks_failed": 1,
            **fields}


def task(stage, task_id, state, **fields):
    """Return a task as a Manager tells of it."""
    return {"stage": stage, "task_id": task_id, "state": state,
            "worker": {"host": "localhost", "port": 6001}, "attempts": 1,
            "seconds": 0.25, "reason": None, "status": None,
            "started": 0.0, "history": [], "input_records": None,
            "input_bytes": None, **fields}


def cluster(*jobs, workers=(), **fields):
    """Return the answer to get_status."""
    return {"workers": list(workers), "jobs": list(jobs),
            "directory": "/cluster", **fields}


class FakeManager:
    """Answers questions from a script, one after the other.

    An answer is a document, bytes, or None for no answer at all: the
    connection then stays open until the end. The last answer is given again
    and again. A script may be a function of the question instead.
    """

    def __init__(self, *script):
        """Take the answers to get_status and get_job, in their order."""
        self.heard = []  # every message, in order
        self._script = list(script)
        self._changed = threading.Condition()
        self._server = socket.create_server(("localhost", 0))
        self.port = self._server.getsockname()[1]
        self._open = contextlib.ExitStack()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self):
        """Listen until the end of the block."""
        self._thread.start()
        return self

    def __exit__(self, *_):
        """Let nobody wait any longer."""
        self.leave()

    def leave(self):
        """Refuse connections from now on."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._server.close()
        self._open.close()

    def wait_for(self, message_type, times=1):
        """Wait until messages of a type have come so many times."""
        with self._changed:
            assert self._changed.wait_for(
                lambda: self.types().count(message_type) >= times, TIMEOUT)

    def types(self):
        """Return the types of the messages so far."""
        return [message["message_type"] for message in self.heard]

    def change(self, *script):
        """Have other answers from now on."""
        with self._changed:
            self._script = list(script)

    def _serve(self):
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self._open.enter_context(connection)
            chunks = iter(lambda sock=connection: sock.recv(65536), b"")
            message = json.loads(b"".join(chunks))
            with self._changed:
                answer = self._answer(message)
                self.heard.append(message)
                self._changed.notify_all()
            if answer is None:
                continue
            with contextlib.suppress(OSError), connection:
                connection.sendall(
                    answer if isinstance(answer, bytes)
                    else json.dumps(answer).encode())

    def _answer(self, message):
        if not message["message_type"].startswith("get_"):
            return b""
        answer = self._script[0]
        if len(self._script) > 1:
            del self._script[0]
        return answer(message) if callable(answer) else answer
