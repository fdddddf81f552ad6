"""A real Manager and jobs with options, with strict Workers and with ours."""
import signal
import uuid

import pytest

from mapreduce.protocol import codec, messages
from mapreduce.protocol.extensions import ExtendedJobMessage
from mapreduce.protocol.status import (
    ClusterStatus,
    Counter,
    JobDetails,
    MessageTypes,
)
from mapreduce.utils import outbox
from tests.support import wire
from tests.support.cluster import Cluster
from tests.support.files import write_executable, write_files
from tests.support.strict_worker import StrictWorker
from tests.support.waiting import wait_until


class Jobs:
    """The jobs of a test, in a directory, on a cluster."""

    def __init__(self, cluster, directory):
        """Have no job, but what each needs."""
        self.cluster = cluster
        self.directory = directory
        write_files(directory / "input", b"b\na\n", b"c\n")
        self.mapper = write_executable(directory / "map", "exec cat")

    def run(self, **options):
        """Return what is told of a job when it has ended."""
        return self.wait_for(self.submit(**options))

    def submit(self, **options):
        """Submit a job; return its key."""
        key = uuid.uuid4().hex
        outbox.send_tcp("localhost", self.cluster.port, ExtendedJobMessage(**{
            "input_paths": [str(self.directory / "input")],
            "output_directory": str(self.directory / "output"),
            "mapper_executable": self.mapper, "reducer_executable": "cat",
            "max_mappers": 9, "num_reducers": 1, "job_key": key, **options}))
        return key

    def wait_for(self, key):
        """Return what is told of a job when it has ended."""
        found = []

        def has_ended():
            found[:] = self._ask(
                ClusterStatus, messages.GetStatusMessage(key)).jobs
            return found and found[0].ended
        assert wait_until(has_ended)
        return self._ask(JobDetails, messages.GetJobMessage(found[0].id))

    def result(self):
        """Return the result of the last job."""
        return self.cluster.result(self.directory / "output")

    def _ask(self, answer, question):
        return codec.answer_from_document(answer, outbox.ask(
            "localhost", self.cluster.port, question))


@pytest.fixture(name="cluster")
def make_cluster(tmp_path):
    """Return a Cluster with a Manager."""
    with Cluster(tmp_path / "cluster") as cluster:
        cluster.start_manager()
        yield cluster


@pytest.fixture(name="jobs")
def make_jobs(cluster, tmp_path):
    """Return what runs jobs on that Cluster."""
    return Jobs(cluster, tmp_path)


def test_strict_worker_makes_a_job_fail_that_it_cannot_do(cluster, jobs):
    """It is asked, and gets no task."""
    with StrictWorker(cluster.port) as worker:
        job = jobs.run(environment={}).job
        assert set(worker.types) == {"register_ack", "get_message_types"}
    assert (job.state, job.reason) == ("failed", (
        "no living Worker knows new_extended_map_task, which options of this "
        "job need: start mapreduce-worker of this version"))


def test_workers_of_this_version_do_the_job_beside_a_strict_one(
        cluster, jobs):
    with StrictWorker(cluster.port) as worker:
        cluster.start_worker()
        job = jobs.run(environment={}).job
        assert set(worker.types) == {"register_ack", "get_message_types"}
    assert (job.state, job.map_tasks) == ("done", 2)
    assert jobs.result() == b"a\nb\nc\n"


def test_job_does_not_fail_because_its_worker_is_held_up(cluster, jobs):
    """It is asked again until it goes on."""
    worker = cluster.start_worker()
    worker.process.send_signal(signal.SIGSTOP)
    key = jobs.submit(environment={})
    cluster.wait_for(lambda: cluster.manager.says("did not answer in time"))
    worker.process.send_signal(signal.SIGCONT)
    assert jobs.wait_for(key).job.state == "done"


def test_worker_that_is_gone_is_not_asked_for_long(cluster, jobs):
    with StrictWorker(cluster.port):
        pass
    cluster.start_worker()
    assert jobs.run(environment={}).job.state == "done"


def test_counters_and_words_of_tasks_are_shown(cluster, jobs):
    cluster.start_worker()
    jobs.mapper = write_executable(
        jobs.directory / "count", "echo reporter:counter:g,n,2 >&2",
        "echo reporter:status:read all >&2", "exec cat")
    details = jobs.run(environment={})
    assert details.counters == (Counter("g", "n", 4), *(
        Counter("mapreduce", name, amount) for name, amount in (
            ("input bytes", 6), ("input records", 3),
            ("map output bytes", 6), ("map output records", 3),
            ("output records", 3), ("reduce input bytes", 6),
            ("reduce input records", 3))))
    # Skew is seen: how much each task had to read.
    assert [(task.input_records, task.input_bytes)
            for task in details.tasks] == [(2, 4), (1, 2), (3, 6)]
    assert [task.message for task in details.tasks] == [
        "read all", "read all", None]


def test_output_that_exists_is_kept_if_its_owner_says_so(jobs):
    (jobs.directory / "output").mkdir()
    (jobs.directory / "output/precious").touch()
    job = jobs.run(no_clobber=True).job
    assert job.state == "failed"
    assert "exists already" in job.reason
    assert (jobs.directory / "output/precious").exists()


def test_map_output_is_kept(cluster, jobs):
    cluster.start_worker()
    kept = jobs.directory / "kept"
    job = jobs.run(keep_intermediate=str(kept), num_mappers=1,
                   max_mappers=None).job
    assert job.state == "done"
    assert [(path.name, path.read_bytes()) for path in kept.iterdir()] == [
        ("maptask00000-part00000", b"a\nb\nc\n")]


def test_job_in_the_words_of_the_specification_takes_a_file(cluster, jobs):
    """Or a pattern, or a directory, as ever."""
    cluster.start_worker()
    (jobs.directory / "file").write_bytes(b"a\nb\nc\n")
    for number, name in enumerate(["input", "input/*", "file"]):
        output = jobs.directory / f"output{number}"
        assert cluster.run_job(
            output, input_directory=str(jobs.directory / name),
            mapper_executable=jobs.mapper, reducer_executable="cat",
            num_reducers=1) == b"a\nb\nc\n"


def test_manager_tells_that_it_knows_such_jobs(cluster):
    answer = outbox.ask("localhost", cluster.port,
                        messages.GetMessageTypesMessage())
    assert {"new_manager_job", "new_extended_job", "progress"} <= set(
        codec.answer_from_document(MessageTypes, answer).message_types)
    assert wire.ACK["message_type"] not in answer["message_types"]
