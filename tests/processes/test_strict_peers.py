"""Jobs with options of our own beside Workers that know none of them."""
import contextlib
import subprocess

import pytest

from tests.support.cluster import Cluster, pipeline
from tests.support.commands import command
from tests.support.fake_manager import FakeManager
from tests.support.files import EXECUTABLES, ROOT, TESTDATA, in_order
from tests.support.strict_worker import StrictWorker
from tests.support.waiting import TIMEOUT

MAPPER, REDUCER = EXECUTABLES / "wc_map.sh", EXECUTABLES / "wc_reduce.sh"
RESULT = in_order(pipeline(TESTDATA / "input", MAPPER, REDUCER))


@contextlib.contextmanager
def manager_alone(directory):
    """Run a Manager without Workers."""
    with Cluster(directory) as cluster:
        cluster.start_manager()
        yield cluster


@pytest.fixture(name="shared", scope="module")
def _shared(tmp_path_factory):
    """A Manager for the tests that bring nobody but strict Workers."""
    with manager_alone(tmp_path_factory.mktemp("strict") / "cluster") as alone:
        yield alone


@pytest.fixture(name="cluster")
def _cluster(tmp_path):
    """A Manager for one test."""
    with manager_alone(tmp_path / "cluster") as alone:
        yield alone


@pytest.fixture(name="submit")
def _submit(tmp_path):
    """Return a function: submit a job with options, and wait for its end."""
    def submit(cluster, *options):
        return subprocess.run(
            [command("submit"), "-p", str(cluster.port), "--wait", "--output",
             str(tmp_path / "output"), *options], cwd=ROOT, text=True,
            capture_output=True, check=False, timeout=TIMEOUT)
    return submit


@pytest.mark.parametrize("options", [
    ["-m", f"sh {MAPPER}"], ["--split-size", "1K"], ["--decompress"],
    ["--combiner", "cat"], ["--partitioner", "cat"], ["--nreducers", "0"],
    ["--cmdenv", "A=b"], ["--task-timeout", "9"],
], ids=lambda options: options[0])
def test_strict_worker_gets_no_task_that_it_would_do_wrongly(
        shared, submit, options):
    with StrictWorker(shared.port) as strict:
        ended = submit(shared, *options)
        assert ended.returncode == 1
        assert "no living Worker" in ended.stderr
        assert "mapreduce-worker" in ended.stderr
        # One that answers late is asked again.
        assert set(strict.types) == {"register_ack", "get_message_types"}


@pytest.mark.parametrize("options", [
    ["--no-clobber"], ["--max-attempts", "1"], ["--keep-intermediate", "@"],
    ["-i", "tests/testdata/input", "-i", "tests/testdata/input_small"],
], ids=lambda options: options[0])
def test_strict_worker_does_what_the_specification_has_words_for(
        shared, submit, tmp_path, options):
    kept = str(tmp_path / "kept")
    with StrictWorker(shared.port) as strict:
        ended = submit(shared, *(kept if option == "@" else option
                                 for option in options))
        assert ended.returncode == 0, ended.stderr
        assert set(strict.types) == {
            "register_ack", "new_map_task", "new_reduce_task"}
        assert set(strict.heard[1]) == {
            "message_type", "task_id", "input_paths", "executable",
            "output_directory", "num_partitions"}


def test_worker_that_lies_is_found_out(cluster, submit, tmp_path):
    """Another one does what it only said that it has done."""
    def fails(task):
        return task["message_type"] == "new_reduce_task" and task["task_id"]

    with StrictWorker(cluster.port, fails) as liar:
        cluster.start_worker()
        ended = submit(cluster, "--nmappers", "1", "--nreducers", "4")
        assert ended.returncode == 0, ended.stderr
        assert "new_reduce_task" in liar.types
        assert sorted(path.name for path in (tmp_path / "output").iterdir()
                      ) == [f"part-{part:05d}" for part in range(4)]
        assert cluster.manager.says("is not there")


def test_job_without_any_part_fails(cluster, submit):
    with StrictWorker(cluster.port, lambda task: True):
        ended = submit(cluster)
    assert ended.returncode == 1
    assert "has none of their files" in ended.stderr


def test_worker_of_ours_does_all_of_it_beside_strict_ones(
        cluster, submit, tmp_path):
    with StrictWorker(cluster.port) as first:
        cluster.start_worker()
        with StrictWorker(cluster.port) as last:
            ended = submit(cluster, "-m", f"sh {MAPPER}", "--split-size",
                           "1K")
            assert ended.returncode == 0, ended.stderr
            assert in_order(cluster.result(tmp_path / "output")) == RESULT
            for strict in (first, last):
                assert set(strict.types) <= {
                    "register_ack", "get_message_types"}
            # The next job is one for everybody.
            assert submit(cluster).returncode == 0
            assert "new_map_task" in first.types


def test_job_waits_for_a_worker_if_nobody_lives(cluster, tmp_path):
    with subprocess.Popen(
            [command("submit"), "-p", str(cluster.port), "--wait", "--output",
             tmp_path / "output", "--cmdenv", "A=b"], cwd=ROOT, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE) as waiting:
        cluster.wait_for(lambda: cluster.manager.says("Started job 0"))
        cluster.start_worker()
        _, stderr = waiting.communicate(timeout=TIMEOUT)
    assert waiting.returncode == 0, stderr
    assert in_order(cluster.result(tmp_path / "output")) == RESULT


def test_strict_manager_gets_no_job_that_it_would_do_wrongly(tmp_path):
    with FakeManager(b"") as manager:
        ended = subprocess.run(
            [command("submit"), "-p", str(manager.port), "--no-clobber",
             "-o", tmp_path / "output"], cwd=ROOT, text=True,
            capture_output=True, check=False, timeout=TIMEOUT)
    assert ended.returncode == 3
    assert "does not" in ended.stderr
    assert manager.heard == [{"message_type": "get_message_types"}]


def test_plain_submission_is_as_it_always_was(cluster, submit, tmp_path):
    cluster.start_worker()
    assert submit(
        cluster, "-m", str(MAPPER), "-r", str(REDUCER)).returncode == 0
    assert in_order(cluster.result(tmp_path / "output")) == RESULT
    log = cluster.manager.log.read_text()
    assert "new_manager_job" in log
    for word in ("extended", "get_message_types"):
        assert word not in log
