"""Our commands as processes: how they are started, and run to their end."""
import contextlib
import fcntl
import os
import pathlib
import subprocess
import sys
import tempfile

from tests.support.waiting import TIMEOUT


DAEMONS = "manager", "worker"


def command(name):
    """Return the path of, e.g., mapreduce-submit.

    Only tests that hold no_other_cluster may start mapreduce-manager and
    mapreduce-worker by their paths; all others use words_of.
    """
    return str(pathlib.Path(sys.executable).parent / f"mapreduce-{name}")


def daemon_command(name):
    """Return the words that start a Manager or a Worker: manager or worker.

    bin/mapreduce takes no process for its own that is started like this. So
    its tests, which stop all Managers and Workers of this user, can run
    beside those that start some.
    """
    return [sys.executable, "-m", f"mapreduce.{name}"]


def words_of(name):
    """Return the words that start any of our commands, also a daemon."""
    return daemon_command(name) if name in DAEMONS else [command(name)]


@contextlib.contextmanager
def no_other_cluster():
    """Have no other test use bin/mapreduce until the block ends.

    It stops all daemons that were started as its own are, by any test of this
    user, also those in namespaces of their own. The block may begin late, so
    a fixture holds it, of a test whose time limit is func_only.
    """
    path = pathlib.Path(
        tempfile.gettempdir(), f"mapreduce-tests-{os.getuid()}.lock")
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run(name, *options):
    """Run a command to its end."""
    return subprocess.run([*words_of(name), *options], capture_output=True,
                          text=True, timeout=TIMEOUT)
