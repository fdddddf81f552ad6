"""Errors on the command line: in plain words, with what to do."""
import subprocess
import tempfile

import pytest
from click.testing import CliRunner

from mapreduce import cancel, run, status, streaming, submit
from mapreduce.manager.__main__ import main as manager
from mapreduce.worker import daemon
from mapreduce.worker.__main__ import main as worker
from tests.support.files import ROOT
from tests.support.waiting import TIMEOUT


def last_line(main, *options):
    """Run a command that is used wrongly; return its last line."""
    outcome = CliRunner().invoke(main, options)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    return outcome.stderr.splitlines()[-1]


@pytest.mark.parametrize("main, options", [
    (submit.main, ["-p", "x"]), (submit.main, ["--nmappers", "x"]),
    (run.main, ["--workers", "x"]), (status.main, ["x"]),
    (cancel.main, ["x"]), (manager, ["--port", "x"]),
    (worker, ["--fail-after", "x"])])
def test_word_where_a_number_is_needed(main, options):
    assert last_line(main, *options).endswith("'x' is not a valid integer.")


def test_word_where_a_real_number_is_needed():
    assert last_line(manager, "--status-interval", "x").endswith(
        "'x' is not a valid number.")


@pytest.mark.parametrize("main, word, hint", [
    (submit.main, "--hots", "the nearest one is --host"),
    (run.main, "--combinr", "the nearest one is --combiner"),
    (submit.main, "--job", "--help shows all options"),
    (run.main, "-h", "--help shows all options"),
    (manager, "--end-with-stdi", "--help shows all options"),
])
def test_unknown_option(main, word, hint):
    """One that has little in common with it is not named."""
    assert last_line(main, word) == f"Error: there is no option {word}; {hint}"


def test_value_that_is_given_twice():
    """The last one counts, and one line says so."""
    options = ["-i", "missing", "-o", "o", "-m", "cat", "-r", "cat", "--name",
               "a", "--name", "b"]
    outcome = CliRunner().invoke(run.main, options)
    assert outcome.stderr.splitlines()[0] == (
        "--name is given 2 times; the last value counts")
    outcome = CliRunner().invoke(run.main, [*options, "--quiet"])
    assert "times" not in outcome.stderr


@pytest.mark.parametrize("main", [manager, worker])
def test_options_of_a_daemon_stand_in_one_order(main):
    """Addresses first, then what it alone has, then the log."""
    names = [option.opts[0] for option in main.params]
    assert names[:2] == ["--host", "--port"]
    own = {"--shared_dir", "--state-dir", "--fresh", "--status-interval",
           "--manager-host", "--manager-port", "--fail-after"}
    assert set(names[2:names.index("--logfile")]) <= own
    assert not own & set(names[names.index("--logfile"):])


@pytest.mark.parametrize("error, text", [
    (OSError(28, "No space left on device"), "No space left on device"),
    (OSError(28, "No space left on device", "/x"),
     "No space left on device: '/x'"),
    (OSError("odd"), "odd"), (MemoryError(), "it has not enough memory")])
def test_error_of_the_system_in_a_worker(mocker, error, text):
    """No object is shown."""
    mocker.patch.object(daemon, "run_task", side_effect=error)
    a_worker = object.__new__(daemon.Worker)
    assignments = mocker.patch.object(
        a_worker, "_assignments", create=True)
    assignments.work_on = mocker.MagicMock()
    mocker.patch.object(a_worker, "_launcher", create=True)
    assert a_worker._attempt(mocker.MagicMock(), None) == (
        f"the Worker can't go on: {text}; its temporary directory is "
        f"{tempfile.gettempdir()!r}")


@pytest.mark.parametrize("name", ["mapreduce", "demo", "test", "install"])
def test_help_of_a_script(name):
    """It does nothing else."""
    outcome = subprocess.run(
        [ROOT / "bin" / name, "--help"], capture_output=True, text=True,
        check=True, timeout=TIMEOUT)
    assert "Usage: " in outcome.stdout
    assert outcome.stderr == ""


@pytest.mark.parametrize("option, value", [
    ("-mapper", "org.apache.hadoop.mapred.lib.InverseMapper"),
    ("-reducer", "aggregate"),
    ("-combiner", "org.apache.hadoop.mapred.lib.LongSumReducer"),
    ("-partitioner", "com.example.jobs.ByDay$Week"),
])
def test_java_is_refused_with_all_that_is_not_possible(option, value):
    outcome = CliRunner().invoke(streaming.main, [
        option, value, "-io", "typedbytes"])
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (2, "", (
        f"Error: {option} {value} is not possible here: no Java runs here; "
        "use -mapper, -reducer and -partitioner COMMAND\n"
        "-io typedbytes is not possible here: executables read and print "
        "lines of text\n"))


@pytest.mark.parametrize("option, value", [
    ("-mapper", "./a.map.R"), ("-mapper", "a.map.R"), ("-mapper", "aggregate"),
    ("-reducer", "com.example.jobs.ByDay")])
def test_program_is_no_java(monkeypatch, tmp_path, option, value):
    """A file may even have the name of a class."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "com.example.jobs.ByDay").touch()
    outcome = CliRunner().invoke(streaming.main, [option, value])
    assert outcome.stderr.splitlines()[-1] == (
        "Error: Missing option '-input'.")
