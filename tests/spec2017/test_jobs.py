"""Whole jobs of the 2017 dialect, with processes of our own."""
import subprocess

import pytest

from tests.support.cluster import WORD_COUNT, pipeline
from tests.support.cluster_2017 import SHUTDOWN, job, send
from tests.support.commands import command
from tests.support.files import (
    TESTDATA,
    in_order,
    names_in,
    read_files,
    write_executable,
    write_files,
)
from tests.support.waiting import TIMEOUT

INPUT = TESTDATA / "input"
STAGE_FOLDERS = ["grouper-output", "mapper-output", "reducer-output"]


@pytest.mark.parametrize("num_workers", [1, 5])
def test_job_gives_what_the_pipeline_gives(old_cluster, num_workers):
    mapper, reducer = map(str, WORD_COUNT)
    old_cluster.start(num_workers)
    result = old_cluster.run_job(
        "output", mapper_executable=mapper, reducer_executable=reducer)
    assert in_order(result) == in_order(pipeline(INPUT, mapper, reducer))
    assert old_cluster.result("var/job-0/reducer-output") == result
    assert names_in(old_cluster.directory / "var/job-0") == STAGE_FOLDERS
    assert old_cluster.shutdown() == [0] * (num_workers + 1)


def test_bytes_between_the_stages(old_cluster, tmp_path):
    write_files(tmp_path / "input", b"b\nd\na\tx", b"a\nc\ne\n")
    old_cluster.start(2)
    old_cluster.run_job("output", input_directory=str(tmp_path / "input"),
                        mapper_executable="cat", reducer_executable="cat",
                        num_reducers=2)
    folder = old_cluster.directory / "var/job-0"
    assert read_files(folder / "mapper-output") == {
        "0000": b"b\nd\na\tx", "0001": b"a\nc\ne\n"}
    cut = {"input_0": b"a\tx\na\nc\ne\n", "input_1": b"b\nd\n"}
    assert read_files(folder / "grouper-output") == {
        "sorted_0": b"a\tx\nb\nd\n", "sorted_1": b"a\nc\ne\n", **cut}
    assert read_files(folder / "reducer-output") == cut
    assert read_files(old_cluster.directory / "output") == cut


def test_names_of_2020(old_cluster, tmp_path):
    """What is not of jobs stays in its folder."""
    write_files(tmp_path / "input", b"b\n", b"a\n")
    folder = old_cluster.directory / "tmp"
    (folder / "job-7").mkdir(parents=True)
    (folder / "kept").touch()
    old_cluster.start(1, "--profile", "f20")
    old_cluster.run_job("output", input_directory=str(tmp_path / "input"),
                        mapper_executable="cat", reducer_executable="cat")
    assert names_in(folder) == ["job-0", "kept"]
    assert names_in(folder / "job-0/grouper-output") == [
        "reduce01", "reduce02", "sorted01"]
    assert names_in(folder / "job-0/reducer-output") == [
        "reduce01", "reduce02"]
    assert read_files(old_cluster.directory / "output") == {
        "outputfile01": b"a\n", "outputfile02": b"b\n"}


def test_three_jobs_in_a_queue(old_cluster):
    """The folders of all are there at once; what else is in a result stays."""
    (old_cluster.directory / "var/job-9").mkdir(parents=True)
    (old_cluster.directory / "output-0").mkdir()
    (old_cluster.directory / "output-0/kept").touch()
    old_cluster.start_master()
    for number in range(3):
        old_cluster.submit(f"output-{number}")
    old_cluster.wait_for(lambda: [
        names_in(old_cluster.directory / "var" / name)
        for name in names_in(old_cluster.directory / "var")
    ] == [STAGE_FOLDERS] * 3)
    old_cluster.start_worker()
    old_cluster.start_worker()
    old_cluster.wait_for_job(2)
    expected = in_order(pipeline(INPUT, *WORD_COUNT))
    for number in range(3):
        assert in_order(old_cluster.result(f"output-{number}")) == expected
    assert names_in(old_cluster.directory / "output-0") == [
        "input_0", "input_1", "kept"]


def test_client_submits_and_shuts_down(old_cluster):
    old_cluster.start(1)
    port = str(old_cluster.port)
    output = old_cluster.directory / "output"
    submitted = subprocess.run(
        [command("submit"), "--dialect", "2017", "-p", port,
         "-i", INPUT, "-o", output, "-m", WORD_COUNT[0], "-r", WORD_COUNT[1]],
        check=True, capture_output=True, text=True)
    assert submitted.stdout.startswith(
        f"Submitted job to Manager localhost:{port}\n")
    old_cluster.wait_for_job()
    assert in_order(old_cluster.result("output")) == in_order(
        pipeline(INPUT, *WORD_COUNT))
    subprocess.run([command("submit"), "--shutdown", "-p", port], check=True)
    assert old_cluster.master.wait(TIMEOUT) == 0
    assert old_cluster.workers[0].wait(TIMEOUT) == 0


def test_garbage_is_ignored(old_cluster):
    old_cluster.start(1)
    for payload in (b"", b"{", b"[]", b"\xff", b'{"message_type": "finished"}',
                    b'{"message_type": "status", "worker_pid": 1}',
                    b'{"message_type": "new_master_job"}', b"[" * 100_000):
        send(old_cluster.port, payload)
    send(old_cluster.port, {
        **job("output"), "num_mappers": 0})
    old_cluster.run_job("output")
    assert names_in(old_cluster.directory / "var") == ["job-0"]


@pytest.mark.parametrize("name, arguments", [
    ("master", ["{port}"]), ("worker", ["7000", "{port}"])])
def test_port_is_in_use(old_cluster, name, arguments):
    """What the first Master has is not deleted by the second."""
    old_cluster.start_master()
    old_cluster.submit("output")
    old_cluster.wait_for(
        lambda: names_in(old_cluster.directory / "var") == ["job-0"])
    again = subprocess.run(
        [command(f"2017-{name}"),
         *(part.format(port=old_cluster.port) for part in arguments)],
        cwd=old_cluster.directory, capture_output=True, text=True,
        timeout=TIMEOUT)
    assert (again.returncode, again.stderr) == (
        1, f"Error: port {old_cluster.port} is in use; "
        "choose another one\n")
    assert names_in(old_cluster.directory / "var") == ["job-0"]


def test_shutdown_kills_what_runs(old_cluster, tmp_path):
    started = tmp_path / "started"
    mapper = write_executable(
        tmp_path / "slow", f"echo $$ > '{started}.new'",
        f"mv '{started}.new' '{started}'", "sleep 600")
    old_cluster.start(1)
    old_cluster.submit("output", mapper_executable=mapper)
    old_cluster.wait_for(started.exists)
    send(old_cluster.port, SHUTDOWN)
    assert old_cluster.workers[0].wait(TIMEOUT) == 0
    assert old_cluster.master.wait(TIMEOUT) == 0
    assert subprocess.run(["kill", "-0", started.read_text().strip()],
                          capture_output=True, check=False).returncode == 1
    assert old_cluster.leftovers() == []
