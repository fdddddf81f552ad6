"""Ours: a Manager and two Workers for each run, on ports of their own.

The time of a job runs from the start of mapreduce-submit until the last part
of the result has its name. The start of the cluster, up to the registration
of the last Worker, is measured by itself. Processor seconds are those of
mapreduce-submit, the Manager, the Workers and all that these have started,
from the start of the cluster to its end.
"""
from __future__ import annotations

import contextlib
import itertools
import pathlib
import socket
import sys
import time
from collections.abc import Callable, Sequence

from tests.benchmark import measuring, results
from tests.benchmark.cases import NUM_PROCESSES, Job
from tests.benchmark.measuring import BenchmarkError, Process, Watch

LOG_POLLS = 100  # after so many, look for an error in the log


class MapReduce:
    """This project as a contender."""

    def __init__(
        self, name: str = results.OURS, environment: Sequence[str] = ()
    ) -> None:
        """Set these variables, e.g., NAME=value, for the daemons."""
        self.name = name
        self._environment = environment

    def run(self, job: Job, watch: Watch) -> results.Run:
        """Run a job on a cluster of its own; return what it took."""
        with _Cluster(job.directory, self._environment) as cluster:
            start = time.perf_counter()
            cluster.start()
            cluster_start = time.perf_counter() - start
            for process in cluster.processes:
                watch(process.pid)
            wall, submit_cpu = cluster.run(job)
            highest = [measuring.highest_memory(process.pid)
                       for process in cluster.processes[1:]]
            cpu = submit_cpu + cluster.end()
        return results.Run(
            wall, cpu, cluster_start,
            max((number for number in highest if number), default=None))


class _Cluster:
    """A Manager, which comes first among the processes, and Workers."""

    def __init__(
        self, directory: pathlib.Path, environment: Sequence[str]
    ) -> None:
        self.processes: list[Process] = []
        self._directory = directory
        self._environment = environment
        self._port = free_port()
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> _Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        # All together: the stack ends, and waits for, one after the other.
        for process in self.processes:
            measuring.tell_to_end(process)
        self._stack.close()

    def start(self) -> None:
        """Start all; return when the Workers are registered."""
        shared = self._directory / "shared"
        shared.mkdir()
        self._start("manager", self._port, "--shared_dir", str(shared))
        self._wait_until(self._manager_answers)
        for _ in range(NUM_PROCESSES):
            self._start("worker", free_port(),
                        "--manager-port", str(self._port))
        self._wait_until(lambda: (
            self._log("manager").count("Registered Worker ")
            == NUM_PROCESSES))

    def run(self, job: Job) -> tuple[float, float]:
        """Run a job; return its seconds and the client's processor seconds."""
        parts = [job.output / f"part-{number:05d}"
                 for number in range(job.num_reducers)]
        start = time.perf_counter()
        _, cpu = measuring.run([
            sys.executable, "-m", "mapreduce.submit",
            "--port", str(self._port), "--input", str(job.input),
            "--output", str(job.output), "--mapper", job.mapper,
            "--reducer", job.reducer, "--nmappers", str(job.num_mappers),
            "--nreducers", str(job.num_reducers)], job.directory)
        self._wait_until(lambda: all(part.exists() for part in parts))
        return time.perf_counter() - start, cpu

    def end(self) -> float:
        """End all; return the processor seconds that they took."""
        for process in self.processes:
            measuring.tell_to_end(process)
        return sum(map(measuring.wait_or_kill, self.processes))

    def _start(self, name: str, port: int, *options: str) -> None:
        command = ["env", *self._environment,
                   sys.executable, "-m", f"mapreduce.{name}",
                   "--port", str(port), "--logfile",
                   str(self._directory / f"{name}.log"), *options]
        self.processes.append(self._stack.enter_context(measuring.running(
            command, self._directory, end=measuring.terminate)))

    def _manager_answers(self) -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection(("localhost", self._port)).close()
            return True
        return False

    def _log(self, name: str) -> str:
        with contextlib.suppress(FileNotFoundError):
            return (self._directory / f"{name}.log").read_text()
        return ""

    def _wait_until(self, predicate: Callable[[], bool]) -> None:
        """Poll until something is true; fail if it won't ever be."""
        for number in itertools.count(1):
            if predicate():
                return
            time.sleep(measuring.POLL_INTERVAL)
            if number % LOG_POLLS == 0:
                self._check()

    def _check(self) -> None:
        """Fail if a daemon has ended or a job has failed."""
        if any(map(measuring.has_ended, self.processes)):
            raise BenchmarkError("a daemon of mapreduce ended: "
                                 + measuring.tail(self._directory / "log"))
        for line in self._log("manager").splitlines():
            if "[ERROR]" in line:
                raise BenchmarkError(line)


def free_port() -> int:
    """Return a port that is free for TCP and UDP."""
    while True:
        with (
            socket.socket() as tcp,
            socket.socket(type=socket.SOCK_DGRAM) as udp,
            contextlib.suppress(OSError),
        ):
            tcp.bind(("localhost", 0))
            udp.bind(tcp.getsockname())
            port: int = tcp.getsockname()[1]
            return port
