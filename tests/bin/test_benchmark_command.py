"""bin/benchmark: its options, its files, and its end."""
import contextlib
import dataclasses
import json
import pathlib
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET

import click.testing
import pytest

from tests.benchmark import __main__ as command
from tests.benchmark import peers, scheduler
from tests.support.benchmarking import SCALE
from tests.support.files import ROOT
from tests.support.waiting import TIMEOUT, wait_until


def processes_with(text):
    """Return the command lines in which a text occurs."""
    found = []
    for file in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            line = file.read_bytes().decode(errors="replace")
            if text in line:
                found.append(line)
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_everything(tmp_path, number):
    """The exit code tells of it; nothing runs on, nothing is left."""
    program = (
        "import pathlib, sys; from tests.benchmark import __main__ as command;"
        "command.WORK = pathlib.Path(sys.argv.pop(1)); command.main()")
    with subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "work"),
             "--scale", str(SCALE), "--rounds", "1000", "--case", "identity",
             "--contender", "mapreduce"],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True) as process:
        log = tmp_path / "work/run/manager.log"
        assert wait_until(
            lambda: log.exists() and "Assigned task" in log.read_text())
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, stdout) == (128 + number, "")
    assert "Traceback" not in stderr
    assert processes_with(str(tmp_path)) == []
    assert not (tmp_path / "work/run").exists()


# The command


@pytest.fixture(name="benchmark_command")
def _benchmark_command(tmp_path, monkeypatch):
    """Return a function: run the command, return its outcome."""
    monkeypatch.setattr(command, "WORK", tmp_path / "work")
    monkeypatch.setattr(command.signals, "exit_on_signals", lambda: None)
    monkeypatch.setenv("INVOKED_FROM", str(tmp_path))
    return lambda *arguments: click.testing.CliRunner().invoke(
        command.main, arguments)


def test_command_writes_a_table_json_and_svg(benchmark_command, tmp_path):
    """The directory is meant where the user is."""
    outcome = benchmark_command(
        "--scale", str(SCALE), "--rounds", "2", "--case", "identity",
        "--contender", "plain pipeline", "--contender", "by hand: sort -m",
        "--output", "out")
    assert outcome.exit_code == 0, outcome.output
    assert outcome.stdout.startswith("identity (5,000 lines, 0.3 MB)\n")
    document = json.loads((tmp_path / "out/benchmark.json").read_text())
    assert [(its["contender"], len(its["runs"]))
            for its in document["cases"][0]["contenders"]] == [
        ("plain pipeline", 2), ("by hand: sort -m", 2)]
    ET.parse(tmp_path / "out/benchmark.svg")


def test_more_cases_run_with_each_kind_of_loops(benchmark_command):
    outcome = benchmark_command(
        "--more", "--scale", str(SCALE), "--rounds", "1",
        "--case", "awk and awk")
    assert outcome.exit_code == 0, outcome.output
    assert re.findall(r"^[a-z0-9].*?(?=  | \()", outcome.stdout, re.M) == [
        "awk and awk", "contender", "mapreduce", "mapreduce, Python loops",
        "plain pipeline"]


@pytest.mark.parametrize("arguments", [
    ["--more", "--case", "identity"], ["--case", "lines of 10 KB"]])
def test_case_of_the_other_set(benchmark_command, arguments):
    outcome = benchmark_command(*arguments)
    assert outcome.exit_code == 2
    assert "--more has other cases" in outcome.stderr


def test_peer_that_is_not_to_be_had_is_left_out(
        benchmark_command, monkeypatch):
    """One line says so."""
    monkeypatch.setattr(command.peers, "contender", lambda *_: None)
    outcome = benchmark_command(
        "--scale", str(SCALE), "--rounds", "1", "--case", "identity",
        "--contender", "plain pipeline", "--contender", "madoop")
    assert outcome.exit_code == 0
    assert "madoop is left out: it can't be installed\n" in outcome.stderr


def test_peer_whose_program_is_missing(tmp_path):
    """Nothing is installed for it in vain."""
    peer = dataclasses.replace(peers.SPARK, program="no-such-program")
    assert peers.contender(peer, tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_one_benchmark_at_a_time(benchmark_command, tmp_path):
    with command._locked(tmp_path / "work"):
        outcome = benchmark_command("--scale", str(SCALE))
    assert outcome.exit_code == 1
    assert outcome.stderr == "Error: another benchmark runs here\n"


@pytest.mark.parametrize("arguments", [
    ["--case", "none"], ["--scale", "0"], ["--rounds", "0"],
    ["--contender", "Hadoop"]])
def test_wrong_options(benchmark_command, arguments):
    assert benchmark_command(*arguments).exit_code == 2


def test_scheduler_of_a_small_cluster(
        benchmark_command, monkeypatch, tmp_path):
    """Ten tasks on three Workers take four seconds, with the reduce task."""
    monkeypatch.setattr(scheduler, "SIZES", [10])
    monkeypatch.setattr(scheduler, "NUM_WORKERS", 3)
    monkeypatch.setattr(scheduler, "NUM_JOBS", 100)
    outcome = benchmark_command("--scheduler", "--output", "out")
    assert outcome.exit_code == 0, outcome.output
    document = json.loads((tmp_path / "out/scheduler.json").read_text())
    assert document["drives"][0]["tasks"] == 10
    assert document["queueing"]["jobs"] == 100
    assert document["queueing"]["bytes_a_job"] > 0


def test_spark_that_is_not_there(benchmark_command, monkeypatch):
    """One line says what is missing."""
    monkeypatch.setattr(command.spark.shutil, "which", lambda name: None)
    outcome = benchmark_command("--engine", "spark", "--scale", str(SCALE))
    assert outcome.exit_code == 1
    assert outcome.stderr == (
        "Error: --engine spark needs Java, and pyspark: env/bin/pip install "
        "pyspark\n")
