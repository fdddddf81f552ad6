"""Jobs on a standalone cluster of Spark that take seconds.

They have one driver; test_spark_cluster starts one for each job. The processes
of the cluster need both cores, so .ci/run runs these tests before all others.
"""
import pytest

from mapreduce import run
from mapreduce.engines import spark
from tests.support.cluster import MAPPER, REDUCER
from tests.support.files import names_in, read_files, write_executable
from tests.support.local_run import INPUT
from tests.support.spark import (
    SharedSpark,
    SparkCluster,
    invoke,
    needs_spark,
)

pytestmark = [pytest.mark.by_hand, needs_spark]


@pytest.fixture(name="cluster", scope="module")
def _cluster(tmp_path_factory):
    """A master and two workers for all tests."""
    with SparkCluster(tmp_path_factory.mktemp("spark") / "cluster") as cluster:
        yield cluster


@pytest.fixture(name="shared", scope="module")
def _shared(cluster, tmp_path_factory):
    """One SparkContext for all tests."""
    shared = SharedSpark(tmp_path_factory.mktemp("driver"), cluster.url)
    yield shared
    shared.close()


JOB = (run.main, "-i", INPUT, "--nmappers", "2", "--nreducers", "2",
       "--quiet", "-o")


@pytest.fixture(name="job")
def _job(cluster, shared, tmp_path, temporary, monkeypatch):
    """Return a function: run a job; return exit code, standard error."""
    assert temporary
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(spark, "Session", shared.session)

    def job(mapper=MAPPER, reducer=REDUCER):
        return invoke(*JOB, "output", "-m", mapper, "-r", reducer,
                      "--engine", "spark", "--master", cluster.url)
    return job


@pytest.fixture(name="parts", scope="module")
def _parts(tmp_path_factory):
    """The result by Workers."""
    output = tmp_path_factory.mktemp("workers") / "output"
    assert invoke(*JOB, output, "-m", MAPPER, "-r", REDUCER) == (0, "")
    return read_files(output)


def test_parts_are_those_of_workers(job, parts, tmp_path):
    """Although map output went from one executor to another."""
    assert job() == (0, "")
    assert read_files(tmp_path / "output") == parts


def test_task_that_always_fails(job, tmp_path):
    """One reason, no trace, no result."""
    code, stderr = job(mapper="grep -q xyz")
    assert code == 1
    assert stderr.partition("exited 1\n")[2].startswith("Run it again:\ncd ")
    assert stderr.count("\n") == 3
    assert stderr.startswith("Error: job 0 failed: map task ")
    assert " failed 4 times, the last time because grep -q xyz on the " in (
        stderr)
    assert names_in(tmp_path) == ["temporary"]


def test_executor_is_killed_in_the_reduce_stage(
        job, cluster, parts, tmp_path):
    """Its processes end; the map output that it had is made again."""
    reducer = write_executable(
        tmp_path / "reducer",
        "parent() { sed 's/.*) . //; s/ .*//' /proc/$1/stat; }",
        f"if mkdir '{tmp_path}/killed' 2> /dev/null",
        "then kill -9 $(parent $(parent $PPID)); sleep 60; fi",
        f"exec '{REDUCER}'")
    executors = set(cluster.executors())
    assert job(reducer=reducer) == (0, "")
    assert len(executors - set(cluster.executors())) == 1
    assert read_files(tmp_path / "output") == parts
