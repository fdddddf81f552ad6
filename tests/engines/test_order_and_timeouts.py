"""What is hard about the options of a job: order, timeouts, jams.

With real processes; results are compared with those of a pipeline.
"""
import gzip
import itertools
import os
import subprocess

import pytest

from tests.support.commands import command
from tests.support.files import (
    TESTDATA,
    in_order,
    names_in,
    write_executable,
    write_files,
)
from tests.support.waiting import TIMEOUT

INPUT = TESTDATA / "input"
WORDS = "tr -cs A-Za-z '\\n'"  # a mapper: a word a line


class Runner:
    """mapreduce-run in a directory of its own."""

    def __init__(self, tmp_path):
        """Work in a new directory."""
        self.directory = tmp_path / "directory"
        self.temporary = tmp_path / "temporary"
        for path in (self.directory, self.temporary):
            path.mkdir()

    def __call__(self, *options):
        """Run a job into the directory output; return how it ended."""
        ended = subprocess.run(
            [command("run"), "-o", "output", "--workers", "1", *options],
            stdin=subprocess.DEVNULL, cwd=self.directory, check=False,
            capture_output=True,
            env={**os.environ, "TMPDIR": str(self.temporary)},
            timeout=TIMEOUT)
        assert ended.stdout == b""
        assert b"Traceback" not in ended.stderr
        assert names_in(self.temporary) == []
        return ended

    def result(self, *options):
        """Run a job that has to succeed; return its parts in order."""
        ended = self(*options)
        assert ended.returncode == 0, ended.stderr.decode()
        return self.parts()

    def lines(self, *options):
        """Run a job that has to succeed; return its sorted lines."""
        return in_order(b"".join(self.result(*options)))

    def failure(self, *options):
        """Run a job that has to fail; return what is said about it."""
        ended = self(*options)
        assert ended.returncode == 1, ended.stderr.decode()
        return ended.stderr.decode()

    def parts(self):
        """Return the parts of the result, in order."""
        output = self.directory / "output"
        names = names_in(output)
        assert names == [f"part-{part:05d}" for part in range(len(names))]
        return [(output / name).read_bytes() for name in names]

    def write(self, name, content):
        """Write a file into the directory; return its name."""
        (self.directory / name).write_bytes(content)
        return name

    def script(self, name, *lines):
        """Write a shell script into the directory; return its name."""
        write_executable(self.directory / name, *lines)
        return name


@pytest.fixture(name="run")
def _run(tmp_path):
    """mapreduce-run in a directory of the test's own."""
    return Runner(tmp_path)


def shell(script):
    """Return the sorted lines that a script of the shell prints."""
    return in_order(subprocess.run(
        ["sh", "-c", script], cwd=INPUT, check=True,
        env={**os.environ, "LC_ALL": "C"}, stdout=subprocess.PIPE).stdout)


def test_script_of_an_interpreter(run):
    """Its words are those of a shell; no shell runs."""
    run.write("map.py", b"import sys\n"
              b"for line in sys.stdin: print(line.strip(), *sys.argv[1:])\n")
    assert run.lines(
        "-i", INPUT / "file01", "-m", "python3 map.py ' !' '*' '$HOME;'",
        "-r", "sed s/a/A/") == shell(
            "sed 's/^[ \t]*//; s/[ \t]*$//; s/$/  ! * $HOME;/' file01"
            " | sed s/a/A/")


COMBINER = (
    "awk -F '\\t' '{ sum[$1] += $2 } "
    "END { for (word in sum) print word \"\\t\" sum[word] }'")


PARTITIONER = [
    "import sys",
    "for line in sys.stdin:",
    "    print(ord(line[0].lower()) % int(sys.argv[1]))",
]


def test_map_only_gives_what_the_mappers_wrote(run):
    contents = [b"b\na", b"", b"\n\n", b"z\ty\nx\r\n", b"\0\xff"]
    write_files(run.directory / "in", *contents)
    assert run.result(
        "-i", "in", "-m", "cat", "--nreducers", "0") == contents
    assert run.result(
        "-i", "in", "-m", "cat", "--nreducers", "0", "--nmappers", "2",
    ) == [b"b\na\n\n\0\xff", b"z\ty\nx\r\n"]


def test_task_that_stands_still_fails(run):
    """Also without a reduce stage; its input is more than a pipe holds."""
    run.write("a", b"x\n" * 2**17)
    said = run.failure("-i", "a", "-m", "sleep 60", "--nreducers", "0",
                       "--task-timeout", "0.2", "--max-attempts", "1")
    assert "sleep 60" in said
    assert "0.2 s" in said


def test_what_the_map_stage_made_is_kept(run):
    for _ in range(2):  # The files of the first time are replaced.
        run.lines("-i", INPUT, "-m", WORDS, "-r", "uniq -c", "--nmappers",
                  "3", "--nreducers", "2", "--keep-intermediate", "kept/it")
    kept = run.directory / "kept/it"
    assert names_in(kept) == [
        f"maptask{task:05d}-part{part:05d}"
        for task, part in itertools.product(range(3), range(2))]
    contents = [path.read_bytes() for path in sorted(kept.iterdir())]
    assert all(in_order(content) == content.splitlines(keepends=True)
               for content in contents)
    assert in_order(b"".join(contents)) == shell(f"cat * | {WORDS}")


def test_what_is_kept_stays_when_the_reduce_stage_fails(run):
    run.failure("-i", INPUT, "-m", "cat", "-r", "false", "--nmappers", "1",
                "--nreducers", "1", "--keep-intermediate", "kept",
                "--max-attempts", "1")
    assert names_in(run.directory / "kept") == ["maptask00000-part00000"]


def test_everything_at_once(run):
    text = b"".join(path.read_bytes() for path in sorted(INPUT.iterdir()))
    run.write("a.gz", gzip.compress(text))
    run.write("partition.py", "\n".join(PARTITIONER).encode())
    run.script("map", "grep -oE '[A-Za-z]+' | sed 's/$/\t1/'")
    lines = run.lines(
        "-i", "a.gz", "-i", INPUT, "-m", "map", "-r", COMBINER, "--combiner",
        COMBINER, "--partitioner", "python3 partition.py", "--split-size",
        "1000", "--nmappers", "5", "--nreducers", "3", "--task-timeout", "20",
        "--workers", "2",
        "--cmdenv", "LC_ALL=C", "--keep-intermediate", "kept",
        "--max-attempts", "2", "--no-clobber")
    assert lines == shell(
        f"cat * * | grep -oE '[A-Za-z]+' | sed 's/$/\t1/' | {COMBINER}")
