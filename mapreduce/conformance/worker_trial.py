"""Check a Worker: the kit plays its Manager."""
from __future__ import annotations

import contextlib
import hashlib
import pathlib
from collections.abc import Sequence
from typing import Any

from mapreduce.conformance.listener import HOST, Listener, Received
from mapreduce.conformance.process import Places
from mapreduce.conformance.rule import RuleBroken, Times
from mapreduce.conformance.transcript import shown
from mapreduce.conformance.trial import Trial
from mapreduce.utils import network

ACK = {"message_type": "register_ack"}
# What our Workers send beyond the specification; strict Managers ignore it.
BEYOND = {"failed", "progress"}
# Over TCP it breaks the rules of heartbeats, and must not fail all others.
MISPLACED = {"heartbeat"}
LOCAL = "mapreduce-local-*"


class WorkerTrial(Trial):
    """A Worker under test, and the Manager that the kit plays."""

    def __init__(
        self, command: Sequence[str], times: Times,
        stack: contextlib.ExitStack, directory: pathlib.Path,
    ) -> None:
        """Choose the port, and listen as a Manager."""
        super().__init__(command, times, stack, directory)
        self.port = network.free_port(HOST)
        self.address = {"worker_host": HOST, "worker_port": self.port}
        self.output = self.directory / "output"
        self.output.mkdir()
        self.manager = Listener("the Manager", self.transcript, with_udp=True)
        self.manager.tcp.ignored |= BEYOND | MISPLACED
        stack.callback(self.manager.close)
        self._num_files = 0

    def places(self) -> Places:
        """Return what the command may name."""
        return Places(HOST, self.port, HOST, self.manager.port,
                      str(self.shared))

    def expect_registration(self, timeout: float | None = None) -> Received:
        """Start the Worker if it was not started; expect its message.

        The fields of a message are the matter of one rule, and must not fail
        all others.
        """
        self.expect_running()
        return self.expect("register", timeout)

    def ready(self) -> None:
        """Start the Worker, expect that it registers, and acknowledge."""
        self.expect_registration()
        self.send(ACK)

    def expect(
        self, message_type: str, timeout: float | None = None
    ) -> Received:
        """Expect a message of this type over TCP."""
        return self.manager.tcp.expect(
            message_type, self.times.timeout if timeout is None else timeout)

    def expect_heartbeat(self, timeout: float) -> Received:
        """Expect a heartbeat."""
        return self.manager.udp.expect("heartbeat", timeout)

    def expect_nothing(self, why: str) -> None:
        """Expect that no message comes over TCP for a while."""
        self.manager.tcp.expect_nothing(self.times.quiet, why)

    def expect_finished(
        self, task_id: int = 0, timeout: float | None = None
    ) -> Received:
        """Expect that the Worker reports this task as finished."""
        received = self.expect("finished", timeout)
        seen = received.message.get("task_id")
        # A missing number breaks one rule, and must not fail all others.
        if isinstance(seen, int) and seen != task_id:
            raise RuleBroken(f"finished for task {task_id}",
                             shown(received.message))
        return received

    def expect_task_works(self) -> None:
        """Send a map task, which the Worker must do."""
        # With a TAB, as in all jobs of the course: this must not fail for
        # another reason than that of the rule.
        self.map("exec cat", [b"works\t1\n"], task_id=77)
        self.expect_finished(77)

    def file(self, content: bytes, name: str = "") -> str:
        """Return the path of a new file with this content."""
        self._num_files += 1
        path = self.directory / (name or f"file{self._num_files:03d}")
        path.write_bytes(content)
        return str(path)

    def script(self, *lines: str, name: str = "") -> str:
        """Return the path of a new executable, a script of the shell."""
        path = self.file("\n".join(["#!/bin/sh", *lines, ""]).encode(), name)
        pathlib.Path(path).chmod(0o755)
        return path

    def map(
        self, mapper: str, contents: list[bytes], task_id: int = 0,
        partitions: int = 1,
    ) -> None:
        """Send a map task: the script of a mapper, and the input files."""
        self.send(self.map_task(
            self.script(mapper), list(map(self.file, contents)), task_id,
            partitions))

    def map_task(
        self, executable: str, paths: list[str], task_id: int = 0,
        partitions: int = 1,
    ) -> dict[str, Any]:
        """Return the message of a map task."""
        return {"message_type": "new_map_task", "task_id": task_id,
                "input_paths": paths, "executable": executable,
                "output_directory": str(self.output),
                "num_partitions": partitions}

    def reduce(
        self, reducer: str, contents: list[bytes], task_id: int = 0
    ) -> None:
        """Send a reduce task: the script of a reducer, and sorted files."""
        self.send({
            "message_type": "new_reduce_task", "task_id": task_id,
            "executable": self.script(reducer),
            "input_paths": list(map(self.file, contents)),
            "output_directory": str(self.output)})

    def gate(self) -> Gate:
        """Return a new gate, which is opened with the end of the trial."""
        self._num_files += 1
        gate = Gate(self.directory / f"gate{self._num_files}")
        self._stack.callback(gate.open)
        return gate

    def content(self, name: str) -> bytes:
        """Return what an output file holds; RuleBroken if it is missing."""
        try:
            return (self.output / name).read_bytes()
        except OSError as error:
            raise RuleBroken(
                f"the file {name} when finished was received",
                f"{sorted(path.name for path in self.output.iterdir())}"
            ) from error

    def expect_content(self, name: str, expected: bytes) -> None:
        """Compare an output file with what it must hold."""
        seen = self.content(name)
        if seen != expected:
            raise RuleBroken(f"{name} = {short(expected)}", short(seen))

    def expect_names(self, *names: str) -> None:
        """Compare the names in the output directory."""
        seen = sorted(path.name for path in self.output.iterdir())
        if seen != sorted(names):
            raise RuleBroken(f"in the output directory only {list(names)}",
                             str(seen))


class Gate:
    """A file for which scripts wait; the kit makes it."""

    def __init__(self, path: pathlib.Path) -> None:
        """Make nothing yet; `wait` is the line of a script that waits."""
        self._path = path
        self.begun = path.with_suffix(".begun")
        # For a script, or for a command in double quotes.
        self.wait, self.wait_in_child = (
            f"echo {number} >> '{self.begun}'; "
            f"while [ ! -e '{path}' ]; do sleep 0.02; done"
            for number in ("$$", r"\$\$"))

    def open(self) -> None:
        """Let all scripts pass, now and later."""
        with contextlib.suppress(OSError):
            self._path.touch()

    def has_begun(self, number: int = 1) -> bool:
        """Return whether so many scripts wait or have waited."""
        return len(self.pids()) >= number

    def pids(self) -> list[int]:
        """Return the process ids of the scripts that have begun."""
        # The shell makes the file before it writes into it.
        text = self.begun.read_text() if self.begun.exists() else ""
        return [int(line) for line in text.splitlines(keepends=True)
                if line.endswith("\n")]


def short(content: bytes) -> str:
    """Return bytes for people."""
    return repr(content if len(content) < 200 else content[:200] + b"...")


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key, as the specification says."""
    return int(hashlib.md5(key).hexdigest(), 16) % partitions
