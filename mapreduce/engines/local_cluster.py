"""Run a Manager and Workers as child processes; replace Workers that die.

The standard input of each child is a pipe from this process, and a child ends
at the end of that pipe. So no child outlives this process, even if it is
killed. Through the same pipe, each child gets the secret of this cluster, so
that other users of this machine can't send messages to it. The end of each
child's log is kept in memory, for error messages.

The main thread does everything, except that each child has two daemon threads:
one reads its port, one its log.
"""
from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import IO, TypeVar

import mapreduce
from mapreduce.client.command import ignore_signals, postponed_signals
from mapreduce.client.remote_manager import RemoteManager
from mapreduce.protocol import layout, signing
from mapreduce.protocol.status import ClusterStatus
from mapreduce.system import access, scratch

T = TypeVar("T")

HOST = "127.0.0.1"

# Workers in a row that end before they register: something is wrong with all
# of them, and more would not help.
MAX_EARLY_DEATHS = 3
END_TIME = 5.0  # seconds for a process to end, before it is killed
DEATH_TIME = 0.2  # seconds from the closed sockets of a process to its end
BLOCK = 4 * 2**10  # bytes of one read of a log
TAIL = 2 * 2**10  # bytes of a log that are kept
LINES = 8  # lines of them that are shown
LOG_TIME = 1.0  # seconds to read the rest of the log of an ended process


class ClusterError(Exception):
    """The cluster can't do the job; the text, for the user, says why."""


class LocalCluster:
    """A Manager and Workers, which end with the block."""

    def __init__(self, num_workers: int) -> None:
        """Start no process yet."""
        self._num_workers = num_workers
        self._secret = os.urandom(access.MIN_SECRET)
        self._manager: DaemonProcess | None = None
        self._workers: list[DaemonProcess] = []
        self._num_deaths = 0
        self._early_deaths = 0

    def __enter__(self) -> LocalCluster:
        """Return the cluster itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End all processes."""
        self.end()

    def end(self) -> None:
        """End all processes; those that have ended already do no harm.

        From now on, signals have no effect on this process.
        """
        ignore_signals()
        children = [*([self._manager] if self._manager else []),
                    *self._workers]
        for child in children:
            child.request_end()
        # All are told to end before the first wait, so they end in parallel.
        deadline = time.monotonic() + END_TIME
        codes = [child.wait(deadline) for child in children]
        if self._num_deaths or any(codes):
            _remove_leftovers()

    def start(self) -> RemoteManager:
        """Start all processes; return the Manager.

        When this returns, the Manager listens; Workers register soon after.
        Raises ClusterError if a process can't be started, or if the Manager
        ends.
        """
        # A signal between the start of a process and the assignment would
        # leave a process that `end` does not know.
        with postponed_signals():
            self._manager = DaemonProcess("manager", 0, self._secret)
        port = self._manager.wait_for_port()
        if not port:
            raise ClusterError(
                f"the Manager did not start: {self._manager.describe_end()}")
        for _ in range(self._num_workers):
            self._add_worker()
        return RemoteManager(
            HOST, port, signing.Secret.derive([self._secret]))

    def watch(self, ask: Callable[[], ClusterStatus]) -> ClusterStatus:
        """Return the status that `ask` returns; replace dead Workers.

        Raises ClusterError if the Manager has died, or if Workers keep dying
        before they register.
        """
        # In this order: a Worker that registered before it died is then
        # certainly in the status of the Manager.
        dead = [worker for worker in self._workers if worker.has_ended()]
        status = self.call(ask)
        # The Manager may have held its answer for a while.
        answered = time.monotonic()
        last_seen = {worker.port: answered - worker.silent_seconds
                     for worker in status.workers}
        self._note_registered(last_seen)
        for worker in dead:
            self._replace(worker)
        return status

    def call(self, function: Callable[[], T]) -> T:
        """Return what a function that uses the Manager returns.

        Raises ClusterError if it failed because the Manager has died.
        """
        try:
            return function()
        except Exception as error:
            assert self._manager
            # "The Manager was killed by signal 9" helps the user; "connection
            # refused" does not.
            if not self._manager.ends_within(DEATH_TIME):
                raise
            raise ClusterError(
                f"the Manager ended: {self._manager.describe_end()}"
            ) from error

    def _note_registered(self, last_seen: dict[int, float]) -> None:
        """Note which Workers have registered since they were started."""
        # By time: a new Worker has the port of the dead one that it replaces,
        # and the Manager may know only that one.
        for worker in self._workers:
            if worker.unregistered_since is not None and (
                    last_seen.get(worker.port, 0.0)
                    > worker.unregistered_since):
                worker.unregistered_since = None
                self._early_deaths = 0

    def _replace(self, dead: DaemonProcess) -> None:
        self._num_deaths += 1
        if dead.unregistered_since is not None:
            self._early_deaths += 1
        if self._early_deaths >= MAX_EARLY_DEATHS:
            raise ClusterError(
                f"{MAX_EARLY_DEATHS} Workers ended before they had "
                f"registered; the last one: {dead.describe_end()}")
        self._workers.remove(dead)
        # On the same port: then the Manager sees it register again, and
        # requeues the task of the dead one at once, not after 10 s.
        self._add_worker(dead.port)

    def _add_worker(self, port: int = 0) -> None:
        """Start a Worker; port 0 is any free port."""
        assert self._manager
        with postponed_signals():  # As in start.
            self._workers.append(DaemonProcess(
                "worker", port, self._secret, "--manager-host", HOST,
                "--manager-port", str(self._manager.port)))


