"""Start a foreign daemon as a process, and end all that it has started.

Each daemon has a session of its own and a mark in its environment. At the end,
every process of the session and every process with the mark is killed: a
daemon may start its tasks in other sessions.
"""
from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import IO

from mapreduce.conformance.rule import RuleBroken
from mapreduce.protocol.signing import SECRET_VARIABLE

MARK = "MAPREDUCE_CONFORMANCE"  # a variable of the environment
KIT = uuid.uuid4().hex  # the part of all marks of this process
TAIL = 2000  # characters of a log that are shown
PROC = pathlib.Path("/proc")
POLL_INTERVAL = 0.02  # seconds
END_TIME = 10.0  # seconds for killed processes to disappear


@dataclasses.dataclass(frozen=True)
class Places:
    """What the words of a command may name in braces."""

    host: str
    port: int
    manager_host: str
    manager_port: int
    shared_dir: str

    def fill(self, word: str) -> str:
        """Return a word of the command with, e.g., {port} replaced."""
        for name, value in vars(self).items():
            word = word.replace("{" + name + "}", str(value))
        return word


class Daemon:
    """A running daemon, and everything that it has started."""

    def __init__(
        self, command: Sequence[str], places: Places, temporary: pathlib.Path,
        environment: dict[str, str],
    ) -> None:
        """Start a command with its places filled in.

        `temporary` is its directory for temporary files. Raises RuleBroken if
        the command can't be started.
        """
        self._mark = f"{KIT}{uuid.uuid4().hex}"
        # The kit signs nothing, so the daemon must not demand it.
        inherited = {name: value for name, value in os.environ.items()
                     if name != SECRET_VARIABLE}
        with contextlib.ExitStack() as stack:
            self._log = stack.enter_context(tempfile.TemporaryFile())
            try:
                self._process = _started(
                    list(map(places.fill, command)), self._log, {
                        **inherited, "TMPDIR": str(temporary), **environment,
                        MARK: self._mark})
            except OSError as error:
                raise RuleBroken(
                    "a command that can be started",
                    f"{command[0]}: {error.strerror or error}") from error
            self._stack = stack.pop_all()

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    def exit_code(self, timeout: float = 0.0) -> int | None:
        """Wait for the end; return the exit code, None if it goes on.

        The code is negative after a signal, as in subprocess.
        """
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout)
        return self._process.poll()

    def signal(self, number: int) -> None:
        """Send a signal to the process alone."""
        self._process.send_signal(number)

    def log(self) -> str:
        """Return the end of what the daemon wrote on its output and error.

        The last line gives the exit code, if the daemon has ended.
        """
        self._log.seek(0)
        text = self._log.read().decode("utf-8", "replace")[-TAIL:]
        code = self.exit_code()
        return text if code is None else f"{text}\n[exit code {code}]"

    def others(self) -> list[int]:
        """Return the ids of all processes that the daemon has started."""
        return [pid for pid in _marked(self._mark) if pid != self.pid]

    def end(self) -> None:
        """Kill everything that still runs, and close the log."""
        with self._stack:
            self.kill()

    def kill(self) -> None:
        """Kill everything that still runs, and wait until it is gone."""
        # Some may have no mark: a daemon can start a process with another
        # environment. Without its parent, such a process can't be found.
        if self._process.poll() is None:
            self.signal(signal.SIGSTOP)  # It starts no more of them.
            _kill_all(lambda: _descendants(self.pid))
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        _kill_all(self.others)

    def processor_seconds(self) -> float | None:
        """Return the processor time of the daemon; None if it is unknown."""
        fields = _stat(self.pid)
        if len(fields) < 13:
            return None
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_memory(self) -> int | None:
        """Return the most bytes that the daemon had in memory, if known."""
        with contextlib.suppress(OSError):
            for line in (PROC / str(self.pid) / "status").open():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        return None


def pass_interrupts() -> None:
    """Have daemons end by SIGINT and SIGHUP, also where this process does not.

    A shell starts commands in the background so, and nohup does. What ignores
    a signal has its children ignore it; what handles a signal does not.
    """
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


def _started(
    command: list[str], log: IO[bytes], environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own."""
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        start_new_session=True, env=environment)


def end_all() -> None:
    """Kill all children of this process, and all that daemons have started.

    A signal may end this process while it starts a daemon.
    """
    _kill_all(lambda: {*_descendants(os.getpid()), *_marked(KIT)})


def _kill_all(find: Callable[[], Collection[int]]) -> None:
    """Kill the processes that are found, until no more are.

    One may start another one after it was found, and before it is killed.
    """
    deadline = time.monotonic() + END_TIME
    while (found := find()) and time.monotonic() < deadline:
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(POLL_INTERVAL)


def _descendants(ancestor: int) -> list[int]:
    """Return the children of a process, their children, and so on.

    Those that have ended, and wait for their parents, are left out.
    """
    stats = {pid: fields for pid in _processes()
             if len(fields := _stat(pid)) > 1}
    found = [ancestor]
    for parent in found:
        found += [pid for pid in stats if int(stats[pid][1]) == parent]
    return [pid for pid in found[1:] if stats[pid][0] != "Z"]


def _marked(mark: str) -> list[int]:
    """Return the processes whose mark begins in this way."""
    wanted = f"{MARK}={mark}".encode()
    return [pid for pid in _processes()
            if any(variable.startswith(wanted)
                   for variable in _environment(pid))]


def _processes() -> Iterator[int]:
    """Iterate over the ids of all processes; none if there is no /proc."""
    with contextlib.suppress(OSError):
        for name in os.listdir(PROC):
            if name.isdecimal():
                yield int(name)


def _environment(pid: int) -> list[bytes]:
    try:
        return (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:  # of another user, or ended
        return []


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat that follow the command."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return []
    return text.rpartition(")")[2].split()
