"""Jobs by Spark that are refused. No Spark starts."""
import pytest

from mapreduce import run, streaming
from tests.support.cluster import MAPPER, REDUCER
from tests.support.files import TESTDATA
from tests.support.spark import needs_spark

pytestmark = [pytest.mark.timeout(90), needs_spark]

INPUT = str(TESTDATA / "input")


@pytest.fixture(name="job")
def _job(command):
    """Return a function: start a job by Spark."""
    def job(*options):
        return command(
            run.main, "-i", INPUT, "-o", "output", "-m", MAPPER, "-r",
            REDUCER, "--engine", "spark", *options)
    return job


@pytest.mark.parametrize("options, error", [
    (["--workers", "2"], "--workers is not for --engine spark: a property of "
     "Spark, such as --conf spark.cores.max=8, says how many tasks run at "
     "the same time"),
    (["--dry-run", "--skip-bad-records", "2"],
     "--skip-bad-records is not for --engine spark"),
    (["--conf", "spark.master=yarn", "-i", "-"],
     "--input - is a file of this machine, which the hosts of Spark do not "
     "see; name one that they share"),
    (["--master", "yarn", "--verbose"], "--verbose needs --logs with a "
     "directory that the hosts of Spark share"),
    (["--master", "spark://host"], "'spark://host' is not spark://host:port"),
    (["--engine-log", "missing/log"], "cannot write the log 'missing/log': "
     "No such file or directory"),
])
def test_option_that_cannot_be_used(job, options, error):
    """It is named, and nothing starts."""
    code, stderr = job(*options)
    assert (code, stderr.splitlines()[-1]) == (2, f"Error: {error}")


def test_other_numbers_of_attempts(command):
    """Spark has one number for both stages."""
    code, stderr = command(
        streaming.main, "-input", INPUT, "-output", "output", "-mapper",
        "cat", "-D", "mapreduce.map.maxattempts=2", "--engine", "spark")
    assert (code, stderr.splitlines()[-1]) == (
        2, "Error: with --engine spark, map and reduce tasks have the same "
        "number of attempts; give both or none")


def test_backup_attempts_are_those_of_spark(job):
    """Its property is for clusters only."""
    code, stderr = job("--speculative")
    assert (code, stderr.splitlines()[-1]) == (
        2, "Error: --speculative is not for --engine spark: on a cluster, "
        "--conf spark.speculation=true does the same")


def test_master_that_is_not_there(job):
    """All addresses are named."""
    code, stderr = job("--master", "spark://127.0.0.1:9,127.0.0.1:11")
    assert (code, stderr) == (
        3, "Error: cannot reach the master of Spark at 127.0.0.1:9: "
        "Connection refused; 127.0.0.1:11: Connection refused; is one "
        "running there?\n")


def test_java_that_is_not_there(job, monkeypatch):
    """The line says what to install."""
    monkeypatch.setenv("JAVA_HOME", "/missing")
    code, stderr = job()
    assert (code, stderr) == (
        3, "Error: --engine spark needs Java 17 or later, and there is no "
        "/missing/bin/java: install, for example, the package "
        "openjdk-17-jre-headless\n")


def test_options_of_another_engine(command):
    """They have no meaning without Spark."""
    code, stderr = command(
        run.main, "-i", INPUT, "-o", "output", "-m", "cat", "-r", "cat",
        "--conf", "a=b")
    assert (code, stderr.splitlines()[-1]) == (
        2, "Error: --conf is for --engine spark")
