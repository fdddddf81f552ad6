"""The command of the conformance kit, and what it leaves behind."""
import json
import os
import signal
import subprocess
import sys
import time
from xml.etree import ElementTree

import pytest

from mapreduce.conformance.process import Daemon, Places
from tests.support.conformance import flawed
from tests.support.files import ROOT, write_executable
from tests.support.waiting import TIMEOUT, Lifeline

RULE = "manager/protocol/registration-is-acknowledged"


def run(*options):
    """Run the kit to its end."""
    return subprocess.run(
        [sys.executable, "-m", "mapreduce.conformance", *options], cwd=ROOT,
        capture_output=True, text=True, timeout=TIMEOUT, check=False)


def grade(fault, *options):
    """Check two rules of a Manager with a fault."""
    return run("manager", "-k", "registration-is", "-k", "unknown-fields",
               *options, "--", *flawed("manager", fault))


def test_all_rules_are_listed():
    listed = run("--list")
    assert listed.returncode == 0
    assert RULE in listed.stdout
    assert "A Worker that registers gets one register_ack" in listed.stdout
    assert "worker/beyond/" in listed.stdout


def test_rules_of_one_side_are_listed():
    listed = run("worker", "--list", "--mode", "times")
    assert "worker/protocol/heartbeats-are-regular" in listed.stdout
    assert "manager/" not in listed.stdout
    assert "finished-is-sent-once" not in listed.stdout


def test_good_daemon_gives_exit_code_0():
    ended = grade("none")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[-1] == (
        "2 rules: 2 passed, 0 failed, 0 not checked")


def test_graded_daemon_is_not_told_of_the_secret_file(tmp_path, monkeypatch):
    """It would then demand signed messages, which the kit can't send."""
    monkeypatch.setenv("MAPREDUCE_SECRET_FILE", "/nowhere")
    daemon = Daemon(["printenv", "MAPREDUCE_SECRET_FILE"],
                    Places("", 0, "", 0, ""), tmp_path, {})
    assert daemon.exit_code(TIMEOUT) == 1
    daemon.end()


def test_failed_rule_shows_what_was_sent_and_received():
    ended = grade("registration-is-acknowledged")
    assert ended.returncode == 1
    assert f"FAILED  {RULE}: A Worker that registers" in ended.stdout
    assert 'expected: {"message_type": "register_ack"}' in ended.stdout
    assert 'seen:     {"message_type": "register_ack", "x": 1}' in ended.stdout
    assert "TCP sent to the daemon" in ended.stdout
    assert "TCP received by Worker 1" in ended.stdout


def test_results_are_printed_as_json(tmp_path):
    ended = grade("registration-is-acknowledged", "--json", "--junit",
                  str(tmp_path / "junit.xml"))
    assert ended.returncode == 1
    first, second = json.loads(ended.stdout)
    assert (first["outcome"], second["outcome"]) == ("failed", "passed")
    assert first["side"] == "manager"
    assert first["name"] == "registration-is-acknowledged"
    assert first["messages"][0]["what"] == "the kit"
    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert suite[0].get("name") == "registration-is-acknowledged"
    assert "expected:" in suite[0][0].text


@pytest.mark.parametrize("options, words", [
    (["manager"], "the command that starts it"),
    (["manager", "-k", "shutdown", "-k", "nonsense", "--list"],
     "no rule has 'nonsense' in its name; --list prints them"),
    (["worker", "-k", "sigterm", "--mode", "times"],
     "the mode times has none of these rules"),
])
def test_wrong_use_is_said(options, words):
    ended = run(*options)
    assert ended.returncode == 2
    assert words in ended.stderr


def test_junit_file_that_cannot_be_written_is_said_before_any_rule(tmp_path):
    ended = grade("none", "--junit", str(tmp_path / "missing" / "junit.xml"))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("Error: cannot write ")


def test_command_that_does_not_exist_fails_the_rule():
    ended = run("manager", "-k", "registration-is", "--", "/no/such/program")
    assert ended.returncode == 1
    assert "/no/such/program: No such file or directory" in ended.stdout


@pytest.mark.parametrize("number", [
    signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_the_kit_and_its_daemon(tmp_path, number):
    lifeline = Lifeline(tmp_path / "alive")
    script = write_executable(
        tmp_path / "hangs", "trap '' TERM INT HUP", str(lifeline),
        "echo started >&9", "while :; do sleep 999; done")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with subprocess.Popen(
            [sys.executable, "-m", "mapreduce.conformance", "worker", "-k",
             "registration-is", "--timeout", "999", "--", str(script)],
            cwd=ROOT, env={**os.environ, "TMPDIR": str(temporary)}) as kit:
        lifeline.wait_for_start()
        kit.send_signal(number)
        assert kit.wait(TIMEOUT) == 128 + number
    assert lifeline.all_ended()
    lifeline.close()
    assert not list(temporary.iterdir())


# The first look at all processes, twice, finds one that starts others.
STARTS_MEANWHILE = """
import os, subprocess, sys
from mapreduce.conformance import process
child = subprocess.Popen(
    ["sh", "-c", sys.argv[1]], stdout=subprocess.PIPE,
    env={**os.environ, process.MARK: process.KIT})
child.stdout.readline()
real = process._processes
looks = [[child.pid], [child.pid]]
process._processes = lambda: looks.pop() if looks else real()
process.end_all()
"""


def test_process_that_starts_while_others_are_killed_is_killed(tmp_path):
    lifeline = Lifeline(tmp_path / "alive")
    subprocess.run(
        [sys.executable, "-c", STARTS_MEANWHILE,
         f"{lifeline}; sleep 999 & echo started; wait"], cwd=ROOT, check=True)
    assert lifeline.all_ended()
    lifeline.close()


def test_hanging_daemon_costs_its_timeout_only_and_is_ended(tmp_path):
    lifeline = Lifeline(tmp_path / "alive")
    script = write_executable(
        tmp_path / "hangs", "trap '' TERM INT HUP", str(lifeline),
        "setsid sleep 999 &", "env -i setsid sleep 999 &",
        "while :; do sleep 999; done")
    start = time.monotonic()
    ended = run("worker", "-k", "registration-is", "--timeout", "1", "--",
                str(script))
    assert ended.returncode == 1
    assert "nothing was received" in ended.stdout
    assert time.monotonic() - start < 10
    assert lifeline.all_ended()
    lifeline.close()
