"""--help and --version of each command, and what importing loads."""
import functools
import re
import subprocess
import sys

import pytest

from tests.support.commands import command, run, words_of
from tests.support.files import ROOT

COMMANDS = ["manager", "worker", "submit", "status", "cancel"]


@functools.cache
def help_of(name):
    """Return how --help of a command ended, which is run once."""
    return run(name, "--help")


@pytest.mark.parametrize("name", COMMANDS)
def test_help(name):
    """Every command tells how it is used."""
    outcome = help_of(name)
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert re.match(rf"Usage: mapreduce-{name} \[OPTIONS\]( \[?JOB\]?)?\n",
                    outcome.stdout)
    for option in ("--host", "--port"):
        assert option in outcome.stdout


@pytest.mark.parametrize("name, option", [
    *((name, "--help") for name in [*COMMANDS, "run", "streaming"]),
    ("worker", "--version"), ("run", "--version")])
def test_output_that_cannot_be_written(name, option):
    """The disk is full, for example."""
    with open("/dev/full", "wb") as full:
        outcome = subprocess.run(
            [*words_of(name), option], stdout=full, stderr=subprocess.PIPE,
            text=True, check=False)
    assert (outcome.returncode, outcome.stderr) == (
        1, "Error: cannot write the output: No space left on device\n")


@pytest.mark.parametrize("code", [
    pytest.param(
        "import mapreduce; mapreduce.manager.Manager; mapreduce.worker.Worker",
        id="mapreduce-is-enough"),
    pytest.param(
        "import sys, mapreduce.run, mapreduce.streaming, mapreduce.submit, "
        "mapreduce.status, mapreduce.cancel, mapreduce.cache; "
        "assert not [name for name in sys.modules if 'rich' in name]",
        id="clients-import-rich-when-they-draw"),
    pytest.param(
        "import sys, mapreduce.worker.task; "
        "assert not {'click', 'socket'} & sys.modules.keys()",
        id="stages-need-neither-click-nor-sockets"),
    pytest.param(
        "from mapreduce.utils import ThreadSafeOrderedDict, tcp_server",
        id="names-of-utils"),
])
def test_imports(code):
    """In an interpreter that has imported nothing else."""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.parametrize(
    "name", ["run", "streaming", "submit", "status", "cancel", "cache"])
def test_version_and_example(name):
    """The version is one line, and the help ends with an example."""
    program = f"mapreduce-{name}"
    outcome = subprocess.run([command(name), "--version"], check=True,
                             capture_output=True, text=True)
    assert re.fullmatch(rf"{program}, version \d\S*\n", outcome.stdout)
    assert re.search(rf"Examples?:\n +{program} ", help_of(name).stdout)


@pytest.mark.parametrize("name", [*COMMANDS, "run", "streaming"])
def test_help_names_values_for_what_they_are(name):
    """Not for the type that a library has for them."""
    text = help_of(name).stdout
    assert not re.search("INTEGER|RANGE|host TEXT", text)
    assert "(0)" not in text


@pytest.mark.parametrize("name, words", [
    ("submit", "neither input nor output may be -"),
    ("run", "with --output -, the result goes to standard output"),
    ("streaming", "Number of reduce tasks; with 0, the result"),
    ("worker", "do N tasks, then exit as in a crash"),
])
def test_help_says_what_else_a_value_may_be(name, words):
    """Such as - or 0."""
    assert words in " ".join(help_of(name).stdout.split())


@pytest.mark.parametrize("name, variables", [
    ("manager", ["HOST", "PORT", "LOGLEVEL"]),
    ("worker", ["HOST", "PORT", "LOGLEVEL"]),
    ("submit", ["HOST", "PORT"]), ("status", ["HOST", "PORT"]),
    ("cancel", ["HOST", "PORT"]),
])
def test_help_names_the_variables_of_the_environment(name, variables):
    """They are defaults of the options."""
    text = help_of(name).stdout
    assert [variable for variable in variables
            if f"MAPREDUCE_{variable}" not in text] == []


def test_port_of_a_worker_is_not_that_of_its_manager(monkeypatch):
    """The variable names the port of the Manager."""
    monkeypatch.setenv("MAPREDUCE_PORT", "0")
    outcome = run("worker")
    assert outcome.returncode == 2
    assert "Invalid value for '--manager-port'" in outcome.stderr
