"""Check a rule: what the trials of Managers and Workers share.

A trial is one check of one rule: new directories, new ports, new processes.
Its threads serve listeners and send heartbeats; all of them end with it.
"""
from __future__ import annotations

import contextlib
import json
import pathlib
import signal
import time
from collections.abc import Callable, Sequence
from typing import Any

from mapreduce.conformance.listener import HOST, Listener
from mapreduce.conformance.process import Daemon, Places
from mapreduce.conformance.rule import CannotCheck, RuleBroken, Times
from mapreduce.conformance.transcript import Transcript, parsed
from mapreduce.utils import network

POLL_INTERVAL = 0.01  # seconds
IDLE_TRIES = 3
QUERY = {"message_type": "get_message_types"}
SHUTDOWN = {"message_type": "shutdown"}

LONG = 300_000  # bytes; far more than one `recv` returns


def long_form(message: dict[str, Any]) -> bytes:
    """Return a message in which JSON's white space makes it long."""
    return json.dumps(message)[:-1].encode() + b" " * LONG + b"}"


class Trial:
    """A directory, a transcript and a daemon, until a stack is closed."""

    port: int  # of the daemon; a subclass chooses it

    def __init__(
        self, command: Sequence[str], times: Times,
        stack: contextlib.ExitStack, directory: pathlib.Path,
    ) -> None:
        """Check the daemon that a command starts; no process is started yet.

        All files are in the directory, which is empty.
        """
        self.times = times
        self.transcript = Transcript()
        self.environment: dict[str, str] = {}  # of the daemon, beside ours
        self._command = command
        self._stack = stack
        self._daemons: list[Daemon] = []
        self.directory = directory
        self.temporary.mkdir()
        self.shared.mkdir()
        stack.callback(self._end_daemons)

    @property
    def temporary(self) -> pathlib.Path:
        """The daemon's directory for temporary files."""
        return self.directory / "temporary"

    @property
    def shared(self) -> pathlib.Path:
        """The directory that a command names by {shared_dir}."""
        return self.directory / "shared"

    def places(self) -> Places:
        """Return what the command may name in braces."""
        raise NotImplementedError

    @property
    def daemon(self) -> Daemon:
        """The daemon that was started last; the first use starts one."""
        return self._daemons[-1] if self._daemons else self.start()

    def start(self) -> Daemon:
        """Start the daemon, or another one at the same port."""
        self.transcript.add("the kit", "starts the daemon")
        daemon = Daemon(self._command, self.places(), self.temporary,
                        self.environment)
        self._daemons.append(daemon)
        return daemon

    def _end_daemons(self) -> None:
        for daemon in self._daemons:
            daemon.end()

    def kill_daemons(self) -> None:
        """Kill the daemons and everything that they have started."""
        for daemon in self._daemons:
            daemon.kill()

    def log(self) -> str:
        """Return the end of the log of the daemon that was started last."""
        return self._daemons[-1].log() if self._daemons else ""

    def listener(self, name: str, with_udp: bool = False) -> Listener:
        """Return a new listener that is closed with the trial."""
        listener = Listener(name, self.transcript, with_udp)
        self._stack.callback(listener.close)
        return listener

    def send(self, message: Any, timeout: float | None = None) -> None:
        """Send the daemon a message, as an object or as bytes.

        The first one waits until the port answers, at most `timeout` seconds.
        """
        payload = _encoded(message)
        daemon = self.daemon
        self.transcript.add("TCP sent to the daemon", parsed(payload))
        limit = self.times.timeout if timeout is None else timeout
        deadline = time.monotonic() + limit
        while True:
            code = daemon.exit_code()
            if code is not None:
                raise RuleBroken(
                    "a daemon that runs", f"it ended with exit code {code}")
            try:
                network.tcp_client(HOST, self.port, payload)
                return
            except OSError as error:
                if time.monotonic() > deadline:
                    raise RuleBroken(
                        f"an answer at port {self.port} within {limit:g} s",
                        str(error)) from error
            time.sleep(POLL_INTERVAL)

    def send_datagram(self, message: Any) -> None:
        """Send the daemon a datagram."""
        payload = _encoded(message)
        self.transcript.add("UDP sent to the daemon", parsed(payload))
        with contextlib.suppress(OSError):
            network.udp_client(HOST, self.port, payload)

    def connect_idle(self, number: int, payload: bytes = b"") -> None:
        """Open connections, send some bytes on each, and keep them open."""
        self.transcript.add("the kit", f"connects {number} idle clients")
        for _ in range(number):
            self._stack.enter_context(
                network.idle_connection(HOST, self.port, payload))

    def query(self, message: Any) -> Any:
        """Send a message; return the JSON of the answer, None if none."""
        self.transcript.add("TCP sent to the daemon", message)
        try:
            answer = network.tcp_query(
                HOST, self.port, _encoded(message),
                self.times.timeout)
        except (OSError, network.NoAnswer):
            return None
        document = parsed(answer)
        self.transcript.add("TCP answered by the daemon", document)
        return document

    def require_types(self, *types: str) -> None:
        """Raise CannotCheck unless the daemon says that it accepts these.

        The daemon must run. One that follows only the specification does not
        answer.
        """
        answer = self.query(QUERY)
        known = (answer.get("message_types")
                 if isinstance(answer, dict) else None)
        missing = set(types) - set(known if isinstance(known, list) else [])
        if missing:
            raise CannotCheck(
                "the daemon does not say that it accepts "
                f"{', '.join(sorted(missing))}")

    def wait_for(
        self, expected: str, predicate: Callable[[], bool],
        seen: Callable[[], str], timeout: float | None = None,
    ) -> None:
        """Wait until something is true; raise RuleBroken if it never is."""
        limit = self.times.timeout if timeout is None else timeout
        deadline = time.monotonic() + limit
        while not predicate():
            if time.monotonic() > deadline:
                raise RuleBroken(f"{expected} within {limit:g} s", seen())
            time.sleep(POLL_INTERVAL)

    def expect_running(self) -> None:
        """Raise RuleBroken if the daemon has ended."""
        code = self.daemon.exit_code()
        if code is not None:
            raise RuleBroken(
                "a daemon that runs", f"it ended with exit code {code}")

    def expect_end(self, timeout: float, code: int | None = 0) -> None:
        """Expect the end of the daemon; None: any exit code but 0."""
        seen = self.daemon.exit_code(timeout)
        if seen is None:
            raise RuleBroken(f"the end of the daemon within {timeout:g} s",
                             "it still runs")
        if seen != code if code is not None else seen == 0:
            raise RuleBroken(
                "exit code " + ("other than 0" if code is None else str(code)),
                f"exit code {seen}")

    def expect_second_is_refused(self) -> None:
        """Start another daemon at the same port: it must end with an error."""
        first = self.daemon
        self.start()
        self.expect_end(self.times.timeout, None)
        if first.exit_code() is not None:
            raise RuleBroken("the first daemon goes on", "it ended, too")

    def expect_idle(self) -> None:
        """Measure the processor time of the daemon, which has no work."""
        # The clock of the system has ticks of 10 ms.
        limit = 0.02 * self.times.processor + 0.02
        # A daemon may still be busy with its own start, but not for long.
        for _ in range(IDLE_TRIES):
            used = self._processor_seconds()
            if used <= limit:
                return
        raise RuleBroken(
            f"less than {limit:g} s of processor time in "
            f"{self.times.processor:g} s without work", f"{used:.2f} s")

    def _processor_seconds(self) -> float:
        """Return the processor time that the daemon takes for a while."""
        before = self.daemon.processor_seconds()
        if before is None:
            raise CannotCheck("this system does not tell the processor time")
        time.sleep(self.times.processor)
        after = self.daemon.processor_seconds()
        self.expect_running()
        return (after or before) - before

    def leftovers(self, pattern: str) -> list[str]:
        """Return the names in the daemon's directories that match."""
        return sorted(
            path.name for directory in (self.temporary, self.shared)
            for path in directory.glob(pattern))

    def expect_clean_end(
        self, pattern: str, number: signal.Signals = signal.SIGTERM
    ) -> None:
        """End the daemon by a signal; no file with such a name may stay."""
        self.daemon.signal(number)
        self.expect_end(self.times.timeout)
        left = self.leftovers(pattern)
        if left:
            raise RuleBroken(f"no {pattern} after the end", ", ".join(left))


def _encoded(message: Any) -> bytes:
    return message if isinstance(message, bytes) else json.dumps(
        message).encode()
