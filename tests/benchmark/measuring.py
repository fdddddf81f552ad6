"""Processes and what they take: seconds, processor seconds, memory.

Every process is started here, in a session of its own, so that a Ctrl-C at
the terminal reaches only the benchmark, which then ends them.

Processor seconds are those of a process and of all descendants that were
waited for, user and system together, as wait4 tells them. Memory is sampled
from /proc; where that is missing, there is no such figure.
"""
from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import IO

import click

from tests.benchmark import signals

PROC = pathlib.Path("/proc")
SAMPLE_INTERVAL = 0.05  # seconds
POLL_INTERVAL = 0.005  # seconds
GRACE = 10.0  # seconds that a process has to end when it is told to
TAIL = 300  # characters of a log that an error shows

# What changes how Python programs run: it must not leak into them.
UNWANTED = ("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH")

Watch = Callable[[int], None]  # is told the id of a process with all below it
Process = subprocess.Popen[bytes]


class BenchmarkError(click.ClickException):
    """The benchmark can't go on; one line says why."""


def ignore(_pid: int) -> None:
    """Watch nothing."""


def environment(scratch: pathlib.Path) -> dict[str, str]:
    """Return what all processes get: their temporary files go to scratch.

    Programs find the interpreter of this process as python3, but outside the
    virtual environment, which would make its start slower.
    """
    env = {name: value for name, value in os.environ.items()
           if name not in UNWANTED}
    own = os.path.dirname(os.path.realpath(sys.executable))
    env["PATH"] = os.pathsep.join([own, env.get("PATH", os.defpath)])
    env["TMPDIR"] = str(scratch)
    return env


@contextlib.contextmanager
def running(
    command: Sequence[str], directory: pathlib.Path,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    end: Callable[[Process], None] | None = None,
) -> Iterator[Process]:
    """Run a command in a directory; it has ended when the block has.

    Its standard error goes to the file log there. If it still runs at the
    end of the block, it is killed, or ended as the function end does it.
    """
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(open(directory / "log", "ab"))
        with signals.deferred():
            process = subprocess.Popen(
                command, cwd=directory, env=environment(directory),
                stdin=subprocess.DEVNULL, stdout=stdout, stderr=log,
                start_new_session=True)
            stack.callback(end or kill, process)
        if process.stdout:
            stack.callback(process.stdout.close)
        yield process


def kill(process: Process) -> None:
    """Kill a process and its group, unless it was waited for."""
    if process.returncode is None:
        _kill_group(process)
        process.wait()


def _kill_group(process: Process) -> None:
    # The process was not waited for yet, so its id is still its own.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def tell_to_end(process: Process) -> None:
    """Tell a process to end, unless it was waited for."""
    if process.returncode is None:
        # Not Popen.terminate, which waits for a process that has ended.
        os.kill(process.pid, signal.SIGTERM)


def terminate(process: Process) -> None:
    """Tell a process to end and wait for it, unless that was done before."""
    if process.returncode is None:
        tell_to_end(process)
        wait_or_kill(process)


def wait_or_kill(process: Process) -> float:
    """Wait as wait does; kill a process that takes too long to end."""
    deadline = time.monotonic() + GRACE
    while not has_ended(process) and time.monotonic() < deadline:
        time.sleep(POLL_INTERVAL)
    if not has_ended(process):
        process.kill()
    return wait(process)


def wait(process: Process) -> float:
    """Wait for the end of a process; return the processor seconds it took.

    What it leaves behind in its group is killed: it would run on beside the
    next contender.
    """
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    _kill_group(process)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime


def has_ended(process: Process) -> bool:
    """Tell whether a process has ended, and leave it to be waited for."""
    return os.waitid(os.P_PID, process.pid,
                     os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def run(
    command: Sequence[str], directory: pathlib.Path, watch: Watch = ignore
) -> tuple[float, float]:
    """Run a command to its end; return its seconds and processor seconds.

    Raises BenchmarkError if it fails.
    """
    start = time.perf_counter()
    with running(command, directory) as process:
        watch(process.pid)
        cpu = wait(process)
        wall = time.perf_counter() - start
    if process.returncode:
        raise BenchmarkError(
            f"{os.path.basename(command[0])} exited {process.returncode}: "
            + tail(directory / "log"))
    return wall, cpu


def tail(log: pathlib.Path) -> str:
    """Return the end of a log in one line."""
    return " ".join(log.read_text("utf-8", "replace")[-TAIL:].split())


# Memory

def can_sample() -> bool:
    """Tell whether this system shows the memory of processes in /proc."""
    return (PROC / "self/smaps_rollup").exists()


class Sampler:
    """Adds up the memory of process trees again and again.

    Pages that processes share count once (the "proportional set size").
    Descendants are found by their parents, so that no session of their own
    hides them; who was found once is followed when its parent is gone, too.
    """

    def __init__(self) -> None:
        """Know no processes yet."""
        self.peak = 0  # bytes, of all processes together
        self._known: dict[int, str] = {}  # process id → its time of start
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._sample_until_end)

    def __enter__(self) -> Sampler:
        """Begin to sample."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._end.set()
        self._thread.join()

    def watch(self, pid: int) -> None:
        """Sample a process, which lives, and what descends from it."""
        with contextlib.suppress(OSError):
            self._known[pid] = _stat(pid)[1]

    def _sample_until_end(self) -> None:
        while True:
            self.peak = max(self.peak, sum(map(_memory, self._find())))
            if self._end.wait(SAMPLE_INTERVAL):
                break

    def _find(self) -> list[int]:
        """Return the ids of all processes that count."""
        stats = dict(_all_stats())
        known = {pid: start for pid, start in self._known.copy().items()
                 if pid in stats and stats[pid][1] == start}
        children: dict[int, list[int]] = {}
        for pid, (parent, _) in stats.items():
            children.setdefault(parent, []).append(pid)
        queue = list(known)
        while queue:
            for pid in children.get(queue.pop(), []):
                if pid not in known:
                    known[pid] = stats[pid][1]
                    queue.append(pid)
        self._known.update(known)
        return list(known)


def _all_stats() -> Iterator[tuple[int, tuple[int, str]]]:
    for name in os.listdir(PROC):
        if name.isdigit():
            with contextlib.suppress(OSError):  # It has just ended.
                yield int(name), _stat(int(name))


def _stat(pid: int) -> tuple[int, str]:
    """Return the parent of a process and its time of start."""
    content = (PROC / str(pid) / "stat").read_bytes()
    # Its name, in parentheses, may hold anything.
    fields = content.rpartition(b")")[2].split()
    return int(fields[1]), fields[19].decode()


def _memory(pid: int) -> int:
    """Return the bytes of a process; none if it has just ended."""
    return _field(PROC / str(pid) / "smaps_rollup", "Pss") or 0


def highest_memory(pid: int) -> int | None:
    """Return the most bytes that a process itself ever had, if known."""
    return _field(PROC / str(pid) / "status", "VmHWM")


def _field(path: pathlib.Path, name: str) -> int | None:
    with contextlib.suppress(OSError):
        for line in path.read_text("utf-8", "replace").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    return None
