"""Check a Manager: the kit plays its clients and Workers."""
from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import queue
import threading
from collections.abc import Sequence
from typing import Any

from mapreduce.conformance.listener import HOST, Listener, Received
from mapreduce.conformance.process import Places
from mapreduce.conformance.rule import CannotCheck, RuleBroken, Times
from mapreduce.conformance.transcript import shown
from mapreduce.conformance.trial import Trial
from mapreduce.utils import network

ACK = {"message_type": "register_ack"}
SHARED = "mapreduce-shared-*"
TASKS = {"new_map_task": "map", "new_reduce_task": "reduce"}
# What our Managers send beyond the specification; strict Workers ignore it.
BEYOND = {"cancel", "register_again", "get_message_types"}


@dataclasses.dataclass(frozen=True)
class PlayedJob:
    """A job that the kit submits, and where its files are."""

    message: dict[str, Any]
    input: pathlib.Path
    output: pathlib.Path

    def paths(self, *names: str) -> list[str]:
        """Return the paths of input files as the Manager must give them."""
        return [f"{self.message['input_directory']}/{name}" for name in names]


class PlayedWorker:
    """A Worker that knows the specification only, and does what it is told."""

    def __init__(self, trial: ManagerTrial, number: int) -> None:
        """Listen at a new port."""
        self._trial = trial
        self.listener: Listener = trial.listener(f"Worker {number}")
        self.listener.tcp.ignored |= BEYOND
        self.address = {"worker_host": HOST, "worker_port": self.listener.port}

    def register(self, **others: Any) -> Received:
        """Register, expect the answer and return it."""
        ignored = self.listener.tcp.ignored
        ignored.discard("register_ack")
        self._trial.send(
            {"message_type": "register", **self.address, **others})
        self._trial.begin_heartbeats(self)
        answer = self.expect("register_ack")
        # A second answer breaks one rule, and must not fail all others.
        ignored.add("register_ack")
        return answer

    def heartbeat(self) -> None:
        """Send one heartbeat."""
        self._trial.send_datagram(
            {"message_type": "heartbeat", **self.address})

    def fall_silent(self) -> None:
        """Send no heartbeat from now on."""
        self._trial.end_heartbeats(self)

    def next(self, timeout: float | None = None) -> Received | None:
        """Return the next message, None if there is none in time."""
        return self.listener.tcp.next(
            self._trial.times.timeout if timeout is None else timeout)

    def expect(self, message_type: str) -> Received:
        """Expect a message of this type."""
        return self.listener.tcp.expect(
            message_type, self._trial.times.timeout)

    def expect_task(
        self, kind: str, timeout: float | None = None
    ) -> dict[str, Any]:
        """Expect a task, "map" or "reduce", and return it."""
        received = self.listener.tcp.expect(
            f"new_{kind}_task",
            self._trial.times.timeout if timeout is None else timeout)
        message: dict[str, Any] = received.message
        return message

    def expect_nothing(self, why: str, seconds: float | None = None) -> None:
        """Expect that no message comes for a while."""
        self.listener.tcp.expect_nothing(
            self._trial.times.quiet if seconds is None else seconds, why)

    def report(self, task_id: int) -> None:
        """Send finished."""
        self._trial.send({"message_type": "finished", "task_id": task_id,
                          **self.address})

    def finish(self, task: dict[str, Any]) -> None:
        """Make the files of a task, and send finished."""
        directory = pathlib.Path(str(task.get("output_directory")))
        try:
            for name in _files_of(task):
                (directory / name).touch()
        except OSError as error:
            raise RuleBroken(
                f"the output directory {directory} of a task", str(error)
            ) from error
        self.report(task.get("task_id", 0))

    def do_tasks(self, number: int) -> list[dict[str, Any]]:
        """Do so many tasks, one after the other, and return them."""
        tasks = []
        for _ in range(number):
            received = self.next()
            if received is None or received.type not in TASKS:
                raise RuleBroken(
                    "the next task within "
                    f"{self._trial.times.timeout:g} s",
                    shown(received.message) if received else "nothing")
            self.finish(received.message)
            tasks.append(received.message)
        return tasks


