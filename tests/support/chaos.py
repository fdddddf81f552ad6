"""A random fault test: python -m tests.support.chaos --seed S --seconds T.

One job after the other, with options or without, runs on a Manager and four
Workers, while all of them are killed, stopped, continued and started again at
random, and garbage is sent to all. Each result must be that of the plain
pipeline. A seed gives the same jobs and the same faults; when exactly they hit
is up to the machine.

With --signed, the cluster has a secret, and strangers send it messages that
would do harm if they were signed. With --outages, which root may use, the
Workers are on two machines (namespaces) of a network that fails.

Exits 1 at the first wrong or missing result, and keeps the logs.
"""
import argparse
import collections
import contextlib
import hashlib
import heapq
import pathlib
import random
import shutil
import signal
import socket
import sys
import tempfile
import time

from tests.support import strangers, wire
from tests.support.chaos_manager import ChaosError, ManagerFaults, check_end
from tests.support.cluster import Cluster, Place, pipeline
from tests.support.files import (
    EXECUTABLES,
    in_order,
    write_executable,
    write_files,
)
from tests.support.namespaces import Network, leave_network
from tests.support.ports import free_port

NUM_WORKERS = 4
MAX_DEATHS = 3  # of Workers in a job: over a task of a fourth, a job fails
# Ends of the Manager in a job: with each, its Workers begin their tasks anew.
MAX_INTERRUPTIONS = 4
JOB_TIMEOUT = 200.0  # seconds; a job takes 10 or 20 when Workers fall silent
POLL_INTERVAL = 0.01  # seconds
FAULT_INTERVAL = 0.4  # seconds between two faults, on average
WORDS = [b"alpha", b"beta", b"gamma", b"\xff\xfe", b"delta", b"a", b"b\0c"]


