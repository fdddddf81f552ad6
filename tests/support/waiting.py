"""Waits for what other processes do, without sleeping for a fixed time."""
import os
import select
import time

from mapreduce.worker.processes.process import BLOCK

TIMEOUT = 100.0  # seconds; only a wait in vain takes as long
POLL_INTERVAL = 0.02  # seconds


def wait_until(predicate, timeout=TIMEOUT):
    """Poll until something is true; tell whether it became so in time.

    For what no event tells of: files, logs and ports of other processes.
    """
    deadline = time.monotonic() + timeout
    while not predicate():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_INTERVAL)
    return True


class Gate:
    """Where executables wait until the test lets them pass."""

    def __init__(self, path):
        """Make a gate, which is a named pipe."""
        os.mkfifo(path)
        self.line = f"read -r line < '{path}'"  # of a shell script
        self._file = open(path, "r+b", buffering=0)

    def __enter__(self):
        """Return the gate itself."""
        return self

    def __exit__(self, *_):
        """Let pass who still waits."""
        self._file.close()

    def open(self):
        """Let pass who waits and the next ones; each takes a line."""
        self._file.write(b"\n" * 1000)


WAIT = 60_000  # milliseconds for what is only late if it never comes


class Lifeline:
    """A named pipe that scripts hold open: it ends with the last of them."""

    def __init__(self, path):
        """Make the pipe; a script opens it with the command of __str__."""
        os.mkfifo(path)
        self._path = path
        self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def __str__(self):
        """Return the shell command that holds the pipe open from there on."""
        return f"exec 9>'{self._path}'"

    def wait_for_start(self):
        """Wait until a script says so: echo started >&9."""
        assert self._poll() & select.POLLIN
        os.read(self._file, BLOCK)

    def all_ended(self):
        """Tell whether all who held the pipe open end in time."""
        # Also if each of them was killed before it opened the pipe: the system
        # tells only of an end that comes after a beginning.
        os.close(os.open(self._path, os.O_WRONLY))
        return self._poll() == select.POLLHUP

    def close(self):
        """Close the pipe."""
        os.close(self._file)

    def _poll(self):
        poller = select.poll()
        poller.register(self._file, select.POLLIN)
        ready = poller.poll(WAIT)
        return ready[0][1] if ready else 0
