"""A Worker in this process, whose sockets are the fake ones."""
from mapreduce.worker import Worker
from tests.support import wire

MANAGER = "localhost", 6000
REGISTERED = (*MANAGER, wire.register(6001))


def finished(task_id):
    """Return the report of a task as it must have been sent."""
    return (*MANAGER, wire.finished(task_id, 6001))


def run_worker():
    """Run a Worker from start to end."""
    Worker(host="localhost", port=6001,
           manager_host="localhost", manager_port=6000)