class Chaos:
    """A cluster, what is done to it, and what comes of that."""

    def __init__(self, cluster, seed, network=None):
        """Prepare jobs; the cluster has its own directory."""
        self.num_jobs = 0
        self.faults = collections.Counter()
        self._cluster = cluster
        self._random = random.Random(seed)
        self._later = []  # a heap of (time, number, function)
        self._deaths = 0  # in this job
        self._interruptions = 0  # of the Manager, in this job
        self._stopped = set()
        self._network = network
        # For a network in which nobody else is.
        self.options = (
            ["--insecure"] if network and not cluster.secret else [])
        self._outage = None  # the link that lets nothing through
        self.manager = ManagerFaults(
            cluster, self._random, self._after, self.options)
        self._clients = collections.deque(maxlen=50)
        directory = cluster.directory
        self._output = directory / "output"
        self._input = directory / "input"
        write_files(self._input, *(
            b"".join(self._random.choice(WORDS) + b" \n"[
                self._random.random() < 0.2:][:1] for _ in range(2000))
            for _ in range(12)))
        self._executables = [
            ("wc_map.sh", "wc_reduce.sh"), ("wc_map.py", "wc_reduce.py"),
            ("slow_map", "slow_reduce")]
        for name in ("map", "reduce"):
            write_executable(
                directory / f"slow_{name}", "sleep 0.3",
                f"exec '{EXECUTABLES / f'wc_{name}.sh'}'")
        self._expected = self._digest(pipeline(
            self._input, EXECUTABLES / "wc_map.sh",
            EXECUTABLES / "wc_reduce.sh"))

    def run(self, seconds):
        """Run jobs for some seconds; raise ChaosError if one goes wrong."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._run_job()
            self.num_jobs += 1

    def _run_job(self):
        num_reducers = self._random.randint(1, 6)
        shutil.rmtree(self._output, ignore_errors=True)
        self._deaths = self._interruptions = 0
        self.manager.submit(self._job(num_reducers))
        deadline = time.monotonic() + JOB_TIMEOUT
        next_fault = 0
        while not self._is_done(num_reducers):
            now = time.monotonic()
            if now > deadline:
                raise ChaosError(f"no result within {JOB_TIMEOUT} s")
            while self._later and self._later[0][0] <= now:
                heapq.heappop(self._later)[2]()
            if now >= next_fault:
                self._inject_fault()
                next_fault = now + self._random.uniform(0, 2 * FAULT_INTERVAL)
            time.sleep(POLL_INTERVAL)
        if self._digest(self._cluster.result(self._output)) != self._expected:
            raise ChaosError("a wrong result")

    def _job(self, num_reducers):
        """Return a job, in the words of the specification or with options."""
        mapper, reducer = map(
            self._path, self._random.choice(self._executables))
        job = wire.job(
            self._output, mapper_executable=mapper,
            reducer_executable=reducer, input_directory=str(self._input),
            num_mappers=self._random.randint(1, 15),
            num_reducers=num_reducers)
        options = {
            # Not smaller: each split starts a mapper.
            "split_size": self._random.randint(3_000, 20_000),
            "combiner": reducer, "task_timeout": JOB_TIMEOUT,
            "environment": {}, "keep_intermediate": str(
                self._cluster.directory / "kept"),
            "map_speculative": True, "reduce_speculative": True}
        chosen = {name: value for name, value in options.items()
                  if self._random.random() < 0.3}
        if not chosen:
            return job
        return {**job, **chosen, "message_type": "new_extended_job",
                "input_paths": [job["input_directory"]]}

    def _path(self, name):
        own = self._cluster.directory / name
        return str(own if own.exists() else EXECUTABLES / name)

    def _is_done(self, num_reducers):
        names = [f"part-{part:05d}" for part in range(num_reducers)]
        return all((self._output / name).exists() for name in names)

    @staticmethod
    def _digest(result):
        return hashlib.sha256(b"".join(in_order(result))).hexdigest()

    # Faults

    def _inject_fault(self):
        faults = [
            self._kill, self._kill, self._stop_briefly, self._stop_for_long,
            self._send_garbage, self._send_garbage, self._send_datagram,
            self._say_nothing]
        ends = self.manager.faults()
        if not self._outage and self._interruptions < MAX_INTERRUPTIONS and (
                self._random.random() < 0.3):
            faults += ends
        if self._cluster.secret:
            faults += [self._forge, self._replay]
        if self._network and not self.manager.is_away:
            faults += [self._interrupt]
        fault = self._random.choice(faults)
        if fault():
            self._interruptions += fault in ends
            self.faults[fault.__name__.strip("_")] += 1

    def _after(self, seconds, function):
        heapq.heappush(self._later, (
            time.monotonic() + seconds, self._random.random(), function))

    def _victim(self):
        """Return a Worker that runs, or None."""
        running = [worker for worker in self._cluster.workers
                   if worker.process.poll() is None
                   and worker not in self._stopped]
        return self._random.choice(running) if running else None

    def _kill(self):
        """Kill a Worker; another one takes its place, maybe its port."""
        worker = self._victim()
        if worker is None or self._deaths >= MAX_DEATHS:
            return False
        self._deaths += 1
        worker.process.kill()
        worker.process.wait()
        port = worker.port if self._random.random() < 0.7 else None
        self._after(self._random.uniform(0, 3), lambda: self._replace(
            worker, port))
        return True

    def _replace(self, worker, port):
        if self._outage or self.manager.is_away:  # It could not register.
            self._after(1, lambda: self._replace(worker, port))
            return
        self._cluster.workers.remove(worker)
        self.start_worker(port)

    def start_worker(self, port=None):
        """Start a Worker; in a network, its machine follows from its port."""
        port = port or free_port()
        place = Place()
        if self._network:
            machine = 1 + port % self._network.size
            place = Place(self._network.host(machine),
                          tuple(self._network.on(machine)))
        self._cluster.start_worker(*self.options, port=port, place=place)

    def _stop_briefly(self):
        """Stop a Worker for less than the Manager waits for heartbeats."""
        return self._stop(self._random.uniform(0.1, 4))

    def _stop_for_long(self):
        """Stop a Worker for so long that it is declared dead."""
        if self._deaths >= MAX_DEATHS or self._random.random() < 0.5:
            return False
        self._deaths += 1
        return self._stop(self._random.uniform(8, 13))

    def _stop(self, seconds):
        worker = self._victim()
        if worker is None:
            return False
        self._stopped.add(worker)
        worker.process.send_signal(signal.SIGSTOP)
        self._after(seconds, lambda: self._continue(worker))
        return True

    def _continue(self, worker):
        self._stopped.discard(worker)
        worker.process.send_signal(signal.SIGCONT)

    def _interrupt(self):
        """Let no packet through, of all machines or of one, for a while.

        Each Worker may be marked dead by that, or register again.
        """
        if self._outage or self._deaths >= MAX_DEATHS:
            return False
        self._deaths += 1
        self._outage = self._random.choice(["bridge", "port1", "port2"])
        self._network.interrupt(self._outage)
        self._after(self._random.uniform(0.5, 14), self._resume)
        return True

    def _resume(self):
        if self._outage:
            self._network.resume(self._outage)
            self._outage = None

    def _send_garbage(self):
        """Send garbage to the Manager or to a Worker."""
        return self._send(self._random.choice(strangers.GARBAGE))

    def _forge(self):
        """Send what would do harm, if it were signed, or for its receiver."""
        return self._send(strangers.forgery(
            self._random, self._cluster.secret))

    def _replay(self):
        """Send a harmless message twice; its copy must be refused."""
        message = strangers.harmless(self._cluster.secret)
        return self._send(message) and self._send(message)

    def _send(self, payload):
        """Send bytes to the Manager or to a Worker."""
        worker = self._victim()
        addresses = [self._cluster.address]
        if worker and not self._outage:
            addresses.append((worker.host, worker.port))
        return strangers.send(self._random.choice(addresses), payload)

    def _send_datagram(self):
        """Send a datagram that is garbage, or a stranger's heartbeat."""
        payload = self._random.choice(
            [*strangers.GARBAGE[1:4], wire.encode(wire.heartbeat(1))])
        strangers.send_datagram(self._cluster.address, payload)
        return True

    def _say_nothing(self):
        """Connect to the Manager and keep it waiting."""
        with contextlib.suppress(OSError):
            self._clients.append(socket.create_connection(
                self._cluster.address, 5))
        return True

    def settle(self):
        """Continue and replace whatever waits for it; end the clients."""
        self._resume()
        while self._later:
            heapq.heappop(self._later)[2]()
        for client in self._clients:
            client.close()


