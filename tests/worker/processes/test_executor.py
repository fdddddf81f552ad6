"""The commands of a task: their words, their environment, their timeout."""
import os
import re
import subprocess
import sys
import types

import pytest

from mapreduce.worker.errors import TaskError
from mapreduce.worker.processes.executor import Executor
from mapreduce.worker.processes.interruption import Interruption
from mapreduce.worker.processes.launcher import Launcher
from mapreduce.worker.processes.reporter import Reporter
from tests.support.files import write_executable

SHORT = 1.5  # seconds without a sign of life


@pytest.fixture(name="launcher")
def _launcher():
    with Interruption() as interruption:
        yield Launcher(interruption)


@pytest.fixture(name="run")
def _run(launcher):
    """Return a function: run a command, return what it prints."""
    def run(command, environment=None, **options):
        with Executor(launcher, environment or {}).running(
                command, "job", stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, **options) as process:
            return b"".join(process.read())
    return run


# Words

def test_command_may_have_arguments(run):
    assert run("printf '%s|' 'a b' c") == b"a b|c|"


def test_no_shell_runs(run):
    assert run("echo $HOME; true") == b"$HOME; true\n"


def test_arguments_follow_those_of_the_command(run):
    assert run("printf '%s|' a", arguments=["b c", "7"]) == b"a|b c|7|"


def test_file_is_meant_whatever_its_name(run, tmp_path):
    path = write_executable(tmp_path / "two words", "echo found")
    assert run(path) == b"found\n"


def test_file_in_the_working_directory_comes_before_the_path(
        run, tmp_path, monkeypatch):
    write_executable(tmp_path / "cat", "echo here $1")
    monkeypatch.chdir(tmp_path)
    assert run("cat it") == b"here it\n"


@pytest.mark.parametrize("command, complaint", [
    ("cat 'it", "No closing quotation"),
    ("", "it names no program"),
    ("no-such-program -x", "No such file or directory"),
])
def test_command_that_cannot_be_started_tells_why(run, command, complaint):
    with pytest.raises(TaskError) as caught:
        run(command)
    assert str(caught.value) == f"job cannot be started: {complaint}"


# The environment

SHOW = f"""{sys.executable} -c '
import os, sys
print(*map(os.environ.get, sys.argv[1:]))'"""


def test_names_are_added_to_our_environment(run, monkeypatch):
    monkeypatch.setenv("OURS", "1")
    monkeypatch.setenv("BOTH", "2")
    assert run(
        f"{SHOW} OURS BOTH THEIRS NAME", {"BOTH": "3", "THEIRS": "a b"},
        names={"NAME": "5"}) == b"1 3 a b 5\n"
    assert "THEIRS" not in os.environ


def test_name_that_is_no_utf8_arrives_as_it_is(run):
    assert run("printenv NAME", {"A": "b"},
               names={"NAME": os.fsdecode(b"caf\xe9")}) == b"caf\xe9\n"


def test_task_without_an_environment_sees_ours_untouched(run, mocker):
    popen = mocker.patch("subprocess.Popen", wraps=subprocess.Popen)
    assert run("echo out", names={"NAME": "5"}) == b"out\n"
    assert popen.call_args.kwargs["env"] is None


@pytest.mark.parametrize("given", [{}, {"A": "b"}], ids=str)
def test_no_executable_is_told_of_the_secret_file(run, monkeypatch, given):
    """Whichever command starts it; the rest of our environment is there."""
    monkeypatch.setenv("MAPREDUCE_SECRET_FILE", "/nowhere")
    monkeypatch.setenv("OURS", "1")
    assert run(f"{SHOW} OURS MAPREDUCE_SECRET_FILE", given) == b"1 None\n"


def test_environment_of_the_task_comes_before_names(run):
    assert run("sh -c 'echo $NAME $OTHER'", {"NAME": "task's"},
               names={"NAME": "own", "OTHER": "own"}) == b"task's own\n"


# IdleTimeout

@pytest.mark.parametrize("seconds", [1e7, 1e9])
def test_patience_may_last_for_years(launcher, seconds):
    with Executor(launcher, {}, seconds).running(
            "echo out", "job", stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE) as process:
        assert b"".join(process.read()) == b"out\n"


