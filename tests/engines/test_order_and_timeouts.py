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

pytestmark = pytest.mark.timeout(60)

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
            [command("run"), "-o", "output", "--workers", "2", *options],
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
    run.write("map.py", b"import sys\n"
              b"for line in sys.stdin: print(line.strip() + sys.argv[1])\n")
    assert run.lines("-i", INPUT, "-m", "python3 map.py ' !'", "-r", "cat",
                     ) == shell("sed 's/^[ \t]*//; s/[ \t]*$//; s/$/ !/' *")


def test_map_only_job_has_a_task_for_each_split(run):
    """Unless it is given another number."""
    write_files(run.directory / "in", *[b"a\n"] * 40)
    for options, number in (
            (["-i", "in"], 40), (["-i", "in/000?"], 10),
            (["-i", "in", "--nmappers", "3"], 3)):
        assert len(run.result(*options, "-m", "cat", "--nreducers", "0")
                   ) == number


COMBINER = (
    "awk -F '\\t' '{ sum[$1] += $2 } "
    "END { for (word in sum) print word \"\\t\" sum[word] }'")


def test_combiner(run):
    """It may print in any order, and lessens what the reducer gets."""
    run.script("map", f"{WORDS} | sed 's/$/\t1/'")
    for combiner in ([], ["--combiner", COMBINER]):
        lines = run.lines("-i", INPUT, "-m", "map", "-r", COMBINER, *combiner)
        assert lines == shell(
            f"cat * | {WORDS} | sed 's/$/\t1/' | {COMBINER}")
    seen = run.lines("-i", INPUT, "-m", "map", "-r", "cat", "--nmappers", "1",
                     "--combiner", "sed s/1/2/", "--split-size", "0")
    assert seen == shell(f"cat * | {WORDS} | sed 's/$/\t2/'")


PARTITIONER = [
    "import sys",
    "for line in sys.stdin:",
    "    print(ord(line[0].lower()) % int(sys.argv[1]))",
]


def test_partitioner_does_not_jam(run):
    """It may print all before it reads, or read all before it prints."""
    run.write("a", b"".join(b"%d\n" % n for n in range(200_000)))
    run.script("late", "cat > /dev/null",
               "awk 'BEGIN { for (n = 0; n < 200000; n++) print n % 3 }'")
    run.script("early", "exec < /dev/null",
               "awk 'BEGIN { for (n = 0; n < 200000; n++) print n % 3 }'")
    for partitioner in ("./late", "./early"):
        parts = run.result("-i", "a", "-m", "cat", "-r", "cat",
                           "--partitioner", partitioner, "--nreducers", "3",
                           "--nmappers", "1", "--split-size", "0")
        assert [part.splitlines() for part in parts] == [
            sorted(b"%d" % n for n in range(start, 200_000, 3))
            for start in range(3)]


def test_map_only_gives_what_the_mappers_wrote(run):
    contents = [b"b\na", b"", b"\n\n", b"z\ty\nx\r\n", b"\0\xff"]
    write_files(run.directory / "in", *contents)
    assert run.result(
        "-i", "in", "-m", "cat", "--nreducers", "0") == contents
    assert run.result(
        "-i", "in", "-m", "cat", "--nreducers", "0", "--nmappers", "2",
    ) == [b"b\na\n\n\0\xff", b"z\ty\nx\r\n"]


@pytest.mark.parametrize("options", [
    ["-m", "sleep 60", "-r", "cat"], ["-m", "cat", "-r", "sleep 60"],
    ["-m", "cat", "-r", "cat", "--combiner", "sleep 60"],
    ["-m", "sleep 60", "--nreducers", "0"],
], ids=lambda options: " ".join(options))
def test_task_that_stands_still_fails(run, options):
    """Its input is more than a pipe holds."""
    run.write("a", b"x\n" * 2**20)
    said = run.failure("-i", "a", *options, "--task-timeout", "0.2",
                       "--max-attempts", "1")
    assert "sleep 60" in said
    assert "0.2 s" in said


@pytest.mark.parametrize("slow", [
    "while read -r line; do sleep .01; done",
    "for n in $(seq 60); do sleep .01; echo $n; done",
    "for n in $(seq 60); do sleep .01; echo $n >&2; done",
])
def test_task_that_is_slow_does_not_stand_still(run, slow):
    """It reads, writes or reports all the time, and for longer than that."""
    run.write("a", b"".join(b"%4000d\n" % n for n in range(60)))
    run.script("slow", slow)
    for options in (["-m", "./slow", "-r", "cat"],
                    ["-m", "cat", "-r", "./slow"]):
        run.lines("-i", "a", *options, "--nmappers", "1", "--nreducers", "1",
                  "--task-timeout", "0.5", "--max-attempts", "1")


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
        "--cmdenv", "LC_ALL=C", "--keep-intermediate", "kept",
        "--max-attempts", "2", "--no-clobber")
    assert lines == shell(
        f"cat * * | grep -oE '[A-Za-z]+' | sed 's/$/\t1/' | {COMBINER}")
