"""mapreduce-run as a process: its output, its Workers, its end."""
import contextlib
import os
import pathlib
import subprocess

from tests.support.cluster import MAPPER, REDUCER, pipeline
from tests.support.commands import command
from tests.support.files import TESTDATA, in_order, names_in
from tests.support.waiting import TIMEOUT

INPUT = str(TESTDATA / "input")


class Run:
    """mapreduce-run as a process, which may be started and then watched."""

    def __init__(self, tmp_path):
        """Have it run in a directory of its own."""
        self.directory = tmp_path / "directory"
        self.temporary = tmp_path / "temporary"
        self.output = self.directory / "output"
        self.env = {**os.environ, "TMPDIR": str(self.temporary)}
        for path in (self.directory, self.temporary):
            path.mkdir()

    @contextlib.contextmanager
    def started(self, *options, mapper=MAPPER, output="output",
                program=(command("run"),)):
        """Start it; it is killed if it still runs after the block.

        It has one Worker unless the options name another number.
        """
        with subprocess.Popen(
                [*program, "-i", INPUT, "-o", output, "-m", mapper,
                 "-r", REDUCER, "--workers", "1", *options],
                cwd=self.directory, env=self.env, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                text=True) as process:
            try:
                yield process
            finally:
                process.kill()

    def __call__(self, *options, **fields):
        """Run it to its end; return exit code and standard error."""
        with self.started(*options, **fields) as process:
            stdout, stderr = process.communicate(timeout=TIMEOUT)
        assert stdout == ""
        assert names_in(self.temporary) == []
        return process.returncode, stderr

    def result(self, output="output"):
        """Return the parts, one after the other."""
        return b"".join(
            path.read_bytes() for path in
            sorted((self.directory / output).glob("part-*")))


def children(process):
    """Return the arguments of each child of a process, by its id."""
    found = {}
    for file in pathlib.Path(f"/proc/{process.pid}/task").glob("*/children"):
        for pid in file.read_text().split():
            arguments = pathlib.Path(f"/proc/{pid}/cmdline").read_text()
            found[int(pid)] = arguments.split("\0")
    return found


def workers(process):
    """Return the arguments of each Worker of a run, by its id."""
    return {pid: arguments for pid, arguments in children(process).items()
            if "mapreduce.worker" in arguments}


def lives(pid):
    """Tell whether there is a process, and it is no zombie."""
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/stat").read_text(
            ).rpartition(")")[2].split()[0] != "Z"
    return False


def expected():
    """Return the lines that counting the words gives."""
    return in_order(pipeline(INPUT, MAPPER, REDUCER))
