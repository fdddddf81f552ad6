"""bin/mapreduce in a directory of a test's own, and daemons beside it."""
import contextlib
import os
import pathlib
import subprocess

from tests.support.commands import command
from tests.support.files import ROOT
from tests.support.ports import answers
from tests.support.waiting import TIMEOUT, wait_until

DAEMONS = "mapreduce-manager", "mapreduce-worker"
PORTS = 6000, 6001, 6002
START = "starting mapreduce ...\n"
STOP = "stopping mapreduce ...\n"
NOT_RUNNING = "manager not running\nworkers not running\n", 1


def daemons_of_this_user():
    """Return the command lines of Managers and Workers that run, as lists.

    Without /proc, none is found.
    """
    found = []
    for file in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = file.read_text().split("\0")[:-1]
            if (file.stat().st_uid == os.getuid() and len(words) > 1
                    and os.path.basename(words[1]) in DAEMONS):
                found.append(words)
    return found


class InitScript:
    """bin/mapreduce, in a directory of the test's own."""

    def __init__(self, directory, path):
        """Run it in a directory, with this PATH."""
        self.directory = directory
        self.path = path

    def __call__(self, *arguments):
        """Return what it prints and its exit code; it prints no errors."""
        outcome = subprocess.run(
            [ROOT / "bin/mapreduce", *arguments], cwd=self.directory,
            env={**os.environ, "PATH": self.path}, capture_output=True,
            text=True, timeout=TIMEOUT)
        assert outcome.stderr == ""
        return outcome.stdout, outcome.returncode

    def logs(self):
        """Return the names of the logs."""
        return sorted(os.listdir(self.directory / "var/log"))


@contextlib.contextmanager
def running(*arguments, **env):
    """Run a process, which may read from its standard input, for a while."""
    with subprocess.Popen(arguments, stdin=subprocess.PIPE,
                          stderr=subprocess.DEVNULL,
                          env={**os.environ, **env}) as process:
        try:
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def running_daemon(name, port, *options, **env):
    """Run a Manager or a Worker that the init script has not started."""
    with running(command(name), "--port", str(port), *options,
                 **env) as process:
        assert wait_until(lambda: answers(port))
        yield process