def main():
    """Run the test; return the exit code."""
    parser = argparse.ArgumentParser(description="A random fault test.")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--signed", action="store_true")
    parser.add_argument("--outages", action="store_true")
    options = parser.parse_args()
    # In the background of a script, it is ignored, and so the daemons, some of
    # which are ended by it, would ignore it, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="mapreduce-chaos-"))
    print(f"seed {options.seed}, {options.seconds:g} s", flush=True)
    error = network = None
    with contextlib.ExitStack() as stack:
        if options.outages:
            leave_network()
            network = stack.enter_context(Network(2))
        cluster = stack.enter_context(Cluster(directory / "cluster"))
        if options.signed:
            cluster.sign()
        if network:
            cluster.place = Place(network.join())
        chaos = Chaos(cluster, options.seed, network)
        chaos.manager.start()
        for _ in range(NUM_WORKERS):
            chaos.start_worker()
        try:
            chaos.run(options.seconds)
            chaos.settle()
            # What starts next removes what the killed have left.
            chaos.start_worker()
            check_end(cluster)
        except ChaosError as caught:
            error = caught
            chaos.settle()
    faults = ", ".join(
        f"{name} {number}" for name, number in sorted(chaos.faults.items()))
    print(f"{chaos.num_jobs} jobs done; {chaos.faults.total()} faults "
          f"injected: {faults}")
    if error:
        print(f"Error: {error}; the logs are in {directory}", file=sys.stderr)
        return 1
    shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
