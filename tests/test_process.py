"""Processes of a task: fed, read, ended, and nothing of them left."""
import itertools
import os
import select
import signal
import subprocess
import sys
import threading
import tracemalloc

import pytest

from mapreduce.worker.errors import TaskError, TaskInterrupted
from mapreduce.worker.processes.interruption import Interruption
from mapreduce.worker.processes.launcher import Launcher
from mapreduce.worker.processes.process import BLOCK
from mapreduce.worker.processes.streams import TAIL

# Nothing here takes seconds, but a process that is not killed takes 600.
pytestmark = pytest.mark.timeout(30)

WAIT = 5_000  # milliseconds for what is only late if it never comes


@pytest.fixture(autouse=True, params=["told of exits", "asks for exits"])
def exit_watch(request, mocker):
    """Run each test with and without a file that tells of an exit."""
    if request.param == "asks for exits":
        mocker.patch("os.pidfd_open", side_effect=OSError, create=True)


@pytest.fixture(name="interruption")
def make_interruption():
    """Return an Interruption."""
    with Interruption() as interruption:
        yield interruption


@pytest.fixture(name="start")
def make_start(interruption):
    """Return a function: run a shell script with pipes, as a context."""
    def start(script, stdin=subprocess.PIPE):
        return Launcher(interruption).running(
            ["sh", "-c", script], "job", stdin=stdin, stdout=subprocess.PIPE)
    return start


@pytest.fixture(name="run_to_end")
def make_run_to_end(start):
    """Return a function: run a script without input, return its output."""
    def run_to_end(script):
        with start(script, subprocess.DEVNULL) as process:
            output = b"".join(process.read())
            process.finish()
        return output
    return run_to_end


@pytest.fixture(name="short_grace")
def shorten_grace(mocker):
    """Give children that are left behind less time."""
    mocker.patch("mapreduce.worker.processes.exit.GRACE", 0.1)


class Lifeline:
    """A named pipe that scripts hold open: it ends with the last of them."""

    def __init__(self, path):
        """Make the pipe; a script opens it with the command of __str__."""
        os.mkfifo(path)
        self._path = path
        self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def __str__(self):
        """Return the shell command that holds the pipe open from there on."""
        return f"exec 9>'{self._path}'"

    def wait_for_start(self):
        """Wait until a script says so: echo started >&9."""
        assert self._poll() & select.POLLIN
        os.read(self._file, BLOCK)

    def all_ended(self):
        """Tell whether all who held the pipe open end in time."""
        return self._poll() == select.POLLHUP

    def close(self):
        """Close the pipe."""
        os.close(self._file)

    def _poll(self):
        poller = select.poll()
        poller.register(self._file, select.POLLIN)
        ready = poller.poll(WAIT)
        return ready[0][1] if ready else 0


@pytest.fixture(name="lifeline")
def make_lifeline(tmp_path):
    """Return a Lifeline."""
    lifeline = Lifeline(tmp_path / "lifeline")
    yield lifeline
    lifeline.close()


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

def test_input_arrives_as_it_was_written(start, tmp_path):
    blocks = [bytes([n]) * 3 * BLOCK for n in range(256)]
    path = tmp_path / "copy"
    with start(f"cat > '{path}'") as process:
        process.write(blocks)
        process.finish()
    assert path.read_bytes() == b"".join(blocks)


@pytest.mark.parametrize("script", [
    "exit 0",
    "head -c 1 > /dev/null",
    "exec <&-; echo goes on",
])
def test_process_may_stop_reading(start, script):
    with start(script) as process:
        process.write(itertools.repeat(bytes(BLOCK)))
        process.finish()


def test_process_that_stops_reading_may_fail(start):
    with pytest.raises(TaskError, match="^job exited 4$"):
        with start("head -c 1 > /dev/null; exit 4") as process:
            process.write(itertools.repeat(bytes(BLOCK)))


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


# What it leaves behind

@pytest.mark.parametrize("streams", [
    "", "> /dev/null", "2> /dev/null", "> /dev/null 2>&1"])
