"""Clients that do whole jobs as processes, with word count as the job."""
import collections
import os
import subprocess

from tests.support.commands import command
from tests.support.files import TESTDATA, names_in, read_files
from tests.support.waiting import TIMEOUT

INPUT = TESTDATA / "input"
LARGE = TESTDATA / "input_large" / "file01"


class Client:
    """A client that does jobs, in a directory of its own."""

    def __init__(self, tmp_path):
        """Make the directory; its output is in there."""
        self.directory = tmp_path / "directory"
        self.temporary = tmp_path / "temporary"
        self.output = self.directory / "output"
        for path in (self.directory, self.temporary):
            path.mkdir()

    def __call__(self, name, *options, stdin=b"", env=None):
        """Run it to its end; return exit code and standard error.

        A job by Workers has one, unless the options name another number.
        """
        workers = ["--workers", "1"] if (
            name == "run" and "spark" not in options) else []
        outcome = subprocess.run(
            [command(name), *workers, *map(str, options)], input=stdin,
            timeout=TIMEOUT, cwd=self.directory, capture_output=True,
            env={**os.environ, "TMPDIR": str(self.temporary), **(env or {})})
        assert names_in(self.temporary) == []
        assert outcome.stdout == b""
        return outcome.returncode, outcome.stderr.decode()

    def result(self):
        """Return the parts, one after the other."""
        return b"".join(read_files(self.output).values())


def expected(*paths):
    """Return the lines of the count of words in directories and files."""
    words = b" ".join(
        file.read_bytes() for path in paths
        for file in (path.iterdir() if path.is_dir() else [path])).split()
    return sorted(b"%s\t%d\n" % item
                  for item in collections.Counter(words).items())
