"""Our commands as processes that end by themselves."""
import subprocess

from tests.support.cluster import command
from tests.support.waiting import TIMEOUT


def run(name, *options):
    """Run a command to its end."""
    return subprocess.run([command(name), *options], capture_output=True,
                          text=True, timeout=TIMEOUT)