@pytest.mark.usefixtures("short_grace")
def test_child_that_is_left_behind_is_killed(run_to_end, lifeline, streams):
    output = run_to_end(f"{lifeline}; sleep 600 {streams} & echo out")
    assert output == b"out\n"
    assert lifeline.all_ended()


@pytest.mark.usefixtures("short_grace")
def test_exit_code_counts_whatever_child_is_left_behind(run_to_end, lifeline):
    with pytest.raises(TaskError, match="^job exited 3$"):
        run_to_end(f"{lifeline}; sleep 600 & exit 3")
    assert lifeline.all_ended()


@pytest.mark.usefixtures("short_grace")
def test_child_that_holds_the_input_is_killed(start, lifeline):
    with start(f"{lifeline}; exec 3<&0; sleep 600 <&3 & exit 0") as process:
        process.write(itertools.repeat(bytes(BLOCK)))
        process.finish()
    assert lifeline.all_ended()


def test_child_has_a_moment_to_finish_its_output(run_to_end):
    assert run_to_end("(sleep 0.2; echo late) & echo early") == (
        b"early\nlate\n")


def test_output_is_read_however_late_its_reader_comes(start, mocker):
    mocker.patch("mapreduce.worker.processes.process.BLOCK", 10_000)
    with start("head -c 40000 /dev/zero", subprocess.DEVNULL) as process:
        blocks = process.read()
        output = next(blocks)
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        output += next(blocks)
        mocker.patch("time.monotonic", return_value=float("inf"))
        output += b"".join(blocks)
        process.finish()
    assert len(output) == 40_000


def test_process_is_killed_when_its_reader_fails(start, lifeline):
    with pytest.raises(ZeroDivisionError):
        with start(f"{lifeline}; sleep 600 & echo started >&9; sleep 600"):
            lifeline.wait_for_start()
            raise ZeroDivisionError
    assert lifeline.all_ended()


def test_no_file_and_no_zombie_is_left(run_to_end):
    before = sorted(os.listdir("/dev/fd"))
    run_to_end("echo out; echo words >&2")
    with pytest.raises(TaskError):
        run_to_end("exit 1")
    assert sorted(os.listdir("/dev/fd")) == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


# Interruptions

def read(process):
    """Read all output."""
    for _ in process.read():
        pass


def feed_and_read(process):
    """Write without an end, and read all output."""
    for _ in process.read(itertools.repeat(bytes(BLOCK))):
        pass


def write(process):
    """Write without an end."""
    process.write(itertools.repeat(bytes(BLOCK)))


def finish(process):
    """Read all output, then wait for the end."""
    read(process)
    process.finish()


@pytest.mark.parametrize("act, script", [
    (read, "sleep 600"),
    (read, "yes"),
    (read, "yes >&2"),
    (read, "trap '' TERM INT HUP; sleep 600"),
    (feed_and_read, "sleep 600"),
    (feed_and_read, "cat"),
    (write, "sleep 600"),
    (write, "cat > /dev/null"),
    (finish, "exec >&-; sleep 600"),
    (finish, "exec <&- >&- 2>&-; sleep 600"),
])
def test_interruption_kills_the_process_and_its_children(
        start, lifeline, interruption, act, script):
    def interrupt():
        lifeline.wait_for_start()
        interruption.set()

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(TaskInterrupted), start(
            f"{lifeline}; sleep 600 & echo started >&9; {script}") as process:
        act(process)
    thread.join()
    assert lifeline.all_ended()


def test_interruption_ends_what_starts_after_it(start, interruption, lifeline):
    interruption.set()
    with pytest.raises(TaskInterrupted), start(
            f"{lifeline}; echo started >&9; sleep 600") as process:
        lifeline.wait_for_start()
        process.finish()
    assert lifeline.all_ended()


def test_interruption_may_be_set_by_a_signal(start, interruption):
    previous = signal.signal(signal.SIGUSR1, lambda *_: interruption.set())
    try:
        with pytest.raises(TaskInterrupted), start(
                f"kill -USR1 {os.getpid()}; sleep 600") as process:
            process.finish()
    finally:
        signal.signal(signal.SIGUSR1, previous)


def test_interruption_may_be_set_any_number_of_times(interruption):
    for _ in range(100_000):
        interruption.set()
