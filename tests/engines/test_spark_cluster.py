"""Jobs on a standalone cluster of Spark, and what may go wrong there."""
import concurrent.futures
import contextlib
import os
import signal
import subprocess

import pytest

from tests.support.cluster import MAPPER, REDUCER
from tests.support.commands import command
from tests.support.files import names_in, read_files, write_executable
from tests.support.local_run import INPUT, lives
from tests.support.spark import SMALL, SparkCluster, needs_spark, options
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.timeout(600), pytest.mark.by_hand, needs_spark]

TIMEOUT = 180.0  # seconds for a job


@pytest.fixture(name="spark", scope="module")
def _spark(tmp_path_factory):
    """A master and two workers for all tests."""
    with SparkCluster(tmp_path_factory.mktemp("spark") / "cluster") as cluster:
        yield cluster


class Jobs:
    """Starts jobs in a directory."""

    def __init__(self, directory, url):
        """Have them done by the cluster with this master."""
        self.directory = directory
        self._url = url
        self.env = {**os.environ, "TMPDIR": str(directory / "temporary")}
        (directory / "temporary").mkdir()
        # Each task of the two tells that it runs, and waits for the test.
        self.scripts = [
            write_executable(
                directory / stage, f"echo $$ > '{directory}/{stage}-pid.new'",
                f"mv '{directory}/{stage}-pid.new' '{directory}/{stage}-pid'",
                f"while [ ! -e '{directory}/{stage}-go' ]",
                "do sleep 0.05; done", f"exec '{executable}'")
            for stage, executable in (("map", MAPPER), ("reduce", REDUCER))]

    @contextlib.contextmanager
    def started(self, *words, output="output", mapper=None, reducer=None):
        """Start a job; it is killed if it still runs after the block."""
        scripts = self.scripts
        with subprocess.Popen(
                [command("run"), "-i", INPUT, "-o", output, "-m",
                 mapper or scripts[0], "-r", reducer or scripts[1],
                 "--nmappers", "2", "--nreducers", "2", "--quiet", "--engine",
                 "spark", "--master", self._url, *options(SMALL), *words],
                cwd=self.directory, env=self.env, stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE, text=True) as process:
            try:
                yield process
            finally:
                process.kill()

    def run(self, *words, **fields):
        """Run a job to its end; return exit code and standard error."""
        with self.started(*words, **fields) as process:
            _, stderr = process.communicate(timeout=TIMEOUT)
        return process.returncode, stderr

    def wait_for(self, stage):
        """Wait until a task of a stage runs; return its process id."""
        path = self.directory / f"{stage}-pid"
        assert wait_until(path.exists, TIMEOUT)
        return int(path.read_text())

    def release(self, stage):
        """Let the tasks of a stage go on."""
        (self.directory / f"{stage}-go").touch()

    def expect_result(self, output="output"):
        """Check the result: that of Workers."""
        subprocess.run(
            [command("run"), "-i", INPUT, "-o", "expected", "-m", MAPPER,
             "-r", REDUCER, "--nmappers", "2", "--nreducers", "2",
             "--quiet"], cwd=self.directory, check=True)
        assert read_files(self.directory / output) == read_files(
            self.directory / "expected")


@pytest.fixture(name="jobs")
def _jobs(tmp_path, spark):
    """Return what starts jobs; nothing of them may be left."""
    yield Jobs(tmp_path, spark.url)
    assert names_in(tmp_path / "temporary") == []
    assert wait_until(lambda: not spark.executors())
    assert wait_until(lambda: not spark.left()), spark.left()


def test_executor_is_killed_in_each_stage(spark, jobs):
    """Its processes end at once; the map output that it had is made anew."""
    with jobs.started() as process:
        task = jobs.wait_for("map")
        spark.kill_executor()
        assert wait_until(lambda: not lives(task) or len(
            spark.executors()) == 2)
        jobs.release("map")
        task = jobs.wait_for("reduce")
        for executor in spark.executors():
            os.kill(executor, signal.SIGKILL)
        assert wait_until(lambda: not lives(task))
        jobs.release("reduce")
        _, stderr = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, stderr) == (0, "")
    jobs.expect_result()


def test_worker_is_killed_and_another_one_added(spark, jobs):
    """The new one does its tasks."""
    with jobs.started() as process:
        jobs.wait_for("map")
        spark.workers[0].kill()
        spark.workers[0].wait()
        spark.add_worker(1)
        jobs.release("map")
        jobs.release("reduce")
        _, stderr = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, stderr) == (0, "")
    jobs.expect_result()


@pytest.mark.parametrize("stage", ["map", "reduce"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_the_job(jobs, number, stage):
    """Its exit code tells of it; no result and no process is left."""
    if stage == "reduce":
        jobs.release("map")
    with jobs.started() as process:
        task = jobs.wait_for(stage)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, stderr) == (128 + number, "")
    assert wait_until(lambda: not lives(task))
    assert not [name for name in names_in(jobs.directory) if "output" in name]


def test_killed_command_leaves_no_process(spark, jobs):
    """The next job removes its temporary directory, and the hidden result."""
    with jobs.started() as process:
        task = jobs.wait_for("map")
        process.kill()
        process.wait()
        assert wait_until(lambda: not lives(task))
        assert wait_until(lambda: not spark.executors())
    jobs.release("map")
    jobs.release("reduce")
    assert jobs.run() == (0, "")
    jobs.expect_result()
    assert not [name for name in names_in(jobs.directory)
                if name.startswith(".output")]


def test_two_jobs_at_once(jobs):
    """Each has one of the two cores."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        ended = [pool.submit(
            jobs.run, "--conf", "spark.cores.max=1", output=output,
            mapper=MAPPER, reducer=REDUCER) for output in ("one", "two")]
    assert [job.result() for job in ended] == [(0, ""), (0, "")]
    for output in ("one", "two"):
        jobs.expect_result(output)


def test_task_that_always_fails(jobs):
    """One reason, no trace."""
    code, stderr = jobs.run(mapper="grep -q xyz")
    assert code == 1
    assert stderr.startswith("Error: job 0 failed: map task ")
    assert " failed 4 times, the last time because grep -q xyz on the " in (
        stderr)
    assert stderr.partition("exited 1\n")[2].startswith("Run it again:\ncd ")
    assert len(stderr.splitlines()) == 3


def test_python_that_is_not_there(jobs):
    """The line names it, and the property to change."""
    code, stderr = jobs.run("--conf", "spark.pyspark.python=/missing/python")
    assert (code, stderr) == (
        1, "Error: job 0 failed: a host of Spark has no /missing/python; name "
        "its Python by --conf spark.pyspark.python=PATH\n")


def test_wrong_version_of_python(jobs, tmp_path):
    """Played by a module that every Python imports at its start."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Version(tuple):\n"
        "    major, minor, micro = 3, 9, 0\n"
        "sys.version_info = Version((3, 9, 0, 'final', 0))\n")
    code, stderr = jobs.run(
        "--conf", f"spark.executorEnv.PYTHONPATH={tmp_path}")
    assert code == 1
    assert stderr.startswith(
        "Error: job 0 failed: Python is 3.9 on a host of Spark, but 3.")
    assert stderr.endswith(
        "here; name one of the same version by --conf "
        "spark.pyspark.python=PATH\n")
