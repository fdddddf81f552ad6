"""A Master and Workers of the 2017 dialect as processes, and its messages.

They run in a directory of their own, where the Master has its folder.
"""
import json
import os
import socket
import subprocess
import sys

import pytest

from tests.support.files import TESTDATA, names_in
from tests.support.ports import answers, free_port
from tests.support.waiting import TIMEOUT, wait_until

SHUTDOWN = {"message_type": "shutdown"}
TAIL = 3000  # characters of a log that are shown when a test fails


def register(port, pid):
    """Return the registration of a Worker."""
    return {"message_type": "register", "worker_host": "localhost",
            "worker_port": port, "worker_pid": pid}


def heartbeat(pid):
    """Return the heartbeat of a Worker."""
    return {"message_type": "heartbeat", "worker_pid": pid}


def ack(port, pid):
    """Return what the Master answers to a registration."""
    return {**register(port, pid), "message_type": "register_ack"}


def worker_job(input_files, executable, output_directory, pid):
    """Return a task of the map or the reduce stage."""
    return {"message_type": "new_worker_job", "input_files": input_files,
            "executable": executable, "output_directory": output_directory,
            "worker_pid": pid}


def sort_job(input_files, output_file, pid):
    """Return a task of the group stage."""
    return {"message_type": "new_sort_job", "input_files": input_files,
            "output_file": output_file, "worker_pid": pid}


def status(pid, **output):
    """Return the status of a task that is done."""
    return {"message_type": "status", **output, "status": "finished",
            "worker_pid": pid}


def job(output, **fields):
    """Return a submission: word count, but for the fields that are given."""
    return {"message_type": "new_master_job",
            "input_directory": str(TESTDATA / "input"),
            "output_directory": str(output),
            "mapper_executable": str(TESTDATA / "exec/wc_map.sh"),
            "reducer_executable": str(TESTDATA / "exec/wc_reduce.sh"),
            "num_mappers": 4, "num_reducers": 2, **fields}


def send(port, message):
    """Send a message, a document or bytes, in one connection."""
    with socket.create_connection(("localhost", port)) as sock:
        sock.sendall(message if isinstance(message, bytes)
                     else json.dumps(message).encode())


class Cluster2017:
    """A Master and its Workers, all of which end with the context."""

    def __init__(self, directory):
        """Keep everything in a new directory; start nothing yet."""
        directory.mkdir()
        self.directory = directory
        self.port = free_port(-1)  # below, for UDP
        self.master = None
        self.workers = []  # processes, in the order of their start

    def __enter__(self):
        """Return the Cluster itself."""
        return self

    def __exit__(self, error, *_):
        """End all processes; fail if one of them has made a traceback."""
        for process in self._processes():
            process.kill()
            process.wait()
        if error is None and "Traceback" in self.logs():
            pytest.fail("a traceback" + self._tails())

    def start(self, num_workers, *options):
        """Start the Master and Workers; return when all are registered."""
        self.start_master(*options)
        for _ in range(num_workers):
            self.start_worker()

    def start_master(self, *options):
        """Start the Master; return when its port answers."""
        self.master = self._start("master", str(self.port), *options)
        self.wait_for(lambda: answers(self.port))

    def start_worker(self, port=None):
        """Start a Worker; return its process when it is registered."""
        port = port or free_port()
        worker = self._start("worker", str(self.port), str(port))
        self.workers.append(worker)
        if self.master:
            self.wait_for(
                lambda: f"Registered Worker {worker.pid}:" in self.logs())
        return worker

    def _start(self, name, *arguments):
        path = self.directory / f"{name}-{arguments[-1]}.log"
        with open(path, "ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", f"mapreduce.spec2017.{name}",
                 *arguments], cwd=self.directory, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log)

    def logs(self):
        """Return all logs, one after the other."""
        return "".join(path.read_text()
                       for path in sorted(self.directory.glob("*.log")))

    def submit(self, output, **fields):
        """Submit a job; word count, but for the fields that are given."""
        send(self.port, job(output, **fields))

    def wait_for_job(self, job_id=0):
        """Wait until a job is done."""
        self.wait_for(lambda: f"Finished job {job_id}\n" in self.logs())

    def run_job(self, output, **fields):
        """Submit the first job, wait for its end and return its result."""
        self.submit(output, **fields)
        self.wait_for_job()
        return self.result(output)

    def result(self, output):
        """Return the files in a directory, one after the other."""
        return b"".join((self.directory / output / name).read_bytes()
                        for name in names_in(self.directory / output))

    def wait_for(self, predicate, timeout=TIMEOUT):
        """Wait until something is true; show the logs if it never is."""
        if not wait_until(predicate, timeout):
            pytest.fail(f"waited {timeout} s in vain" + self._tails())

    def shutdown(self):
        """Shut down; return the exit codes of the Master and the Workers."""
        send(self.port, SHUTDOWN)
        return [process.wait(TIMEOUT) for process in self._processes()]

    def leftovers(self):
        """Return what lies in the folder of the Master and is no output."""
        return [
            path for pattern in ("var/*", "var/job-*/*", "var/job-*/*/.*")
            for path in self.directory.glob(pattern)
            if not path.name.startswith("job-")
            and path.name not in ("mapper-output", "grouper-output",
                                  "reducer-output")]

    def _processes(self):
        return [*([self.master] if self.master else []), *self.workers]

    def _tails(self):
        return "".join(
            f"\n--- {os.path.basename(path)}\n{path.read_text()[-TAIL:]}"
            for path in sorted(self.directory.glob("*.log")))
