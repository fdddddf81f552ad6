"""The messages of the protocol, as the contract writes them.

They are written out here and not taken from the package, so that tests notice
a change of what goes over the wire. A Worker's host is always localhost.
"""
import hashlib
import hmac
import json
import os
import time

ACK = {"message_type": "register_ack"}
SHUTDOWN = {"message_type": "shutdown"}


def encode(message):
    """Return a message as it goes over the wire."""
    return json.dumps(message).encode()


def sign(payload, secret, receiver="manager"):
    """Return a message as a process that has the secret sends it."""
    def mac(key, *parts):
        text = b"".join(b"%d:%b" % (len(part), part) for part in parts)
        return hmac.new(key, text, hashlib.sha256).hexdigest().encode()

    key, name = mac(secret, b"mapreduce-1"), receiver.encode()
    head = b"mapreduce-1 %d %b %d" % (
        time.time(), os.urandom(16).hex().encode(), len(payload))
    head += b" " + mac(key, head, name)
    return head + b" " + mac(key, head, name, payload) + b"\n" + payload


def register(port):
    """Return the registration of a Worker."""
    return _from_worker("register", port)


def heartbeat(port):
    """Return the heartbeat of a Worker."""
    return _from_worker("heartbeat", port)


def finished(task_id, port):
    """Return a Worker's report of a task."""
    return {"task_id": task_id, **_from_worker("finished", port)}


def job(output_directory, **fields):
    """Return a submission; what is not given is as for mapreduce-submit."""
    return {
        "message_type": "new_manager_job",
        "input_directory": "tests/testdata/input",
        "output_directory": str(output_directory),
        "mapper_executable": "tests/testdata/exec/wc_map.sh",
        "reducer_executable": "tests/testdata/exec/wc_reduce.sh",
        "num_mappers": 2,
        "num_reducers": 2,
        **fields,
    }


def map_task(task_id, input_paths, executable, output_directory,
             num_partitions):
    """Return a map task."""
    return {
        "message_type": "new_map_task",
        "task_id": task_id,
        "input_paths": [str(path) for path in input_paths],
        "executable": str(executable),
        "output_directory": str(output_directory),
        "num_partitions": num_partitions,
    }


def reduce_task(task_id, executable, input_paths, output_directory):
    """Return a reduce task."""
    return {
        "message_type": "new_reduce_task",
        "task_id": task_id,
        "executable": str(executable),
        "input_paths": [str(path) for path in input_paths],
        "output_directory": str(output_directory),
    }


def _from_worker(message_type, port):
    return {"message_type": message_type, "worker_host": "localhost",
            "worker_port": port}
