"""Options by which a job leaves out bad records: what they send."""
import pytest
from click.testing import CliRunner

from mapreduce import run, submit
from mapreduce.client import hadoop
from mapreduce.client.hadoop import Properties, read_properties
from tests.support.fake_manager import FakeManager
from tests.support.files import TESTDATA

TYPES = ["new_manager_job", "new_extended_job"]


def start(main, *options):
    """Run a client in this process."""
    outcome = CliRunner().invoke(main, options)
    assert outcome.exception is None or isinstance(
        outcome.exception, SystemExit), outcome.exception
    return outcome.exit_code, outcome.stdout, outcome.stderr


def test_number_is_sent_only_to_a_manager_that_knows_it():
    """Another one would ignore it."""
    known = [*TYPES, "new_extended_job.skip_bad_records"]
    with FakeManager({"message_types": known}) as manager:
        assert start(submit.main, "-p", str(manager.port),
                     "--skip-bad-records", "5")[0] == 0
        manager.wait_for("new_extended_job")
    assert manager.heard[1]["skip_bad_records"] == 5
    with FakeManager({"message_types": TYPES}) as manager:
        code, stdout, stderr = start(
            submit.main, "-p", str(manager.port), "--skip-bad-records", "5")
    assert (code, stdout, manager.types()) == (3, "", ["get_message_types"])
    assert "does not know these options" in stderr


@pytest.mark.parametrize("number", ["0", "1001", "many"])
def test_number_that_is_not_possible(number):
    """The error names the option."""
    code, stdout, stderr = start(submit.main, "--skip-bad-records", number)
    assert (code, stdout) == (2, "")
    assert "--skip-bad-records" in stderr.splitlines()[-1]


@pytest.mark.parametrize("option, error", [
    (["--engine", "spark"], "--skip-bad-records is not for --engine spark"),
    (["--verify"], "--verify repeats the job with all records; omit it or "
     "--skip-bad-records"),
], ids=str)
def test_options_that_skipped_records_exclude(option, error):
    """Each is refused by its name."""
    code, stdout, stderr = start(
        run.main, "-i", str(TESTDATA / "input"), "-o", "output", "-m", "cat",
        "-r", "cat", "--skip-bad-records", "1", *option)
    assert (code, stdout) == (2, "")
    assert stderr.splitlines()[-1] == f"Error: {error}"


@pytest.mark.parametrize("properties, number", [
    (["mapreduce.map.skip.maxrecords=1"], 1000),
    (["mapreduce.map.skip.maxrecords=9223372036854775807"], 1000),
    (["mapreduce.reduce.skip.maxgroups=3"], 1000),
    (["mapred.skip.map.max.skip.records=1",
      "mapred.skip.reduce.max.skip.groups=0"], 1000),
    (["mapreduce.map.skip.maxrecords=0"], None),
    ([], None),
], ids=str)
def test_properties_of_hadoop(properties, number):
    """They limit something else, so the limit is the highest possible one."""
    for given in None, 7:
        job = {"skip_bad_records": given} if given else {}
        job.update(read_properties(properties).fields)
        hadoop.plan_output(job)
        assert job.get("skip_bad_records") == (given or number)
        assert "map_skips" not in job and "reduce_skips" not in job


@pytest.mark.parametrize("name", [
    "mapreduce.task.skip.start.attempts", "mapreduce.job.skip.outdir",
    "mapreduce.map.skip.proc-count.auto-incr",
    "mapred.skip.attempts.to.start.skipping"])
def test_properties_without_effect(name):
    """They are about how Hadoop skips records."""
    assert read_properties([f"{name}=1"]) == Properties(idle=[f"-D {name}"])
