"""A Manager and Workers of one's own: child processes, watched and replaced.

The standard input of each is a pipe from this process, and each ends when
that pipe does: so none outlives this process, however it ends. What they log
is kept here, the tail of it; no file is written.
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
from mapreduce.protocol import codec, layout, messages
from mapreduce.protocol.status import ClusterStatus
from mapreduce.system import scratch
from mapreduce.utils import network

T = TypeVar("T")

HOST = "127.0.0.1"

MAX_EARLY_DEATHS = 3  # of Workers before they register, in a row
END_TIME = 5.0  # seconds for a process to end after being told to
DEATH_TIME = 0.2  # seconds until a process that closed its sockets has ended
WAKE_INTERVAL = 0.02  # seconds between two calls to a Manager that should end
BLOCK = 4 * 2**10  # bytes of one read of a log
TAIL = 2 * 2**10  # bytes of a log that are kept
LINES = 8  # lines of them that are shown
LOG_TIME = 1.0  # seconds to read what a process has written that has ended


class ClusterError(Exception):
    """The cluster can't do the job; the text says why."""


class LocalCluster:
    """A Manager and Workers, from start to the end of the block."""

    def __init__(self, num_workers: int) -> None:
        """Begin without any process."""
        self._num_workers = num_workers
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
        """End all processes, also when some or all have ended before.

        From here on no signal interrupts: this process is about to end.
        """
        ignore_signals()
        children = [*([self._manager] if self._manager else []),
                    *self._workers]
        for child in children:
            child.tell_to_end()
        deadline = time.monotonic() + END_TIME
        codes = [child.wait(deadline) for child in children]
        if self._num_deaths or any(codes):
            _remove_leftovers()

    def start(self) -> tuple[str, int]:
        """Start all processes; return the Manager's address.

        The Manager listens there when this returns; Workers come by and by.
        Raises ClusterError if the Manager doesn't start.
        """
        with postponed_signals():  # No process may start unnoticed.
            self._manager = DaemonProcess("manager", 0)
        port = self._manager.wait_for_port()
        if not port:
            raise ClusterError(
                f"the Manager did not start: {self._manager.last_words()}")
        for _ in range(self._num_workers):
            self._add_worker()
        return HOST, port

    def watch(self, ask: Callable[[], ClusterStatus]) -> ClusterStatus:
        """Return what the Manager says when asked; replace dead Workers.

        Raises ClusterError if the Manager has died, or if Workers keep dying
        before they register.
        """
        # Found dead first, then asked for: whoever registered before its
        # death is among those of whom the Manager has heard.
        dead = [worker for worker in self._workers if worker.has_ended()]
        asked = time.monotonic()
        status = self.talk(ask)
        heard = {worker.port: asked - worker.silent_seconds
                 for worker in status.workers}
        self._note_registered(heard)
        for worker in dead:
            self._replace(worker)
        return status

    def talk(self, call: Callable[[], T]) -> T:
        """Return what a call to the Manager returns.

        Raises ClusterError if it failed because the Manager has died.
        """
        try:
            return call()
        except Exception as error:
            assert self._manager
            if not self._manager.ends_within(DEATH_TIME):
                raise
            raise ClusterError(
                f"the Manager ended: {self._manager.last_words()}"
            ) from error

    def _note_registered(self, heard: dict[int, float]) -> None:
        """Note of which Workers the Manager has heard since their start."""
        for worker in self._workers:
            if worker.unheard_since is not None and (
                    heard.get(worker.port, 0.0) > worker.unheard_since):
                worker.unheard_since = None
                self._early_deaths = 0

    def _replace(self, dead: DaemonProcess) -> None:
        self._num_deaths += 1
        if dead.unheard_since is not None:
            self._early_deaths += 1
        if self._early_deaths >= MAX_EARLY_DEATHS:
            raise ClusterError(
                f"{MAX_EARLY_DEATHS} Workers ended before they had "
                f"registered; the last one: {dead.last_words()}")
        self._workers.remove(dead)
        self._add_worker(dead.port)

    def _add_worker(self, port: int = 0) -> None:
        """Start a Worker, on any free port unless one is given."""
        assert self._manager
        with postponed_signals():  # No process may start unnoticed.
            self._workers.append(DaemonProcess(
                "worker", port, "--manager-host", HOST,
                "--manager-port", str(self._manager.port)))