class DaemonProcess:
    """A daemon that is a child of this process."""

    def __init__(
        self, name: str, port: int, secret: bytes, *options: str
    ) -> None:
        """Start the daemon "manager" or "worker"; port 0 is any free port.

        Raises ClusterError if the system has no process or thread left.
        """
        self.port = port
        # When it was started; None once it has registered.
        self.unregistered_since: float | None = time.monotonic()
        self._process = _start(
            f"mapreduce.{name}", "--host", HOST, "--port", str(port),
            "--loglevel", "error", "--end-with-stdin", "--secret-from-stdin",
            *options)
        with contextlib.suppress(BrokenPipeError):  # It has ended already.
            _pipe(self._process.stdin).write(secret)
        # A daemon thread: a child of the process may keep the pipe open, and
        # this program must be able to end all the same.
        self._port_reader = threading.Thread(
            target=self._read_port, daemon=True)
        try:
            self._log = _Log(_pipe(self._process.stderr))
            self._port_reader.start()
        except RuntimeError as error:
            self._process.kill()
            self._process.wait()
            raise ClusterError("cannot start another thread; fewer --workers "
                               "need less") from error

    def _read_port(self) -> None:
        """Read the port from the first line, if the daemon prints one."""
        with _pipe(self._process.stdout) as stdout:
            line = stdout.readline()
        if line:
            self.port = int(line)

    def wait_for_port(self) -> int:
        """Wait until the daemon listens; return its port, or 0 if it ended."""
        self._port_reader.join()
        return self.port

    def has_ended(self) -> bool:
        """Return whether the process has ended."""
        return self._process.poll() is not None

    def ends_within(self, seconds: float) -> bool:
        """Wait some seconds for the end; return whether it has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self.has_ended()

    def describe_end(self) -> str:
        """Return how the process ended, and the last lines of its log."""
        code = self._process.wait()
        how = (f"killed by signal {-code} ({signal.strsignal(-code)})"
               if code < 0 else f"exit code {code}")
        return "\n".join([how, *self._log.last_lines()])

    def request_end(self) -> None:
        """Ask the daemon to end, without waiting for that."""
        _pipe(self._process.stdin).close()

    def wait(self, deadline: float) -> int:
        """Wait for the end of a daemon and return its exit code.

        After the deadline (time.monotonic), kill it.
        """
        if not self.ends_within(max(0.0, deadline - time.monotonic())):
            self._process.kill()
        return self._process.wait()


class _Log:
    """The end of what a process writes to a pipe."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._tail = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with self._pipe:
            while block := self._pipe.read(BLOCK):
                self._tail = (self._tail + block)[-TAIL:]

    def last_lines(self) -> list[str]:
        """Return the last lines of a process that has ended."""
        self._thread.join(LOG_TIME)
        return self._tail.decode("utf-8", "replace").splitlines()[-LINES:]


def _start(module: str, *options: str) -> subprocess.Popen[bytes]:
    """Run a module as a child process, with pipes for its standard streams.

    Raises ClusterError if that is not possible.
    """
    # That variable is for other clusters.
    environment = {name: value for name, value in os.environ.items()
                   if name != signing.SECRET_VARIABLE}
    # In a new session: Ctrl-C must not end the children before this process
    # has cancelled the job.
    try:
        return subprocess.Popen(
            [*_python(module), *options], bufsize=0,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True, env=environment)
    except OSError as error:
        raise ClusterError(f"cannot start another process: {error.strerror}; "
                           "fewer --workers need less") from error


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe
    return pipe


def _python(module: str) -> list[str]:
    """Return the command that runs a module of ours in a child process."""
    # With -m, Python looks for modules in the working directory first. There,
    # a file of the user, such as queue.py, could replace one. The option -P
    # forbids it, but only since Python 3.11. So the working directory leaves
    # the path before anything is imported, and ours comes last: it may be the
    # working directory.
    home = os.path.dirname(os.path.dirname(
        os.path.abspath(mapreduce.__file__)))
    code = (f"import sys; sys.path[:] = [*filter(None, sys.path), {home!r}]; "
            "import runpy; runpy.run_module(sys.argv.pop(1), None, "
            "'__main__', True)")
    return [sys.executable, "-c", code, module]


def _remove_leftovers() -> None:
    """Remove the temporary directories that killed processes have left."""
    scratch.remove_leftovers(layout.SHARED_DIRECTORY_PREFIX)
    scratch.remove_leftovers(layout.LOCAL_DIRECTORY_PREFIX)
