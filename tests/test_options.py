"""The options of a job, with real processes: what each does to the result."""
import bz2
import collections
import gzip
import lzma
import os
import pty
import re
import subprocess
import sys

import pytest

from tests.cluster import (
    ROOT,
    TIMEOUT,
    WORD_COUNT,
    command,
    in_order,
    names_in,
    pipeline,
)
from tests.stages import EXECUTABLES, TESTDATA, read_files, write_executable

pytestmark = pytest.mark.timeout(60)

MAPPER, REDUCER = map(str, WORD_COUNT)
INPUT = TESTDATA / "input"
LARGE = TESTDATA / "input_large" / "file01"
STREAMING = {"-i": "-input", "-o": "-output", "-m": "-mapper",
             "-r": "-reducer"}


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
        """Run it to its end; return exit code and standard error."""
        outcome = subprocess.run(
            [command(name), *map(str, options)], input=stdin, timeout=TIMEOUT,
            cwd=self.directory, capture_output=True,
            env={**os.environ, "TMPDIR": str(self.temporary), **(env or {})})
        assert names_in(self.temporary) == []
        assert outcome.stdout == b""
        return outcome.returncode, outcome.stderr.decode()

    def result(self):
        """Return the parts, one after the other."""
        return b"".join(read_files(self.output).values())


@pytest.fixture(name="client")
def _client(tmp_path):
    """Return a function that runs a client."""
    return Client(tmp_path)


@pytest.fixture(name="run")
def _run(client):
    """Return a function: the result of word count with more options."""
    def run(*options, source=INPUT, mapper=MAPPER, reducer=REDUCER, **kwargs):
        code, stderr = client(
            "run", "-i", source, "-o", "output", "-m", mapper, "-r", reducer,
            "--workers", 2, "--quiet", *options, **kwargs)
        assert (code, stderr) == (0, "")
        return client.result()
    return run


def expected(*paths):
    """Return the lines of the count of words in directories and files."""
    words = b" ".join(
        file.read_bytes() for path in paths
        for file in (path.iterdir() if path.is_dir() else [path])).split()
    return sorted(b"%s\t%d\n" % item
                  for item in collections.Counter(words).items())


def test_commands_with_arguments(run):
    """Words are those of a shell; no shell runs."""
    assert in_order(run(
        mapper=f"{sys.executable} '{EXECUTABLES}/wc_map.py' '*' '$HOME;'",
        reducer=f"{sys.executable} {EXECUTABLES / 'wc_reduce.py'}",
    )) == in_order(pipeline(INPUT, MAPPER, REDUCER))


def test_program_in_the_working_directory(client, run):
    """It is found without a slash, and before the PATH."""
    write_executable(client.directory / "cut", f"exec '{MAPPER}' # $1")
    assert in_order(run(mapper="cut -f")) == expected(INPUT)


def test_several_inputs(run):
    """Files, directories and patterns, one of them twice."""
    assert in_order(run(
        "-i", INPUT / "file02", "-i", INPUT / "file0[3-4]", "-i", LARGE,
        source=TESTDATA / "input_small", mapper=MAPPER,
    )) == expected(TESTDATA / "input_small", INPUT / "file02",
                   INPUT / "file03", INPUT / "file04", LARGE)


@pytest.fixture(name="compressed")
def _compressed(tmp_path):
    """A directory of compressed files; the content of one in two members."""
    directory = tmp_path / "compressed"
    directory.mkdir()
    texts = [file.read_bytes() for file in sorted(INPUT.iterdir())]
    (directory / "plain").write_bytes(texts[0])
    (directory / "a.gz").write_bytes(
        gzip.compress(texts[1]) + gzip.compress(texts[2]))
    (directory / "b.bz2").write_bytes(bz2.compress(texts[3]))
    (directory / "c.xz").write_bytes(lzma.compress(b"".join(texts[4:])))
    return directory


def test_compressed_inputs(compressed, run):
    """They count as if they were not; and are not divided."""
    assert in_order(run("--split-size", 100, source=compressed)) == expected(
        INPUT)


def test_compressed_inputs_as_they_are(compressed, client, run):
    """Who wants the bytes gets them."""
    run("--no-decompress", "--nreducers", 0, source=compressed, mapper="cat")
    assert [*read_files(client.output).values()] == [
        *read_files(compressed).values()]


def test_truncated_file(compressed, client):
    """It fails the job, which names it."""
    (compressed / "a.gz").write_bytes(
        (compressed / "a.gz").read_bytes()[:-20])
    code, stderr = client(
        "run", "-i", compressed, "-o", "output", "-m", "cat", "-r", "cat",
        "--quiet")
    assert code == 1
    assert "a.gz" in stderr and "Traceback" not in stderr
    assert names_in(client.output) == []


def test_standard_input(run):
    """It is an input like another."""
    assert in_order(run("-i", INPUT / "file01", source="-",
                        stdin=LARGE.read_bytes())) == expected(
        LARGE, INPUT / "file01")