class ManagerTrial(Trial):
    """A Manager under test, its clients and its Workers."""

    def __init__(
        self, command: Sequence[str], times: Times,
        stack: contextlib.ExitStack, directory: pathlib.Path,
    ) -> None:
        """Choose the port; start the thread of the heartbeats."""
        super().__init__(command, times, stack, directory)
        self.port = network.free_port(HOST)
        self._num_workers = 0
        self._num_jobs = 0
        self._beating: list[PlayedWorker] = []
        stop = threading.Event()
        thread = threading.Thread(target=self._send_heartbeats, args=(stop,))
        thread.start()
        stack.callback(thread.join)
        stack.callback(stop.set)

    def places(self) -> Places:
        """Return what the command may name; both addresses are the same."""
        return Places(HOST, self.port, HOST, self.port, str(self.shared))

    def begin_heartbeats(self, worker: PlayedWorker) -> None:
        """Send heartbeats of a Worker in the background."""
        if worker not in self._beating:
            self._beating.append(worker)

    def end_heartbeats(self, worker: PlayedWorker) -> None:
        """Send no more heartbeats of a Worker."""
        self._beating.remove(worker)
        self.transcript.add(worker.listener.name, "sends no more heartbeats")

    def _send_heartbeats(self, stop: threading.Event) -> None:
        # The transcript leaves them out: they would hide other messages.
        while not stop.wait(self.times.heartbeat):
            for worker in list(self._beating):
                with contextlib.suppress(OSError):
                    network.udp_client(
                        HOST, self.port, _heartbeat(worker.listener.port))

    def worker(self) -> PlayedWorker:
        """Return a new Worker that listens and has not registered."""
        self._num_workers += 1
        return PlayedWorker(self, self._num_workers)

    def workers(self, number: int) -> list[PlayedWorker]:
        """Return new Workers that have registered, in this order."""
        workers = [self.worker() for _ in range(number)]
        for worker in workers:
            worker.register()
        return workers

    def refusing_worker(self) -> tuple[PlayedWorker, PlayedWorker]:
        """Return a Worker that refused a task, and the one that has it.

        The first one listens again, and has not registered again.
        """
        first, second = self.workers(2)
        first.listener.leave()
        self.submit()
        second.expect_task("map")
        first.listener.reopen()
        return first, second

    def job(
        self, mappers: int = 1, reducers: int = 1, files: int = 2,
    ) -> PlayedJob:
        """Return a new job, with small input files f0, f1, … ."""
        number = self._num_jobs
        self._num_jobs += 1
        input_directory = self.directory / f"input-{number}"
        output = self.directory / f"output-{number}"
        input_directory.mkdir()
        # Not in the order of their names: a listing may keep this order.
        for file in sorted(range(files), key=lambda file: (file % 2, -file)):
            (input_directory / f"f{file}").write_text("a line\n")
        return PlayedJob({
            "message_type": "new_manager_job",
            "input_directory": str(input_directory),
            "output_directory": str(output),
            "mapper_executable": "/bin/cat",
            "reducer_executable": "/bin/cat",
            "num_mappers": mappers, "num_reducers": reducers,
        }, input_directory, output)

    def submit(
        self, mappers: int = 1, reducers: int = 1, files: int = 2,
        **others: Any,
    ) -> PlayedJob:
        """Submit a new job and return it."""
        job = self.job(mappers, reducers, files)
        job.message.update(others)
        self.send(job.message)
        return job

    def expect_alive(self) -> None:
        """Expect that the Manager still accepts a new Worker."""
        self.worker().register()

    def expect_job_works(self, worker: PlayedWorker) -> PlayedJob:
        """Submit a job of two tasks, which a free Worker must be given."""
        job = self.submit()
        kinds = [task["message_type"] for task in worker.do_tasks(2)]
        if kinds != list(TASKS):
            raise RuleBroken("a map task, then a reduce task", str(kinds))
        return job

    def job_directories(self) -> list[str]:
        """Return what is in the shared directory, e.g., job-00000."""
        return sorted(path.name for path in self.shared.glob(f"{SHARED}/*"))

    def expect_udp_socket(self) -> None:
        """Raise RuleBroken if the Manager has no UDP socket now."""
        try:
            # Not a number of a Worker, for which it could have effects.
            network.udp_client(HOST, self.port, b"{}")
        except OSError as error:
            raise RuleBroken(
                f"a UDP socket at port {self.port} when TCP answers",
                error.strerror or str(error)) from error

    def disturb(self, worker: PlayedWorker) -> None:
        """Send a heartbeat of a Worker, and a TCP message of no use.

        The transcript leaves them out: there are many of them.
        """
        with contextlib.suppress(OSError):
            network.udp_client(
                HOST, self.port, _heartbeat(worker.listener.port))
            network.tcp_client(HOST, self.port, b"{}")

    def expect_kept(
        self, worker: PlayedWorker, other: PlayedWorker, why: str,
        seconds: float,
    ) -> None:
        """Give a Worker a task; for some seconds, no other may get it."""
        self.submit()
        task = worker.expect_task("map")
        other.expect_nothing(why, seconds)
        # If the Worker were marked dead, its finished would not count.
        worker.finish(task)
        worker.expect_task("reduce")

    def require_shared_directory(self) -> None:
        """Raise CannotCheck if the command names no {shared_dir}."""
        if not any("{shared_dir}" in word for word in self._command):
            raise CannotCheck("the command does not name {shared_dir}")


def first_of(workers: list[PlayedWorker], timeout: float) -> tuple[
        PlayedWorker, Received]:
    """Return the Worker that receives a message first, and the message.

    Raises queue.Empty after the timeout.
    """
    interval = 0.01
    for _ in range(int(timeout / interval) + 1):
        for worker in workers:
            received = worker.next(interval / len(workers))
            if received is not None:
                return worker, received
    raise queue.Empty


def _heartbeat(port: int) -> bytes:
    return (f'{{"message_type": "heartbeat", "worker_host": "{HOST}", '
            f'"worker_port": {port}}}').encode()


def _files_of(task: dict[str, Any]) -> list[str]:
    """Return the names of the files that a task must leave.

    The fields of a task are the matter of one rule, and must not fail all
    others: without a field that the names need, there is no file.
    """
    number = task.get("task_id")
    partitions = task.get("num_partitions")
    if not isinstance(number, int) or "output_directory" not in task:
        return []
    if task["message_type"] == "new_reduce_task":
        return [f"part-{number:05d}"]
    return [f"maptask{number:05d}-part{partition:05d}" for partition in range(
        partitions if isinstance(partitions, int) else 0)]
