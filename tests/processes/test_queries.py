"""A real Manager is asked about its jobs, and told to cancel some."""
import concurrent.futures
import itertools
import threading
import time
import uuid

import pytest

from mapreduce.client.errors import NoManager
from mapreduce.client.remote_manager import RemoteManager
from mapreduce.protocol import codec, messages
from mapreduce.protocol.status import ClusterStatus, JobDetails
from mapreduce.utils import outbox
from tests.support.cluster import Cluster
from tests.support.files import write_executable, write_files
from tests.support.waiting import Gate, wait_until


@pytest.fixture(name="cluster", scope="module")
def make_cluster(tmp_path_factory):
    """Return a Cluster with two Workers."""
    with Cluster(tmp_path_factory.mktemp("test") / "cluster") as cluster:
        cluster.start(2)
        yield cluster


def tell(cluster, message):
    """Send the Manager a message that is not in the specification."""
    outbox.send_tcp("localhost", cluster.port, message)


def status_of(cluster, job_key=None):
    """Ask for the status of all, or of one job."""
    return codec.answer_from_document(ClusterStatus, outbox.ask(
        "localhost", cluster.port,
        messages.GetStatusMessage(job_key)))


def details_of(cluster, job_id):
    """Ask for a job and its tasks."""
    return codec.answer_from_document(JobDetails, outbox.ask(
        "localhost", cluster.port, messages.GetJobMessage(job_id)))


def wait_for_end(cluster, job_key):
    """Return the status of a job when it has ended."""
    found = []

    def has_ended():
        found[:] = status_of(cluster, job_key).jobs
        return found and found[0].ended
    assert wait_until(has_ended)
    return found[0]


@pytest.fixture(name="submit")
def make_submit(cluster, tmp_path):
    """Return a function: submit a job, return its key."""
    def submit(*script, lines=b"b\na\n", **fields):
        key = uuid.uuid4().hex
        directory = tmp_path / key
        directory.mkdir()
        write_files(directory / "input", lines)
        mapper = write_executable(directory / "map", *script)
        tell(cluster, messages.ManagerJobMessage(
            str(directory / "input"), str(directory / "output"), mapper,
            "cat", 1, 1, job_key=key, **fields))
        return key
    return submit


def wait_for_start(cluster, job_key):
    """Wait until the map stage of a job runs."""
    assert wait_until(lambda: [
        job.state for job in status_of(cluster, job_key).jobs] == ["map"])


def held_status_of(cluster, job_key, hold):
    """Return the state of a job, and the seconds until it was answered.

    While the Manager handles something else, it holds no query. On a busy
    machine, an answer may also come late. So each test asks again.
    """
    begin = time.monotonic()
    answer = outbox.ask("localhost", cluster.port,
                        messages.GetStatusMessage(job_key, hold))
    [job] = codec.answer_from_document(ClusterStatus, answer).jobs
    return job.state, time.monotonic() - begin


def test_held_query_is_answered_when_the_job_ends(cluster, submit, tmp_path):
    numbers = itertools.count()

    def is_answered():
        with (Gate(tmp_path / f"gate-{next(numbers)}") as gate,
              concurrent.futures.ThreadPoolExecutor() as executor):
            key = submit(gate.line, "exec cat")
            wait_for_start(cluster, key)
            answer = executor.submit(held_status_of, cluster, key, 1.0)
            gate.open()
            assert wait_for_end(cluster, key).state == "done"
            state, _ = answer.result()
        return state == "done"

    assert wait_until(is_answered)


def test_held_query_is_answered_after_its_time(cluster, submit, gate):
    key = submit(gate.line, "exec cat")
    wait_for_start(cluster, key)

    def is_held():
        state, seconds = held_status_of(cluster, key, 0.2)
        assert state == "map"
        return 0.2 <= seconds < 1.0

    assert wait_until(is_held)
    gate.open()
    assert wait_for_end(cluster, key).state == "done"


