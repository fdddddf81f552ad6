"""What the commands complete in a shell, by the way that click offers it."""
import importlib

import pytest
from click.testing import CliRunner

from tests.support.fake_manager import FakeManager, cluster, job
from tests.support.ports import free_port


def completed(name, *words):
    """Return what is offered for the last of some words, as bash gets it."""
    variable = f"_MAPREDUCE_{name.upper()}_COMPLETE"
    main = importlib.import_module(f"mapreduce.{name}").main
    outcome = CliRunner().invoke(
        main, prog_name=f"mapreduce-{name}", env={
            variable: "bash_complete",
            "COMP_WORDS": " ".join([f"mapreduce-{name}", *words]),
            "COMP_CWORD": str(len(words))})
    assert outcome.stderr == ""
    return outcome.stdout.split()


@pytest.mark.parametrize("name, option, kind", [
    *((name, option, "file") for name in ("run", "submit") for option in (
        "-i", "--input", "-m", "--mapper", "-r", "--combiner",
        "--partitioner")),
    *((name, option, "dir") for name in ("run", "submit") for option in (
        "-o", "--output", "--keep-intermediate")),
    *(("streaming", option, "file") for option in (
        "-input", "-mapper", "-reducer", "-combiner", "-partitioner",
        "-file")),
    ("streaming", "-output", "dir"),
])
def test_shell_completes_names_of_files(name, option, kind):
    assert completed(name, option, "ab") == [f"{kind},ab"]


@pytest.mark.parametrize("name, words, kind", [
    ("run", ["-i", "a", "b"], "file"), ("submit", ["--input=a", "b"], "file"),
    ("streaming", ["-input", "a", "b"], "file"),
    ("run", ["-i", "a", "b", "c", "b"], "file"),
    ("run", ["--input", "=", "b"], "file"),
    ("submit", ["-i", "a", "--output", "=", "b"], "dir"),
])
def test_further_inputs_are_completed(name, words, kind):
    """Also where bash makes three words of --input=b."""
    assert completed(name, *words) == [f"{kind},b"]


def test_word_that_is_no_input_is_not_completed_as_one():
    assert completed("run", "-o", "a", "b") == []
    assert completed("run", "-i", "a", "--workers", "3", "b") == []


@pytest.mark.parametrize("name, word, numbers", [
    ("status", "", ["1", "2", "12"]), ("status", "1", ["1", "12"]),
    ("status", "3", []), ("cancel", "", ["2", "12"]),
    ("cancel", "1", ["12"]),
])
def test_numbers_of_jobs_are_completed(name, word, numbers):
    """mapreduce-cancel gets those of jobs that have not ended."""
    with FakeManager(cluster(
            job("done", id=1), job("map", id=2), job("queued", id=12)
    )) as manager:
        assert completed(name, "-p", str(manager.port), word) == [
            f"plain,{number}" for number in numbers]


@pytest.mark.parametrize("name", ["status", "cancel"])
def test_nothing_is_completed_without_a_manager(name):
    assert completed(name, "-p", str(free_port()), "") == []
