"""Run the commands of a page in a copy of the project.

Each page has a world of its own, if the system allows it: see namespace.py.
"""
import functools
import os
import pathlib
import re
import select
import shlex
import shutil
import subprocess
import sys
import time

from tests.support import namespace
from tests.support.files import ROOT
from tests.support.pages import File, fits

COPIED = (".ci", "README.md", "bin", "mapreduce", "pyproject.toml",
          "requirements.txt", "tests")
HOME = "/home/me/mapreduce"  # the directory of the project, in the pages

TIMEOUT = 100.0  # seconds for one command, or until its output fits
LOOK_INTERVAL = 0.1  # seconds

# Commands that change nothing: what they show may come a moment later.
LOOKS = ("cat", "grep", "head", "ls", "mapreduce-status", "sort", "tail")

# What is run in place of a command, since the command itself would take
# minutes. The reason stands above each.
STAND_INS = {
    # A full run takes 15 minutes and downloads other frameworks.
    "./bin/benchmark": "./bin/benchmark --help",
    # It takes ten seconds; test_benchmark_command does some of it.
    "./bin/benchmark --scheduler": "./bin/benchmark --scheduler --help",
    # It takes minutes, and needs Java and PySpark.
    "./bin/benchmark --engine spark": "./bin/benchmark --engine spark --help",
    # The other contenders would be downloaded.
    "./bin/benchmark --scale 0.01 --rounds 1":
        "./bin/benchmark --scale 0.01 --rounds 1 --case identity "
        "--contender mapreduce --contender 'plain pipeline'",
    # It takes minutes, and 450 MB.
    "pip install 'mapreduce[spark]'": "pip --version",
    # It takes more than ten minutes.
    "for run in 1 2 3 4 5 6 7 8 9 10; do bin/test -q tests/processes "
    "|| break; done": "bin/test -q tests/processes",
    # It takes a minute; test_chaos does some of it.
    "env/bin/python -m tests.support.chaos --seed 1 --seconds 60":
        "env/bin/python -m tests.support.chaos --seed 1 --seconds 0",
}

# Spark may be missing here. Workers do the jobs for one machine; of those for
# a cluster, only the options are checked.
SPARK = re.compile(r"--engine spark --master ('local\[2\]'|\S+)")

# No Docker runs where we test.
DOCKER = re.compile(r"docker ")

# What the commands see beside the environment of the tests.
ENVIRONMENT = {
    # A run of the tests inside a test only looks for some of the tests.
    "PYTEST_ADDOPTS": "--collect-only --quiet --quiet -p no:cacheprovider "
                      "--ignore-glob=*/test_[!r]*",
    "PYTHONDONTWRITEBYTECODE": "1",
    # Should bin/install find work to do, it leaves the real env/ as it is:
    # the one in here is made of links to it.
    "PIP_DRY_RUN": "1",
}

# A daemon that runs in the foreground.
DAEMON = re.compile(r"mapreduce-(manager|worker)\b(?!.*&$)")
# What a Shell prints after a command, with its exit code.
END = re.compile(rb"\n\x01(\d+)\n")