def test_no_query_is_held_for_long(cluster, submit, gate):
    key = submit(gate.line, "exec cat")
    wait_for_start(cluster, key)

    def is_held():
        state, seconds = held_status_of(cluster, key, 1e9)
        assert state == "map"
        return 1.0 <= seconds

    assert wait_until(is_held)
    gate.open()
    assert wait_for_end(cluster, key).state == "done"


def test_query_for_a_job_that_has_ended_is_not_held(cluster, submit):
    key = submit("exec cat")
    wait_for_end(cluster, key)

    def is_answered_at_once():
        state, seconds = held_status_of(cluster, key, 1.0)
        assert state == "done"
        return seconds < 1.0

    assert wait_until(is_answered_at_once)


def test_job_is_followed_by_its_key(cluster, submit, tmp_path):
    key = submit("exec cat", job_name="two letters")
    job = wait_for_end(cluster, key)
    assert (job.state, job.name, job.tasks_done) == ("done", "two letters", 2)
    assert (tmp_path / key / "output/part-00000").read_bytes() == b"a\nb\n"
    details = details_of(cluster, job.id)
    assert details.job == job
    assert [task.state for task in details.tasks] == ["done", "done"]
    assert {task.worker.port for task in details.tasks} <= {
        worker.port for worker in status_of(cluster).workers}


def test_reason_of_a_failure_is_told(cluster, submit):
    job = wait_for_end(cluster, submit("echo 'no such key' >&2", "exit 3"))
    assert job.state == "failed"
    assert "exited 3:\nno such key" in job.reason
    assert "no such key" in details_of(cluster, job.id).tasks[0].reason


def test_running_and_queued_jobs_are_cancelled(cluster, submit, tmp_path):
    running = submit(f"echo $$ > '{tmp_path}/pid'", "exec sleep 600")
    queued = submit("exec cat")
    assert wait_until((tmp_path / "pid").exists)
    for key in queued, running:
        [job] = status_of(cluster, key).jobs
        tell(cluster, messages.CancelJobMessage(job.id))
    for key in queued, running:
        assert wait_for_end(cluster, key).state == "cancelled"
        assert list((tmp_path / key).glob("output/*")) == []
    assert wait_for_end(cluster, submit("exec cat")).state == "done"


def test_key_that_nobody_made_has_no_job(cluster):
    assert status_of(cluster, "nobody's").jobs == ()


def test_manager_that_was_asked_ends_as_ever(tmp_path):
    with Cluster(tmp_path / "cluster") as cluster:
        cluster.start(1)
        cluster.wait_for(lambda: status_of(cluster).workers)
        for _ in range(10):
            assert len(status_of(cluster).workers) == 1
        cluster.shutdown()


def test_manager_logs_its_status_at_an_interval(tmp_path):
    with Cluster(tmp_path / "cluster") as cluster:
        manager = cluster.start_manager("--status-interval", "1")
        cluster.start_worker()
        assert wait_until(lambda: manager.says(
            "[INFO] Status\n  WORKER", times=2))
        assert manager.says("No jobs")


def test_each_of_many_clients_gets_the_number_of_its_own_job(cluster):
    """They submit at the same moment jobs that differ in nothing else."""
    manager = RemoteManager("localhost", cluster.port)
    numbers = {}

    def submit(name):
        numbers[name] = manager.submit(messages.ManagerJobMessage(
            "missing", "output", "cat", "cat", 1, 1, job_name=name))

    threads = [threading.Thread(target=submit, args=(f"client {number}",))
               for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = {job.name: job.id for job in status_of(cluster).jobs}
    assert len(numbers) == 20
    assert {name: names[name] for name in numbers} == numbers


def test_port_of_a_worker_gets_no_job(cluster):
    port = cluster.workers[0].port
    with pytest.raises(NoManager, match=f"localhost:{port} is a Worker"):
        RemoteManager("localhost", port).submit(messages.ManagerJobMessage(
            "missing", "output", "cat", "cat", 1, 1))