class DaemonProcess:
    """A daemon that is a child of this process."""

    def __init__(self, name: str, port: int, *options: str) -> None:
        """Start a manager or a worker; port 0 is any that is free."""
        self._name = name
        self.port = port
        # When it was started; None once the Manager has heard of it.
        self.unheard_since: float | None = time.monotonic()
        self._process = _start(
            f"mapreduce.{name}", "--host", HOST, "--port", str(port),
            "--loglevel", "error", "--end-with-stdin", *options)
        # Nobody is kept from ending by a process that keeps a pipe open.
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
        self._woken = False

    def _read_port(self) -> None:
        """Take the port from the first line, if the daemon prints one."""
        with _pipe(self._process.stdout) as stdout:
            line = stdout.readline()
        if line:
            self.port = int(line)

    def wait_for_port(self) -> int:
        """Return the port when the daemon listens, 0 if it ended instead."""
        self._port_reader.join()
        return self.port

    def has_ended(self) -> bool:
        """Tell whether the process is gone."""
        return self._process.poll() is not None

    def ends_within(self, seconds: float) -> bool:
        """Wait a while for the process to end; tell whether it did."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self.has_ended()

    def last_words(self) -> str:
        """Return how the process ended, and the last lines of its log."""
        code = self._process.wait()
        how = (f"killed by signal {-code} ({signal.strsignal(-code)})"
               if code < 0 else f"exit code {code}")
        return "\n".join([how, *self._log.last_lines()])

    def tell_to_end(self) -> None:
        """Have the daemon end as soon as it hears of it."""
        _pipe(self._process.stdin).close()
        self._wake()

    def wait(self, deadline: float) -> int:
        """Wait for the end of a daemon that was told to; kill it if late.

        Return its exit code.
        """
        while not self.ends_within(WAKE_INTERVAL):
            if time.monotonic() > deadline:
                self._process.kill()
            else:
                self._wake()
        return self._process.returncode

    def _wake(self) -> None:
        """Have the listeners of a daemon that is to end see that it is.

        They would see it without this, too, but only within a second.
        """
        if not self.port or self.has_ended():
            return
        with contextlib.suppress(OSError):
            if not self._woken:
                network.tcp_client(HOST, self.port, codec.encode(
                    messages.ShutdownMessage()))
                self._woken = True
            if self._name == "manager":
                # An empty datagram says nothing, but it is heard.
                network.udp_client(HOST, self.port, b"")


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
    """Run a module as a child process, with pipes to it and from it.

    In a session of its own: the signals of the terminal are for this process,
    which then tells its children. Raises ClusterError if that can't be done.
    """
    try:
        return subprocess.Popen(
            [*_python(), "-m", module, *options], bufsize=0,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True)
    except OSError as error:
        raise ClusterError(f"cannot start another process: {error.strerror}; "
                           "fewer --workers need less") from error


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe
    return pipe


def _python() -> list[str]:
    """Return the command of this interpreter, as the children need it.

    With -m, Python looks for modules in the working directory first, where a
    file of the user's may have the name of one: -P forbids it.
    """
    home = os.path.dirname(os.path.dirname(mapreduce.__file__))
    if sys.version_info < (3, 11) or os.path.samefile(home, os.curdir):
        return [sys.executable]
    return [sys.executable, "-P"]


def _remove_leftovers() -> None:
    """Remove the temporary directories that killed processes have left."""
    scratch.remove_leftovers(layout.SHARED_DIRECTORY_PREFIX)
    scratch.remove_leftovers(layout.LOCAL_DIRECTORY_PREFIX)
