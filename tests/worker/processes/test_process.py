"""Processes of a task: started, fed and read."""
import contextlib
import ctypes
import itertools
import os
import subprocess
import sys
import tracemalloc

import pytest

from mapreduce.worker.errors import TaskError
from mapreduce.worker.processes.launcher import Launcher
from mapreduce.worker.processes.process import BLOCK
from mapreduce.worker.processes.streams import TAIL
from tests.support.waiting import wait_until

PR_SET_CHILD_SUBREAPER = 36  # of Linux

# Nothing here takes seconds, but a process that is not killed takes 600.
pytestmark = pytest.mark.usefixtures("exit_watch")


# How it ends

def test_output_of_a_process_is_read_to_its_end(run_to_end):
    assert run_to_end("head -c 300000 /dev/zero") == bytes(300_000)


@pytest.mark.parametrize("script, complaint", [
    ("exit 3", "job exited 3"),
    ("echo out; exit 255", "job exited 255"),
    ("echo 'no such key' >&2; exit 1", "job exited 1:\nno such key"),
    (r"printf 'caf\351\n\n' >&2; exit 1", "job exited 1:\ncaf\\xe9"),
    ("kill -SEGV $$", "job was killed by SIGSEGV"),
    ("echo 'last words' >&2; kill -KILL $$",
     "job was killed by SIGKILL:\nlast words"),
    ("kill -40 $$", "job was killed by signal 40"),
])
def test_failure_tells_how_it_came(run_to_end, script, complaint):
    with pytest.raises(TaskError) as caught:
        run_to_end(script)
    assert str(caught.value) == complaint


def test_words_of_a_successful_process_are_no_failure(run_to_end):
    assert run_to_end("echo out; echo warning >&2") == b"out\n"


def test_only_the_tail_of_much_standard_error_is_kept(run_to_end):
    with pytest.raises(TaskError) as caught:
        run_to_end("head -c 5000000 /dev/zero | tr '\\0' x >&2; exit 1")
    assert str(caught.value) == "job exited 1:\n" + TAIL * "x"


def test_standard_error_blocks_no_output(run_to_end):
    assert run_to_end("""
        for _ in 1 2 3 4; do
            head -c 1000000 /dev/zero >&2
            head -c 1000000 /dev/zero
        done
    """) == bytes(4_000_000)


def test_run_waits_for_the_end_and_checks_it(interruption, tmp_path):
    path = tmp_path / "made"
    Launcher(interruption).run(["touch", str(path)], "touch", os.environ)
    assert path.exists()
    with pytest.raises(TaskError, match="^false exited 1$"):
        Launcher(interruption).run(["false"], "false", os.environ)


def test_run_sets_the_environment(interruption):
    Launcher(interruption).run(
        ["sh", "-c", 'test "$COLOR" = blue'], "test",
        {**os.environ, "COLOR": "blue"})


# How it starts

@pytest.mark.parametrize("content, mode, complaint", [
    (None, None, "No such file or directory"),
    (b"#!/bin/sh\n", 0o644, "Permission denied: is it executable"),
    (b"#!/no/such/interpreter\n", 0o755, "no such file: the interpreter"),
    (b"#!/bin/sh\r\n", 0o755, "no such file: the interpreter"),
    (b"\x7fELF of another machine", 0o755, "Exec format error: a script"),
    (b"", 0o755, "Exec format error: a script"),
], ids=["missing", "not executable", "missing interpreter",
        "CRLF interpreter", "foreign", "empty"])
def test_executable_that_cannot_be_started_tells_why(
        interruption, tmp_path, content, mode, complaint):
    path = tmp_path / "executable"
    if content is not None:
        path.write_bytes(content)
        path.chmod(mode)
    with pytest.raises(TaskError) as caught:
        Launcher(interruption).run([str(path)], "job", os.environ)
    assert str(caught.value).startswith(f"job cannot be started: {complaint}")


def test_process_leads_a_session_of_its_own(interruption):
    Launcher(interruption).run(
        [sys.executable, "-c",
         "import os, sys; sys.exit(os.getsid(0) != os.getpid())"],
        "python", os.environ)


def test_process_has_our_environment(run_to_end, monkeypatch):
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    monkeypatch.setenv("TMPDIR", "/no/such/directory")
    assert run_to_end("exec env -0") == subprocess.check_output(
        ["sh", "-c", "exec env -0"])


