"""The Workers of flawed_manager, with one fault planted in their treatment."""
import sys
import time

from tests.support.flawed_extensions import Extensions, tcp_send
from tests.support.flawed_job import has

DEAD = float(sys.argv[5])


class Worker:
    """What the Manager knows of a Worker."""

    def __init__(self, address):
        """Begin ready."""
        self.address = address
        self.task = None
        self.dead = False
        self.seen = time.monotonic()
        self.has_sent = False  # a heartbeat


class Registry(Extensions):
    """All Workers, and what comes of their registrations and heartbeats."""

    def __init__(self):
        """Begin without Workers."""
        self.workers = []
        self.strangers = {}
        self.refused = []  # messages that one fault repeats
        self.now = time.monotonic()

    def assign(self):
        """Give tasks to ready Workers."""
        raise NotImplementedError

    def find(self, message):
        """Return the Worker that sent a message; None for a stranger."""
        address = message["worker_host"], message["worker_port"]
        compared = slice(
            1 if has("worker-is-its-host-and-port") else 0, None)
        for worker in self.workers:
            if worker.address[compared] == address[compared]:
                return worker
        return None

    def requeue(self, worker, to_head=False):
        """Take the task of a Worker back."""
        task, worker.task = worker.task, None
        if task and self.job:
            waiting = self.job.waiting
            (waiting.appendleft if to_head else waiting.append)(task)

    def tick(self):
        """Mark Workers dead that are silent."""
        self.refused = [send for send in self.refused if not tcp_send(*send)]
        if has("silent-worker-is-dead"):
            return
        for worker in self.workers:
            if not worker.has_sent and has(
                    "worker-without-heartbeats-is-dead"):
                continue
            if not worker.dead and self.now - worker.seen > DEAD:
                worker.dead = True
                self.requeue(worker, has("task-of-a-silent-worker-goes-last"))

    def on_register(self, message, _):
        """Acknowledge."""
        old = self.find(message)
        if old:
            if has("dead-worker-may-register-again") and old.dead:
                return
            if not has("task-of-a-worker-that-registers-again"):
                self.requeue(
                    old, has("task-goes-last-after-registering-again"))
        worker = Worker((message["worker_host"], message["worker_port"]))
        if old and has("registering-again-moves-to-the-end"):
            self.workers[self.workers.index(old)] = worker
        else:
            self.workers = [other for other in self.workers
                            if other is not old] + [worker]
        if has("ack-comes-before-the-task"):
            self.assign()
        extra = {"x": 1} if has("registration-is-acknowledged") else {}
        worker.dead = not tcp_send(
            worker.address, {"message_type": "register_ack", **extra}
        ) and not has("refused-ack-is-a-death")
        if has("late-worker-gets-a-task") and self.job:
            worker.task = {"task_id": -1, "message_type": ""}

    def on_heartbeat(self, message, _):
        """Note the time."""
        worker = self.find(message)
        if worker is None:
            self.note_stranger(message)
            return
        worker.has_sent = True
        if not has("heartbeats-keep-a-worker-alive"):
            worker.seen = time.monotonic()
        if has("dead-worker-stays-dead"):
            worker.dead = False

    def note_stranger(self, message):
        """Ask a stranger to register, once."""
        if has("heartbeat-of-a-stranger-is-ignored"):
            self.on_register(message, None)
            return
        address = message["worker_host"], message["worker_port"]
        self.strangers[address] = self.strangers.get(address, 0) + 1
        if self.strangers[address] == 2 and not has(
                "stranger-is-asked-to-register"):
            tcp_send(address, {"message_type": "register_again"})