@pytest.fixture(name="start")
def _start(launcher, tmp_path):
    """Return a function: run a script that may be silent for SHORT."""
    def start(script, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE):
        path = write_executable(tmp_path / "script", script)
        return Executor(launcher, {}, SHORT, Reporter(print)).running(
            path, "job", stdin=stdin, stdout=stdout)
    return start


@pytest.fixture(name="file")
def _file(tmp_path):
    with open(tmp_path / "file", "w+b", buffering=0) as file:
        file.write(b"line\n" * 100_000)
        file.seek(0)
        yield file


COMPLAINT = (f"job neither read, wrote nor reported for {SHORT:g} s "
             "(see --task-timeout)")


@pytest.fixture(name="often")
def _often(tmp_path, mocker):
    """Return the start of a loop of the shell, in which the time goes on.

    By more than SHORT in all, and less than that each time, however slow the
    machine is.
    """
    clock = tmp_path / "clock"
    clock.touch()
    mocker.patch("mapreduce.worker.processes.idle_timeout.time",
                 types.SimpleNamespace(
                     monotonic=lambda: SHORT * clock.stat().st_size / 2))
    return ("for _ in 1 2 3 4 5 6 7 8; do sleep 0.1; "
            f"printf x >> '{clock}';")


@pytest.mark.parametrize("script", [
    "sleep 600",
    "exec <&- >&- 2>&-; sleep 600",
    "while true; do true; done",
    "trap '' TERM; echo out; sleep 600; echo out",
])
def test_silent_process_is_killed_with_its_children(
        start, lifeline, idle, script):
    with pytest.raises(TaskError) as caught:
        with start(f"{lifeline}; sleep 600 & touch '{idle}'; "
                   f"{script}") as process:
            for _ in process.read():
                pass
    assert str(caught.value) == COMPLAINT
    assert lifeline.all_ended()


def test_last_words_of_a_silent_process_are_told(start, idle):
    with pytest.raises(TaskError) as caught:
        with start(f"echo 'waiting for y' >&2; touch '{idle}'; sleep 600"):
            pass
    assert str(caught.value) == COMPLAINT + ":\nwaiting for y"


def test_process_that_neither_reads_nor_ends_is_killed(start):
    with pytest.raises(TaskError, match=re.escape(COMPLAINT)):
        with start("sleep 600", subprocess.PIPE) as process:
            list(process.read([b"x" * 2**20]))


@pytest.mark.parametrize("sign", [
    "echo out", "printf x >&2", "echo reporter:status:busy >&2"])
def test_process_that_says_something_may_take_its_time(start, often, sign):
    with pytest.raises(TaskError, match="^job exited 3"):
        with start(f"{often} {sign}; done; exit 3") as process:
            for _ in process.read():
                pass


@pytest.mark.parametrize("stdin, stdout, sign", [
    ("file", subprocess.DEVNULL, "head -c 8192 > /dev/null"),
    (subprocess.DEVNULL, "file", "echo out"),
])
def test_files_tell_of_life(start, often, file, stdin, stdout, sign):
    with start(f"{often} {sign}; done",
               file if stdin == "file" else stdin,
               file if stdout == "file" else stdout):
        pass


def test_process_that_is_fed_may_take_its_time(start, often):
    with start(f"{often} head -c 65536 > /dev/null; done",
               subprocess.PIPE) as process:
        list(process.read([bytes(65536)] * 9))


@pytest.mark.parametrize("size", [10, 2**17])
def test_process_may_read_a_pipe_byte_by_byte(start, often, size):
    """All that is left of a small input is in the pipe from the start."""
    with start(f"{often} read -r line; done", subprocess.PIPE) as process:
        list(process.read([b"x\n" * size]))


def test_end_of_what_is_read_is_seen_at_once(start):
    with start("exec wc -c", subprocess.PIPE) as process:
        assert list(process.read([b"12345"])) == [b"5\n"]


def test_process_is_not_to_blame_for_a_slow_reader(
        start, lifeline, gate, mocker):
    """What it wrote meanwhile counts, but only once."""
    clock = mocker.patch("time.monotonic", return_value=0.0)
    with pytest.raises(TaskError, match=re.escape(COMPLAINT)), start(
            f"{lifeline}; printf x; {gate.line}; printf y; echo started >&9;"
            "sleep 600") as process:
        blocks = process.read()
        assert next(blocks) == b"x"
        gate.open()
        lifeline.wait_for_start()
        clock.return_value += 60.0
        assert next(blocks) == b"y"
        clock.return_value += 60.0
        next(blocks)