def test_process_has_our_working_directory(run_to_end, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_to_end("pwd -P") == b"%s\n" % os.fsencode(tmp_path.resolve())


# What it reads

def feed(process, blocks):
    """Write blocks, and read the output, of which there is none."""
    assert not b"".join(process.read(blocks))


def test_input_arrives_as_it_was_written(start, tmp_path):
    blocks = [bytes([n]) * 3 * BLOCK for n in range(256)]
    path = tmp_path / "copy"
    with start(f"cat > '{path}'") as process:
        feed(process, blocks)
        process.finish()
    assert path.read_bytes() == b"".join(blocks)


@pytest.mark.parametrize("script", [
    "exit 0",
    "head -c 1 > /dev/null",
    "exec <&-; sleep 0.1",
])
def test_process_may_stop_reading(start, script):
    with start(script) as process:
        feed(process, itertools.repeat(bytes(BLOCK)))
        process.finish()


def test_process_that_stops_reading_may_fail(start):
    with pytest.raises(TaskError, match="^job exited 4$"):
        with start("head -c 1 > /dev/null; exit 4") as process:
            feed(process, itertools.repeat(bytes(BLOCK)))


# What it reads while it is read

@pytest.mark.parametrize("script", ["cat", "cat; echo more; sleep 0.1"])
@pytest.mark.parametrize("blocks", [
    [], [b""], [b"", b"a\n", b"", b"b"], [b"x" * 3_000_000],
    [bytes([n]) * BLOCK for n in range(256)]], ids=len)
def test_process_is_fed_while_it_is_read(start, script, blocks):
    with start(script) as process:
        output = b"".join(process.read(iter(blocks)))
        process.finish()
    assert output == b"".join(blocks) + b"more\n" * ("more" in script)


def test_process_may_print_before_it_reads(start):
    with start("head -c 3000000 /dev/zero; cat") as process:
        output = b"".join(process.read([b"x" * 3_000_000]))
    assert output == bytes(3_000_000) + b"x" * 3_000_000


@pytest.mark.parametrize("script", [
    "echo out", "head -c 1 > /dev/null; echo out", "exec <&-; echo out"])
def test_process_may_stop_reading_while_it_is_read(start, script):
    with start(script) as process:
        feed = itertools.repeat(bytes(BLOCK))
        assert b"".join(process.read(feed)) == b"out\n"


def test_process_may_close_its_output_before_it_reads(start, tmp_path):
    path = tmp_path / "copy"
    with start(f"echo out; exec >&-; cat > '{path}'") as process:
        assert b"".join(process.read([b"x" * 3_000_000])) == b"out\n"
    assert path.read_bytes() == b"x" * 3_000_000


def test_feed_is_made_no_faster_than_it_is_read(start):
    made = []

    def feed():
        for number in range(1_000):
            made.append(number)
            yield bytes(BLOCK)

    with start("head -c 1 > /dev/null; echo out; exec >&-; exec cat "
               "> /dev/null") as process:
        assert next(process.read(feed())) == b"out\n"
        assert len(made) < 10


def test_feed_takes_no_memory_but_for_a_block(start):
    feed = (bytes(BLOCK) for _ in range(256))
    with start("cat") as process:
        tracemalloc.start()
        try:
            size = sum(map(len, process.read(feed)))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert size == 256 * BLOCK
    assert peak < 6 * BLOCK


def test_failure_of_what_is_fed_ends_the_process(start, lifeline):
    def feed():
        yield b"line\n"
        lifeline.wait_for_start()
        raise TaskError("the input is corrupt")

    with pytest.raises(TaskError, match="^the input is corrupt$"):
        with start(
                f"{lifeline}; sleep 600 & echo started >&9; cat") as process:
            for _ in process.read(feed()):
                pass
    assert lifeline.all_ended()


@pytest.fixture(name="inherit_orphans")
def become_subreaper():
    """Let this process inherit orphans, as the first one of a container."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is None or prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        pytest.skip("this system knows no subreapers")
    yield
    prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


@pytest.mark.usefixtures("inherit_orphans", "short_grace")
def test_children_of_a_process_do_not_stay_as_zombies(
        interruption, tmp_path):
    launcher = Launcher(interruption)
    script = f"echo $$ > {tmp_path}/group; sleep 600 & sleep 600 & exit 0"
    launcher.run(["sh", "-c", script], "job", dict(os.environ))
    group = int((tmp_path / "group").read_text())

    def is_collected():
        launcher.run(["true"], "true", dict(os.environ))
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PGID, group,
                      os.WEXITED | os.WNOHANG | os.WNOWAIT)
            return False
        return True

    assert wait_until(is_collected)
