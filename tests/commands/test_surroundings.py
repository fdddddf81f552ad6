"""What a command makes of odd surroundings, before it does anything."""
import os
import signal
import subprocess
import sys

import pytest

from tests.support.commands import words_of
from tests.support.files import ROOT

# Python would import a module of this name from the working directory first.
INTERRUPTED = "import os, signal; os.kill(os.getpid(), signal.SIGINT)\n"


@pytest.mark.parametrize("module", [
    "run", "streaming", "submit", "status", "cancel", "manager", "worker"])
def test_ctrl_c_while_a_command_is_imported(tmp_path, module):
    """It ends at once, as by a program that handles no signal."""
    (tmp_path / "click.py").write_text(INTERRUPTED)
    outcome = subprocess.run(
        [sys.executable, "-m", f"mapreduce.{module}"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True, text=True, check=False)
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (
        -signal.SIGINT, "", "")


def test_import_of_the_package_leaves_ctrl_c_alone():
    subprocess.run(
        [sys.executable, "-c", "import signal, mapreduce; assert "
         "signal.getsignal(signal.SIGINT) is signal.default_int_handler"],
        check=True, cwd=ROOT)


@pytest.mark.parametrize("name, options", [
    ("run", ["-i", "/dev/null", "-o", "out", "-m", "cat", "-r", "cat"]),
    ("manager", ["--port", "0"]), ("worker", ["--port", "0"])])
def test_working_directory_that_is_gone(tmp_path, name, options):
    outcome = subprocess.run(
        ["sh", "-c", 'rmdir "$PWD"; exec "$0" "$@"', *words_of(name),
         *options], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (
        1, "", "Error: the working directory is gone; cd to one that "
        "exists\n")