def test_terminal_is_read_to_its_first_end(client):
    leader, follower = pty.openpty()
    with subprocess.Popen(
            [command("run"), "-i", "-", "-o", "output", "-m", "cat", "-r",
             "cat", "--nreducers", "1", "--quiet"], stdin=follower,
            cwd=client.directory) as process:
        os.write(leader, b"b\na\n\x04")
        assert process.wait(TIMEOUT) == 0
    assert client.result() == b"a\nb\n"
    os.close(leader)
    os.close(follower)


def test_other_inputs_are_looked_for_before_standard_input_is_read(client):
    read_end, write_end = os.pipe()
    with subprocess.Popen(
            [command("run"), "-i", "-", "-i", "missing", "-o", "output", "-m",
             "cat", "-r", "cat"], stdin=read_end, stderr=subprocess.PIPE,
            cwd=client.directory, text=True) as process:
        _, stderr = process.communicate(timeout=TIMEOUT)
    assert "'missing'" in stderr
    os.close(read_end)
    os.close(write_end)


@pytest.mark.parametrize("size", ["1", "333", "4K", "1M"])
def test_splits_of_one_file(client, run, tmp_path, size):
    """Each line is in one of them, and stays as it is."""
    file = tmp_path / "lines"
    file.write_bytes(b"a\r\n\n\nlonger " + 500 * b"x" + b"\r\nb\nno newline")
    if size == "4K":
        file = LARGE
    run("--split-size", size, "--nreducers", 0, source=file, mapper="cat",
        reducer="unused")
    lines = [line for part in read_files(client.output).values()
             for line in part.splitlines(keepends=True)]
    assert sorted(lines) == in_order(file.read_bytes())
    assert (len(names_in(client.output)) > 1) == (size != "1M")


def test_one_large_file_feeds_many_mappers(client, run):
    """Up to sixteen a Worker."""
    run("--split-size", "1K", "--nreducers", 0, source=LARGE, mapper="cat",
        reducer="unused")
    assert names_in(client.output) == [
        f"part-{number:05d}" for number in range(32)]


def test_combiner(run, tmp_path):
    """It changes nothing but how much goes to the reducers."""
    reducer = write_executable(
        tmp_path / "counts", "tee -a seen | " + REDUCER)
    seen = tmp_path / "directory" / "seen"
    options = ["--nreducers", 1, "--nmappers", 2]
    assert in_order(run(*options, "--combiner", REDUCER, reducer=reducer)
                    ) == expected(INPUT)
    combined = seen.stat().st_size
    seen.unlink()
    assert in_order(run(*options, reducer=reducer)) == expected(INPUT)
    assert combined < seen.stat().st_size / 2


def test_partitioner(client, run, tmp_path):
    """As in madoop: a number for each line; here, by the first letter."""
    partitioner = write_executable(
        tmp_path / "partition",
        """exec awk -v n="$1" '{ print ($0 < "n") ? 0 : n - 1 }'""")
    assert in_order(run("--nreducers", 3, "--partitioner", partitioner,
                        env={"LC_ALL": "C"})) == expected(INPUT)
    first, second, third = read_files(client.output).values()
    assert max(first.splitlines()) < b"n" <= min(third.splitlines())
    assert second == b""


def test_partitioner_with_a_wrong_number(client, tmp_path):
    """The line that was wrong is shown."""
    (tmp_path / "words").write_bytes(b"good\nbad\n")
    partitioner = write_executable(tmp_path / "partition", "echo 0; echo 7")
    code, stderr = client(
        "run", "-i", tmp_path / "words", "-o", "output", "-m", "cat", "-r",
        "cat", "--nreducers", 2, "--partitioner", partitioner, "--quiet")
    assert code == 1
    assert "7" in stderr and "bad" in stderr


def test_map_only(client, run):
    """Unsorted, and as the mappers wrote it."""
    run("--nreducers", 0, "--nmappers", 8, mapper="cat", reducer="unused")
    assert read_files(client.output) == {
        f"part-{number:05d}": file.read_bytes()
        for number, file in enumerate(sorted(INPUT.iterdir()))}


def test_environment(client, run, tmp_path):
    """What the user sets, and what Hadoop tells."""
    mapper = write_executable(
        tmp_path / "mapper", "cat > /dev/null",
        'env | grep -E "^(mapreduce_|MINE=|OTHERS=)"')
    run("--nreducers", 0, "--nmappers", 1, "--cmdenv", "MINE=a = b",
        mapper=mapper, reducer="unused", source=INPUT / "file01",
        env={"OTHERS": "kept"})
    found = dict(line.split("=", 1) for line in
                 client.result().decode().splitlines())
    job_id = found["mapreduce_job_id"]
    assert re.fullmatch(r"job_\d{12}_0000", job_id)
    assert found == {
        "MINE": "a = b", "OTHERS": "kept", "mapreduce_job_id": job_id,
        "mapreduce_task_id": f"task{job_id[3:]}_m_000000",
        "mapreduce_task_attempt_id": f"attempt{job_id[3:]}_m_000000_0",
        "mapreduce_task_partition": "0", "mapreduce_task_is_map": "true",
        "mapreduce_map_input_file": str(INPUT / "file01")}


