"""What is sent to Spark, and tasks in an executor, without Spark."""
import concurrent.futures
import dataclasses
import locale
import platform
import tempfile

import pytest

from mapreduce import run
from mapreduce.client.job_options import JobSpec
from mapreduce.engines import spark
from mapreduce.engines.spark import Settings, properties
from mapreduce.engines.spark_stage import (
    FAILURE,
    OF_PYSPARK,
    Failure,
    SparkTasks,
)
from mapreduce.manager.output_safety import StorageError
from mapreduce.manager.scheduling.plan import Plan
from mapreduce.protocol.extensions import ExtendedJobMessage
from mapreduce.protocol.status import Stage, TaskState, TaskStatus
from tests.support.files import names_in
from tests.support.spark import invoke


# Each has a meaning with Spark, or is refused by name.
FIELDS = {
    "any_exit_code", "archives", "cache", "cache_by_content", "combiner",
    "compress", "concatenate", "decompress", "environment", "files",
    "hadoop_inputs", "input_paths", "job_name", "keep_failed",
    "keep_intermediate", "keep_old", "key_fields", "key_separator",
    "lines_per_map", "logs", "map_speculative", "mapper_executable",
    "max_map_attempts", "max_mappers", "max_reduce_attempts", "no_clobber",
    "num_mappers", "num_reducers", "output_directory", "overwrite",
    "partition_by", "partitioner", "recursive", "reduce_speculative",
    "reducer_executable", "reducer_separator", "separator", "skip_bad_inputs",
    "skip_bad_records", "sort_options", "split_size", "task_timeout"}


def test_new_option_needs_a_meaning():
    """Otherwise it would be accepted and have no effect."""
    assert {field.name for field in dataclasses.fields(JobSpec)} == FIELDS


@pytest.mark.parametrize("master, conf, attempts, used, failures", [
    ("local[2,4]", {}, None, "local[2,4]", "4"),
    ("local[2,4]", {}, 1, "local[2]", "1"),
    ("local[*,4]", {"spark.task.maxFailures": "3"}, 2, "local[*]", "3"),
    ("yarn", {"spark.master": "local[1,8]"}, 7, "local[1]", "7"),
    ("spark://host:1", {}, 2, "spark://host:1", "2")])
def test_attempts_are_those_of_the_user(
        master, conf, attempts, used, failures):
    """Although a master may have a number of them, too."""
    found = properties(ExtendedJobMessage(
        input_paths=["in"], output_directory="out", mapper_executable="cat",
        num_reducers=0, num_mappers=1, max_map_attempts=attempts),
        Settings(master, conf, "log"), "")
    assert (found["spark.master"], found["spark.task.maxFailures"]) == (
        used, failures)
    assert found["spark.log.level"] == "INFO"


@pytest.mark.parametrize("master, directory", [
    (None, "own"), ("local[2]", "own"), ("spark://host:1", None)])
def test_files_of_spark_are_in_our_directory(master, directory):
    """They are removed also if Java was killed."""
    assert properties(ExtendedJobMessage(
        input_paths=["in"], output_directory="out", mapper_executable="cat",
        num_reducers=0, num_mappers=1), Settings(master, None, None), "own"
    ).get("spark.local.dir") == directory


@pytest.mark.parametrize("missing, what", [
    ("out", "output directory"), ("logs", "directory for logs")])
def test_host_that_does_not_see_a_directory(
        tmp_path, temporary, monkeypatch, missing, what):
    """It is named, and the task leaves nothing there."""
    monkeypatch.setenv("SPARK_LOCAL_DIRS", str(temporary))
    for name in OF_PYSPARK:
        monkeypatch.delenv(name, raising=False)
    for name in {"out", "logs"} - {missing}:
        (tmp_path / name).mkdir()
    before = names_in(tmp_path)
    job = ExtendedJobMessage(
        input_paths=["in"], output_directory="out", mapper_executable="cat",
        num_reducers=0, num_mappers=1, logs=str(tmp_path / "logs"))
    tasks = SparkTasks(
        Plan("1_0000", job, "", [], str(tmp_path / "out")), str(tmp_path))
    with pytest.raises(Failure) as caught:
        list(tasks.map(0, 0, print, ()))
    assert str(caught.value) == (
        f'mapreduce failure: ["map", 0, 1, "the host {platform.node()} does '
        f"not see the {what} '{tmp_path / missing}': all hosts must share "
        'it"]')
    assert names_in(tmp_path) == before
    assert names_in(temporary) == []


class FailedSession:
    """A Session in which the map stage is done, and a reduce task fails."""

    context = object()

    def __init__(self, conf, directory, log):
        """Start nothing."""

    def submit(self, _):
        """Return how the job ends."""
        result = concurrent.futures.Future()
        result.set_exception(RuntimeError(
            f'{FAILURE}["reduce", 0, 4, "cat exited 3"]'))
        return result

    def done(self):
        """Return the only map task."""
        return [(TaskStatus(
            Stage.MAP, 0, TaskState.DONE, None, 1, 0.0, None), {})]

    def num_done(self):
        """Return how many map and reduce tasks are done."""
        return 1, 0

    def end(self):
        """Do nothing."""


@pytest.mark.usefixtures("temporary")
def test_task_that_failed_is_named_although_its_input_is_not_kept(
        tmp_path, monkeypatch):
    """The other error would hide it."""
    def fail(*_):
        raise StorageError("cannot keep the map output")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").write_text("a\n")
    monkeypatch.setattr(spark, "check_installation", lambda: None)
    monkeypatch.setattr(spark, "Session", FailedSession)
    monkeypatch.setattr(spark, "keep_map_output", fail)
    code, stderr = invoke(
        run.main, "-i", "in", "-o", "out", "-m", "cat", "-r", "cat",
        "--engine", "spark", "--keep-intermediate", "kept", "--nmappers", "1",
        "--nreducers", "1")
    assert code == 1
    assert "reduce task 0 failed 4 times, the last time because cat" in stderr


@pytest.mark.parametrize("name, charset", [
    ("é", "ANSI_X3.4-1968"), ("\udcff", "UTF-8")])
def test_temporary_directory_that_java_would_not_find(
        tmp_path, monkeypatch, name, charset):
    """It is named; nothing starts, and nothing is left."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir()
    (tmp_path / "in").write_text("a\n")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / name))
    monkeypatch.setattr(locale, "nl_langinfo", lambda _: charset)
    monkeypatch.setattr(spark, "check_installation", lambda: None)
    code, stderr = invoke(
        run.main, "-i", "in", "-o", "out", "-m", "cat", "-r", "cat",
        "--engine", "spark")
    assert code == 3
    assert stderr.startswith("Error: Java can't use the temporary directory ")
    assert stderr.endswith("set TMPDIR to one whose name is ASCII\n")
    assert names_in(tmp_path) == sorted(["in", name])
    assert names_in(tmp_path / name) == []
