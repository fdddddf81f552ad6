"""Our commands as processes: how they are started, and run to their end."""
import pathlib
import subprocess
import sys

from tests.support.waiting import TIMEOUT


def command(name):
    """Return the path of, e.g., mapreduce-submit."""
    return str(pathlib.Path(sys.executable).parent / f"mapreduce-{name}")


def daemon_command(name):
    """Return the words that start a Manager or a Worker: manager or worker.

    bin/mapreduce takes no process for its own that is started like this. So
    its tests, which stop all Managers and Workers of this user, can run
    beside those that start some.
    """
    return [sys.executable, "-m", f"mapreduce.{name}"]


def run(name, *options):
    """Run a command to its end."""
    words = (daemon_command(name) if name in ("manager", "worker")
             else [command(name)])
    return subprocess.run([*words, *options], capture_output=True,
                          text=True, timeout=TIMEOUT)