def test_counters(client, tmp_path):
    """They are summed over the tasks that count: a failure counts nothing."""
    mapper = write_executable(
        tmp_path / "mapper", "cat > /dev/null",
        "echo reporter:counter:g,n,3 >&2", "echo reporter:status:half >&2",
        "mkdir once 2> /dev/null && exit 1", "exit 0")
    code, stderr = client(
        "run", "-i", INPUT, "-o", "output", "-m", mapper, "-r", "cat",
        "--nmappers", 4)
    assert code == 0, stderr
    lines = [line.split() for line in stderr.splitlines()]
    assert lines[-3:-1] == [["GROUP", "COUNTER", "AMOUNT"], ["g", "n", "24"]]


def test_counters_and_status_of_a_cluster(cluster, client, tmp_path, gate):
    """They are shown while the job runs, and after it."""
    mapper = write_executable(
        tmp_path / "mapper", "echo reporter:counter:g,n,-3 >&2",
        "echo reporter:status:half of it >&2", gate.line, "exec cat")
    cluster.start(1)
    with subprocess.Popen(
            [command("submit"), "-p", str(cluster.port), "--wait", "-m",
             mapper, "-o", client.output, "-i", INPUT, "-r", "cat",
             "--nmappers", "1", "--cmdenv", "A=1"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as waiting:
        cluster.wait_for(lambda: "half of it" in status(cluster, "0"))
        gate.open()
        _, stderr = waiting.communicate(timeout=TIMEOUT)
    assert waiting.returncode == 0, stderr
    assert re.search(r"^g +n +-24$", stderr, re.MULTILINE)
    assert re.search(r"^g +n +-24$", status(cluster, "0"), re.MULTILINE)
    assert '"amount": -24' in status(cluster, "--json", "0")


def status(cluster, *options):
    """Return what mapreduce-status prints."""
    return subprocess.run(
        [command("status"), "-p", str(cluster.port), *options], text=True,
        capture_output=True, timeout=TIMEOUT, check=False).stdout


def test_no_clobber(client):
    """What is there stays there."""
    client.output.mkdir()
    (client.output / "precious").touch()
    code, stderr = client("run", "-i", INPUT, "-o", "output", "-m", "cat",
                          "-r", "cat", "--no-clobber", "--quiet")
    assert code == 1
    assert "'output' exists already" in stderr
    assert names_in(client.output) == ["precious"]


def test_max_attempts(client, tmp_path):
    """Of each task."""
    mapper = write_executable(tmp_path / "mapper", "echo x >> tries; exit 1")
    code, stderr = client(
        "run", "-i", INPUT, "-o", "output", "-m", mapper, "-r", "cat",
        "--nmappers", 1, "--max-attempts", 2, "--quiet")
    assert code == 1
    assert "failed 2 times" in stderr
    assert (client.directory / "tries").read_text() == "x\nx\n"


def test_task_timeout(client, tmp_path):
    """Whoever does nothing for so long is ended."""
    mapper = write_executable(tmp_path / "mapper", "exec sleep 1000")
    code, stderr = client(
        "run", "-i", INPUT, "-o", "output", "-m", mapper, "-r", "cat",
        "--max-attempts", 1, "--task-timeout", 0.3, "--quiet")
    assert code == 1
    assert "0.3 s" in stderr


def test_keep_intermediate(client, run):
    """Under its own names."""
    run("--keep-intermediate", "kept/here", "--nmappers", 2, "--nreducers", 2,
        source=TESTDATA / "input_small")
    assert read_files(client.directory / "kept" / "here") == read_files(
        TESTDATA / "correct" / "map_small")


def test_streaming(client):
    """Word count as for Hadoop."""
    options = ["-input", INPUT, "-output", "output", "-mapper",
               f"{sys.executable} {EXECUTABLES / 'wc_map.py'}", "-combiner",
               REDUCER, "-reducer", REDUCER, "-D", "mapreduce.job.maps=3",
               "-files", "elsewhere/stop", "-numReduceTasks", 2, "--quiet"]
    assert client("streaming", *options) == (0, "")
    assert in_order(client.result()) == expected(INPUT)
    assert names_in(client.output) == ["part-00000", "part-00001"]
    code, stderr = client("streaming", *options)
    assert code == 1 and "exists already" in stderr


def test_streaming_on_a_manager(cluster, client):
    """The directory is that of the Manager."""
    cluster.start(2)
    code, stderr = client(
        "streaming", "-input", INPUT.relative_to(ROOT), "-output",
        client.output, "-mapper", MAPPER, "-reducer", REDUCER, "-manager",
        f"localhost:{cluster.port}")
    assert code == 0, stderr
    assert "job 0: done in " in stderr.splitlines()[-1]
    assert in_order(client.result()) == expected(INPUT)
