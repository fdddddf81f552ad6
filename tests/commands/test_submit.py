"""mapreduce-submit: what it takes, sends and prints."""
import pytest
from click.testing import CliRunner

from mapreduce import submit
from tests.support import wire
from tests.support.clients import SUMMARY
from tests.support.commands import run
from tests.support.ports import free_port


def run_submit(*options):
    """Run mapreduce-submit in this process."""
    return CliRunner().invoke(submit.main, options)


def test_submit_by_default(sockets):
    """It counts the words of the sample input."""
    outcome = run_submit()
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert outcome.stdout == (
        "Submitted job to Manager localhost:6000\n"
        "input directory      tests/testdata/input\n"
        "output directory     output\n"
        "mapper executable    tests/testdata/exec/wc_map.sh\n"
        "reducer executable   tests/testdata/exec/wc_reduce.sh\n"
        "num mappers          2\n"
        "num reducers         2\n")
    assert sockets.sent == [("localhost", 6000, wire.job("output"))]


@pytest.mark.parametrize("spelling", [
    "-h host -p 1234 -i in -o out -m map -r reduce "
    "--nmappers 3 --nreducers 4",
    "--host host --port 1234 --input in --output out --mapper map "
    "--reducer reduce --mappers 3 --reducers 4",
])
def test_submit_with_every_option(sockets, spelling):
    """Short or long, they say the same."""
    outcome = run_submit(*spelling.split())
    assert outcome.stdout == (
        "Submitted job to Manager host:1234\n"
        "input directory      in\n"
        "output directory     out\n"
        "mapper executable    map\n"
        "reducer executable   reduce\n"
        "num mappers          3\n"
        "num reducers         4\n")
    assert sockets.sent == [("host", 1234, wire.job(
        "out", input_directory="in", mapper_executable="map",
        reducer_executable="reduce", num_mappers=3, num_reducers=4))]


def test_submit_in_the_dialect_of_2017(sockets):
    """Only the message is another one."""
    outcome = run_submit("--dialect", "2017")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert outcome.stdout == run_submit().stdout
    assert sockets.sent[0] == ("localhost", 6000, {
        **wire.job("output"), "message_type": "new_master_job"})


@pytest.mark.parametrize("options, error", [
    (["--wait"], "a Master of the 2017 dialect does not answer questions; "
     "leave out --wait, and look for its result"),
    *((options, "the 2017 dialect has one input directory, a mapper and a "
       "reducer without arguments, and their numbers; leave out other "
       "options") for options in (
           ["--name", "words"], ["--combiner", "cat"], ["-m", "wc -w"],
           ["-i", "a", "-i", "b"], ["--nreducers", "0"])),
])
def test_what_the_dialect_of_2017_has_no_words_for(sockets, options, error):
    outcome = run_submit("--dialect", "2017", *options)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert outcome.stderr.splitlines()[-1] == f"Error: {error}"
    assert sockets.sent == []


@pytest.mark.parametrize("spelling", ["-s", "--shutdown"])
def test_submit_a_shutdown(sockets, spelling):
    """It is sent instead of a job."""
    outcome = run_submit(spelling)
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (
        0, "Shut down Manager localhost:6000\n", "")
    assert sockets.sent == [("localhost", 6000, wire.SHUTDOWN)]


@pytest.mark.parametrize("options", [[], ["--shutdown"]])
def test_submit_without_a_manager(options):
    """One line names the address."""
    port = free_port()
    outcome = run("submit", "--port", str(port), *options)
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (
        3, "", f"Error: cannot reach Manager localhost:{port}: "
        "Connection refused; is one running there?\n")


@pytest.mark.parametrize("options, culprit", [
    (["--nmappers", "0"], "--nmappers"),
    (["--nreducers", "100001"], "--nreducers"),
    (["--port", "65536"], "--port"),
    (["--nmappers", "many"], "many"),
    (["--unknown"], "--unknown"),
    (["argument"], "argument"),
    (["--input", "a\udce9\ud800"], "--input"),
])
def test_submit_with_wrong_options(sockets, options, culprit):
    """One line says which; nothing is sent."""
    outcome = run_submit(*options)
    errors = [line for line in outcome.stderr.splitlines()
              if line.startswith("Error: ")]
    assert (outcome.exit_code, outcome.stdout, len(errors)) == (2, "", 1)
    assert culprit in errors[0]
    assert sockets.sent == []


@pytest.mark.parametrize("options, fields", [
    ([], {}),
    (["--name", "words"], {"job_name": "words"}),
    (["--name", ""], {}),
])
def test_submit_without_wait(sockets, options, fields):
    """It asks nothing, and sends no field that it wasn't told."""
    outcome = CliRunner().invoke(submit.main, options)
    assert (outcome.stdout, outcome.stderr) == (SUMMARY.format(port=6000), "")
    assert sockets.sent == [
        ("localhost", 6000, wire.job("output", **fields))]


@pytest.mark.parametrize("options", [["--quiet"], ["--quiet", "-s"]])
def test_quiet_submit(sockets, options):
    outcome = CliRunner().invoke(submit.main, options)
    assert (outcome.exit_code, outcome.output) == (0, "")
    assert len(sockets.sent) == 1


def test_variables_of_the_environment_name_the_manager(sockets, monkeypatch):
    """An option overrides its variable."""
    monkeypatch.setenv("MAPREDUCE_HOST", "there")
    monkeypatch.setenv("MAPREDUCE_PORT", "7000")
    assert "Manager there:7000\n" in run_submit().stdout
    run_submit("-p", "8000")
    assert [(host, port) for host, port, _ in sockets.sent] == [
        ("there", 7000), ("there", 8000)]