class Sandbox:
    """A copy of the project in which the commands of a page are run."""

    def __init__(self, directory):
        """Make the copy in a directory that does not exist yet."""
        self.directory = directory
        directory.mkdir()
        for name in COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(
                    ROOT / name, directory / name,
                    # With the byte code, so that no command compiles it again,
                    # but not what another process just writes.
                    ignore=shutil.ignore_patterns("*.pyc.*"))
            else:
                shutil.copy(ROOT / name, directory / name)
        self._link_environment()

    def _link_environment(self):
        """Have bin/install find env/ as if it had just made it."""
        env = self.directory / "env"
        env.mkdir()
        for path in pathlib.Path(sys.executable).parent.parent.iterdir():
            if not path.name.startswith(".installed"):
                (env / path.name).symlink_to(path)
        settings = "".join(
            (ROOT / name).read_text()
            for name in ("pyproject.toml", "requirements.txt",
                         "mapreduce/worker/shuffle/_native.c"))
        stamp = f"{self.directory} {settings}".rstrip("\n") + "\n"
        for name in (".installed", ".installed-development"):
            (env / name).write_text(stamp)

    def run(self, steps):
        """Run the Commands and save the Files; return what went wrong."""
        temporary = self.directory / "var/tmp"
        temporary.mkdir(parents=True)
        env = {
            **os.environ, **ENVIRONMENT, "TMPDIR": str(temporary),
            "PATH": f"{self.directory}/env/bin:{os.environ['PATH']}"}
        problems = []
        with Shell(self.directory, env) as shell:
            for step in steps:
                if isinstance(step, File):
                    (self.directory / step.name).write_text(step.text)
                else:
                    problems.extend(self._run(shell, step))
        return problems

    def _run(self, shell, command):
        """Run a command; iterate over what is wrong with it, if anything."""
        printed, code = self._look(shell, command)
        if not _is_expected(command, code):
            yield (f"line {command.line}: exit code {code}: {command.text}\n"
                   + "\n".join(printed))
        elif command.shown and not fits(command.shown, printed):
            yield (f"line {command.line}: {command.text}\nshown:\n"
                   + "\n".join(command.shown) + "\nprinted:\n"
                   + "\n".join(printed))

    def _look(self, shell, command):
        """Run a command until it prints what is shown, or just once."""
        text = _runnable(command)
        deadline = time.monotonic() + TIMEOUT
        while True:
            output, code = shell.run(text)
            printed = output.replace(str(self.directory), HOME).splitlines()
            if (command.text.split()[0] not in LOOKS or not command.shown
                    or (fits(command.shown, printed)
                        and _is_expected(command, code))
                    or time.monotonic() > deadline):
                return printed, code
            time.sleep(LOOK_INTERVAL)


def _is_expected(command, code):
    if "--watch" in command.text:  # Ended by Ctrl-C, see _runnable.
        return code == 130
    return (code != 0) == command.fails


def _runnable(command):
    """Return what to run for a command, so that it comes to an end."""
    text = STAND_INS.get(command.text, command.text)
    if DOCKER.match(text):
        return "true"
    if found := SPARK.search(text):
        text = (SPARK.sub("--engine local", text) if "local" in found[1]
                else f"{text} --help")
    if "--watch" in text:
        return f"timeout --preserve-status --signal INT 1 {text}"
    if command.host and DAEMON.match(text):
        log = f"var/tmp/{command.host}-{command.line}.log"
        return (f"{text} > {log} 2>&1 & until grep -q Listening {log}; "
                f"do sleep 0.05; done; cat {log}")
    return text


def namespaces():
    """Return the words that run a command in a world of its own."""
    rights = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *rights, "--net", "--mount", "--pid", "--fork",
            "--kill-child", "--mount-proc", sys.executable, "-I",
            namespace.__file__]


@functools.cache
def has_namespaces():
    """Return whether this system lets us have namespaces."""
    try:
        return subprocess.run(
            [*namespaces(), "true"], capture_output=True).returncode == 0
    except OSError:
        return False


def needs_namespaces(commands):
    """Return whether commands use fixed ports, or end daemons of others."""
    return any(re.search(r"bin/mapreduce\b|mapreduce-(?!run|streaming)|-manag",
                         command.text) for command in commands)


class Shell:
    """A shell that runs one command after the other."""

    def __init__(self, directory, env):
        """Start it in a directory."""
        prefix = namespaces() if has_namespaces() else []
        self._process = subprocess.Popen(
            [*prefix, "bash", "--norc", "-s"], cwd=directory, env=env,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True)
        self._output = b""

    def __enter__(self):
        """Return the Shell itself."""
        return self

    def __exit__(self, *_):
        """End it, and with it all processes of its namespace."""
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def run(self, text):
        """Run a command; return what it prints and its exit code."""
        self._process.stdin.write((
            f"eval {shlex.quote(text)} < /dev/null\n"
            r"printf '\n\001%d\n' $?" "\n").encode())
        self._process.stdin.flush()
        deadline = time.monotonic() + TIMEOUT
        while not (end := END.search(self._output)):
            if not self._read(deadline - time.monotonic()):
                raise AssertionError(f"{text}: no end after {TIMEOUT} s:\n"
                                     f"{self._output.decode()}")
        printed = self._output[:end.start()].decode("utf-8", "replace")
        # What follows was printed by a process in the background.
        self._output = self._output[end.end():]
        return printed, int(end[1])

    def _read(self, seconds):
        """Wait for output; return whether there was some."""
        ready, _, _ = select.select(
            [self._process.stdout], [], [], max(0.0, seconds))
        block = ready and os.read(self._process.stdout.fileno(), 2**16)
        self._output += block or b""
        return bool(block)
