"""A Manager and Workers as real processes, for one test or several."""
import os
import pathlib
import socket
import subprocess
from typing import NamedTuple

import pytest

from tests.support import wire
from tests.support.commands import daemon_command
from tests.support.files import EXECUTABLES, ROOT, names_in
from tests.support.ports import answers, free_port
from tests.support.waiting import TIMEOUT, wait_until

WORD_COUNT = EXECUTABLES / "wc_map.sh", EXECUTABLES / "wc_reduce.sh"
MAPPER, REDUCER = map(str, WORD_COUNT)
TAIL = 3000  # characters of a log that are shown when a test fails


def pipeline(input_directory, mapper, reducer):
    """Return what `cat | map | LC_ALL=C sort | reduce` makes of the files."""
    mapped = b"".join(
        _output_of(mapper, path.read_bytes())
        for path in sorted(pathlib.Path(input_directory).iterdir()))
    return _output_of(reducer, _output_of(
        "sort", mapped, env={**os.environ, "LC_ALL": "C"}))


def _output_of(executable, data, **kwargs):
    return subprocess.run([executable], input=data, stdout=subprocess.PIPE,
                          cwd=ROOT, check=True, **kwargs).stdout


class Place(NamedTuple):
    """Where a daemon runs."""

    host: str = "localhost"
    prefix: tuple[str, ...] = ()  # the words that run a command there


class Daemon:
    """A Manager or a Worker, and its log."""

    def __init__(self, name, port, directory, env, *options, place=Place()):
        """Start a daemon on a port in the root of the project."""
        self.port = port
        self.host = place.host
        self.log = directory / f"{name}-{port}.log"
        with open(self.log, "ab") as log:
            self._start = log.tell()  # An earlier process on this port had it.
            self.process = subprocess.Popen(
                [*place.prefix, *daemon_command(name), "--host", place.host,
                 "--port", str(port), "--loglevel", "debug", *options],
                cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log)

    def says(self, text, times=1):
        """Tell whether a text stands so many times in the log."""
        return self.log.read_text().count(text) >= times

    @property
    def is_registered(self):
        """Whether this process, a Worker, knows that it is registered."""
        return b"Registered with the Manager" in (
            self.log.read_bytes()[self._start:])

    def end(self):
        """Wait for the end of a process that was told to; kill it if late."""
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Cluster:
    """A Manager and its Workers, all of which end with the context."""

    def __init__(self, directory):
        """Keep everything in a new directory; start nothing yet."""
        self.directory = directory
        self.shared = directory / "shared"  # has mapreduce-shared-*
        self.local = directory / "local"  # has mapreduce-local-*
        for path in (directory, self.shared, self.local):
            path.mkdir()
        self.port = free_port()
        self.manager = None
        self.workers = []  # in the order of their start, also the dead
        self.env = {**os.environ, "TMPDIR": str(self.local)}
        self.place = Place()  # of the Manager
        self.secret = None

    def sign(self):
        """Have all processes of this cluster sign what they send."""
        self.secret = os.urandom(16).hex().encode()
        path = self.directory / "secret"
        path.touch(0o600)
        path.write_bytes(self.secret)
        self.env["MAPREDUCE_SECRET_FILE"] = str(path)

    def __enter__(self):
        """Return the Cluster itself."""
        return self

    def __exit__(self, error, *_):
        """End all processes; fail if one of them has made a traceback."""
        for daemon in self._daemons():
            daemon.process.terminate()
        for daemon in self._daemons():
            daemon.end()
        if error is None and any(
                daemon.says("Traceback") for daemon in self._daemons()):
            pytest.fail("a traceback" + self._tails())

    def start(self, num_workers):
        """Start the Manager and Workers; return when all are registered."""
        self.start_manager()
        for _ in range(num_workers):
            self.start_worker()

    def start_manager(self, *options):
        """Start the Manager; return it when its port answers."""
        self.manager = Daemon(
            "manager", self.port, self.directory, self.env,
            "--shared_dir", str(self.shared), *options, place=self.place)
        self.wait_for(lambda: answers(self.port, self.place.host))
        return self.manager

    def start_worker(self, *options, port=None, place=Place()):
        """Start a Worker, on a free port unless one is given.

        Return it when it listens and, if there is a Manager, is registered.
        """
        worker = Daemon(
            "worker", port or free_port(), self.directory, self.env,
            "--manager-host", self.place.host,
            "--manager-port", str(self.port), *options, place=place)
        self.workers.append(worker)
        if self.manager:
            self.wait_for(lambda: self.knows(worker))
        else:
            self.wait_for(lambda: answers(worker.port))
        return worker

    def knows(self, worker):
        """Return whether a Worker registered, as often as it was started.

        It must know that, too: only then it sends heartbeats.
        """
        times = [other.port for other in self.workers].count(worker.port)
        return self.manager.says(
            f"Registered Worker RemoteWorker({worker.host!r}, {worker.port})",
            times) and worker.is_registered

    def kill_worker(self, number):
        """Kill a Worker, so that it can say nothing more."""
        self.workers[number].process.kill()
        self.workers[number].process.wait()

    def send(self, message):
        """Send the Manager a message."""
        payload = wire.encode(message)
        if self.secret:
            payload = wire.sign(payload, self.secret)
        with socket.create_connection(self.address) as sock:
            sock.sendall(payload)

    @property
    def address(self):
        """The host and the port of the Manager."""
        return self.place.host, self.port

    def submit(self, output, **fields):
        """Submit a job: word count, but for the fields that are given."""
        self.send(wire.job(output, **fields))

    def run_job(self, output, **fields):
        """Submit a job, wait for its end and return its result."""
        self.submit(output, **fields)
        self.wait_for_parts(output, fields.get("num_reducers", 2))
        return self.result(output)

    def wait_for_parts(self, output, number):
        """Wait until an output directory holds so many parts, only those."""
        names = [f"part-{part:05d}" for part in range(number)]
        self.wait_for(lambda: names_in(output) == names)

    def result(self, output):
        """Return the parts in an output directory, one after the other."""
        return b"".join(
            path.read_bytes() for path in sorted(output.glob("part-*")))

    def wait_for(self, predicate, timeout=TIMEOUT):
        """Wait until something is true; show the logs if it never is."""
        if not wait_until(predicate, timeout):
            pytest.fail(f"waited {timeout} s in vain" + self._tails())

    def shutdown(self):
        """Shut down; return the exit codes of the Manager and the Workers."""
        self.send(wire.SHUTDOWN)
        return self.exit_codes()

    def exit_codes(self):
        """Wait for the end of all processes; return their exit codes."""
        return [daemon.process.wait(TIMEOUT) for daemon in self._daemons()]

    def leftovers(self):
        """Return what lies where the processes keep their own files."""
        return [*self.shared.iterdir(), *self.local.iterdir()]

    def _daemons(self):
        return [*([self.manager] if self.manager else []), *self.workers]

    def _tails(self):
        return "".join(
            f"\n--- {daemon.log.name}\n{daemon.log.read_text()[-TAIL:]}"
            for daemon in self._daemons())
