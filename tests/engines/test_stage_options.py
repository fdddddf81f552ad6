"""The options on the stages of a job, with real processes."""
import os
import pathlib
import re
import subprocess
import sys

from tests.support.cluster import MAPPER, REDUCER
from tests.support.commands import command
from tests.support.files import (
    EXECUTABLES,
    ROOT,
    TESTDATA,
    in_order,
    names_in,
    read_files,
    write_executable,
)
from tests.support.job_client import INPUT, expected
from tests.support.waiting import TIMEOUT

SMALL = TESTDATA / "input_small"


def test_combiner(count, tmp_path):
    """It changes nothing but how much goes to the reducers."""
    reducer = write_executable(
        tmp_path / "counts", "tee -a seen | " + REDUCER)
    seen = tmp_path / "directory" / "seen"
    options = ["--nreducers", 1, "--nmappers", 2]
    assert in_order(count(*options, "--combiner", REDUCER, reducer=reducer)
                    ) == expected(INPUT)
    combined = seen.stat().st_size
    seen.unlink()
    assert in_order(count(*options, reducer=reducer)) == expected(INPUT)
    assert combined < seen.stat().st_size / 2


def test_partitioner(client, count, tmp_path):
    """As in madoop: a number for each line; here, by the first letter."""
    partitioner = write_executable(
        tmp_path / "partition",
        """exec awk -v n="$1" '{ print ($0 < "n") ? 0 : n - 1 }'""")
    assert in_order(count("--nreducers", 3, "--partitioner", partitioner,
                          env={"LC_ALL": "C"})) == expected(INPUT)
    first, second, third = read_files(client.output).values()
    assert max(first.splitlines()) < b"n" <= min(third.splitlines())
    assert second == b""


def test_environment(client, count, tmp_path):
    """What the user sets, and what Hadoop tells."""
    mapper = write_executable(
        tmp_path / "mapper", "cat > /dev/null",
        'env | grep -E "^(mapreduce_|map_input_|MINE=|OTHERS=)"',
        'echo "side" > $mapreduce_task_output_dir/side.txt')
    count("--nreducers", 0, "--nmappers", 1, "--name", "my job",
          "--cmdenv", "MINE=a = b", mapper=mapper, reducer="unused",
          source=INPUT / "file01", env={"OTHERS": "kept"})
    found = dict(line.split("=", 1) for line in
                 client.result().decode().splitlines() if "=" in line)
    job_id = found["mapreduce_job_id"]
    assert re.fullmatch(r"job_\d{12}_0000", job_id)
    directories = [found.pop(f"mapreduce_{name}") for name in (
        "task_output_dir", "output_fileoutputformat_outputdir")]
    assert all(map(os.path.isabs, directories[:1]))
    assert (client.output / "side.txt").read_text() == "side\n"
    size = str((INPUT / "file01").stat().st_size)
    assert found == {
        "map_input_file": str(INPUT / "file01"), "map_input_start": "0",
        "map_input_length": size, "mapreduce_map_input_start": "0",
        "mapreduce_map_input_length": size, "mapreduce_job_maps": "1",
        "mapreduce_job_reduces": "0", "mapreduce_job_name": "my job",
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
    # Before the line that the mappers printed nothing, and the last one.
    table = lines[lines.index(["GROUP", "COUNTER", "AMOUNT"]) + 1:-2]
    assert table[0] == ["g", "n", "24"]
    assert {" ".join(line[1:-1]): int(line[-1]) for line in table[1:]} == {
        "input records": sum(path.read_bytes().count(b"\n")
                             for path in pathlib.Path(INPUT).iterdir()),
        "input bytes": sum(path.stat().st_size
                           for path in pathlib.Path(INPUT).iterdir()),
        "map output records": 0, "map output bytes": 0,
        "reduce input records": 0, "reduce input bytes": 0,
        "output records": 0}


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


def test_streaming(client):
    """Word count as for Hadoop; a file that is named has to exist."""
    options = ["-input", SMALL, "-output", "output", "-mapper",
               f"{sys.executable} {EXECUTABLES / 'wc_map.py'}", "-combiner",
               REDUCER, "-reducer", REDUCER, "-D", "mapreduce.job.maps=3",
               "-files", "elsewhere/stop", "-numReduceTasks", 2, "--quiet"]
    assert client("streaming", *options) == (
        2, "Error: there is no file 'elsewhere/stop' in "
        f"{client.directory}\n")
    (client.directory / "elsewhere").mkdir()
    (client.directory / "elsewhere" / "stop").touch()
    assert client("streaming", *options) == (0, "")
    assert in_order(client.result()) == expected(SMALL)
    assert names_in(client.output) == ["part-00000", "part-00001"]
    code, stderr = client("streaming", *options)
    assert code == 1 and "exists already" in stderr


def test_streaming_on_a_manager(cluster, client):
    """The directory is that of the Manager."""
    cluster.start(1)
    code, stderr = client(
        "streaming", "-input", INPUT.relative_to(ROOT), "-output",
        client.output, "-mapper", MAPPER, "-reducer", REDUCER, "-manager",
        f"localhost:{cluster.port}")
    assert code == 0, stderr
    assert "job 0: done in " in stderr.splitlines()[-1]
    assert in_order(client.result()) == expected(INPUT)
