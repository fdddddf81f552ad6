"""What may go wrong with real processes, and what must happen then.

Nothing is lost, nothing doubled, nobody waits for ever, and the person who
submitted the job reads why it failed.
"""
import contextlib
import filecmp
import json
import os
import pathlib
import re
import resource
import select
import signal
import socket
import subprocess
import time

import pytest

from tests import wire
from tests.chaos import GARBAGE
from tests.cluster import (
    ROOT,
    TIMEOUT,
    WORD_COUNT,
    Cluster,
    Daemon,
    Gate,
    answers,
    free_port,
    in_order,
    names_in,
    pipeline,
)
from tests.stages import TESTDATA, write_executable, write_files

SMALL = str(TESTDATA / "input_small")
ONE_TASK = {"num_mappers": 1, "num_reducers": 1}
EXECUTABLE_OF = {
    "map": "mapper_executable", "reduce": "reducer_executable"}
COPY = {"mapper_executable": "cat", "reducer_executable": "cat"}

needs_proc = pytest.mark.skipif(
    not pathlib.Path("/proc/self/task").exists(),
    reason="threads and files of processes are counted in /proc")
needs_prlimit = pytest.mark.skipif(
    not hasattr(resource, "prlimit"),
    reason="no limits can be set for another process")


@pytest.fixture(name="pair", scope="module")
def _pair(tmp_path_factory):
    """A Manager and two Workers, which the jobs here share, also the bad."""
    with Cluster(tmp_path_factory.mktemp("pair") / "cluster") as cluster:
        cluster.start(2)
        yield cluster


@pytest.fixture(name="second_gate")
def _second_gate(tmp_path):
    """Another gate for the executables of the test."""
    with Gate(tmp_path / "second-gate") as gate:
        yield gate


@pytest.fixture(name="output")
def _output(tmp_path):
    return tmp_path / "output"


def check_next_job(cluster, output):
    """Run a job, which must come out right whatever was before it."""
    result = cluster.run_job(output, input_directory=SMALL)
    assert in_order(result) == in_order(pipeline(SMALL, *WORD_COUNT))


def errors(cluster):
    """Return the entries at ERROR in the log of the Manager."""
    name = re.escape(f"Manager:{cluster.port} [")
    return [entry.rstrip("\n") for entry in re.findall(
        rf"^{name}ERROR\] (.*?)(?=^{name}|\Z)",
        cluster.manager.log.read_text(), re.MULTILINE | re.DOTALL)]


def failure(cluster, output, **fields):
    """Submit a job that fails; return why, as its one ERROR entry says.

    The next job runs.
    """
    before = len(errors(cluster))
    cluster.submit(output, **fields)
    check_next_job(cluster, output.with_name("next"))
    (entry,) = errors(cluster)[before:]
    return re.fullmatch(r"Job \d+ failed: (.*)", entry, re.DOTALL)[1]


def restart_worker(cluster, number):
    """Start a Worker that was killed again, on its port."""
    return cluster.start_worker(port=cluster.workers[number].port)


def has_registered(cluster, worker, times):
    """Tell whether a Worker has registered so many times."""
    return cluster.manager.says(
        f"Registered Worker RemoteWorker('localhost', {worker.port})", times)


@contextlib.contextmanager
def stopped(daemon):
    """Stop a daemon for a while; nobody else notices at first."""
    daemon.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        daemon.process.send_signal(signal.SIGCONT)


# Tasks that fail

@pytest.mark.parametrize("script, fate", [
    ("cat; echo 'KeyError: x' >&2; exit 3", "exited 3:\nKeyError: x"),
    ("kill -SEGV $$", "was killed by SIGSEGV"),
    ("head -c 5000000 /dev/zero | tr '\\0' x >&2; exit 1",
     "exited 1:\n" + 4096 * "x"),
], ids=["exit-code", "signal", "much-standard-error"])
@pytest.mark.parametrize("stage", ["map", "reduce"])
def test_job_fails_with_the_reason_of_its_task(
        pair, tmp_path, output, stage, script, fate):
    """Nothing is left of its result."""
    failing = write_executable(tmp_path / "failing", script)
    title = {"map": f"{failing} on the input '{SMALL}/file01'",
             "reduce": failing}[stage]
    assert failure(pair, output, input_directory=SMALL, **ONE_TASK,
                   **{EXECUTABLE_OF[stage]: failing}) == (
        f"{stage} task 0 failed 4 times, the last time because {title} {fate}")
    assert not output.exists()


@pytest.mark.parametrize("content, complaint", [
    (None, "No such file or directory"),
    (b"#!/bin/sh\r\n", "no such file: the interpreter"),
    (b"\x7fELF of another machine", "Exec format error: a script"),
], ids=["missing", "CRLF", "foreign"])
def test_job_fails_whose_executable_cannot_be_started(
        pair, tmp_path, output, content, complaint):
    """Its name is told, and what may help."""
    executable = tmp_path / "executable"
    if content:
        executable.write_bytes(content)
        executable.chmod(0o755)
    assert f"{executable} cannot be started: {complaint}" in failure(
        pair, output, reducer_executable=str(executable))


def test_failing_task_is_tried_on_different_workers(pair, tmp_path, output):
    """Four times in all; the parent of an executable is its Worker."""
    failing = write_executable(
        tmp_path / "failing", f"echo $PPID >> '{tmp_path}/parents'", "exit 1")
    failure(pair, output, input_directory=SMALL, mapper_executable=failing,
            **ONE_TASK)
    parents = (tmp_path / "parents").read_text().split()
    assert len(parents) == 4
    assert set(parents[:2]) == {
        str(worker.process.pid) for worker in pair.workers}


def test_other_tasks_of_a_failed_job_are_cancelled(pair, tmp_path, output):
    """They would take ten minutes."""
    inputs = tmp_path / "input"
    write_files(inputs, b"fail\n", b"sleep\n")
    mapper = write_executable(
        tmp_path / "mapper", "read -r word", '[ "$word" = sleep ] || exit 5',
        "exec sleep 600")
    assert "0000' exited 5" in failure(
        pair, output, input_directory=str(inputs), mapper_executable=mapper)
    assert any(worker.says("Gave up task 1") for worker in pair.workers)


def test_job_that_kills_its_workers_fails(cluster, tmp_path, output):
    """After four of them; the next job runs."""
    deadly = write_executable(tmp_path / "deadly", "kill -9 $PPID")
    cluster.start(1)
    cluster.submit(output, mapper_executable=deadly, **ONE_TASK)
    for number in range(4):
        code = cluster.workers[number].process.wait(TIMEOUT)
        assert code == -signal.SIGKILL
        restart_worker(cluster, number)
    check_next_job(cluster, tmp_path / "next")
    name = f"localhost:{cluster.workers[0].port}"
    assert errors(cluster) == [
        "Job 0 failed: map task 0 was with 4 Workers when they died: "
        + ", ".join(4 * [name])]
    assert not output.exists()


@pytest.mark.parametrize("script", [
    pytest.param("exit 0", id="reads-nothing"),
    pytest.param("head -n 1 > /dev/null; exit 0", id="stops-reading"),
    pytest.param("cat > /dev/null; head -c 5000000 /dev/zero >&2",
                 id="much-standard-error"),
    pytest.param("sleep 600 & exec cat > /dev/null", id="background-child"),
    pytest.param("sleep 600 2> /dev/null & exec cat > /dev/null",
                 id="background-child-on-output"),
])
def test_unusual_executables_succeed(pair, tmp_path, output, script):
    """It is the exit code that decides."""
    write_files(tmp_path / "input", 200_000 * b"some line\n")
    executable = write_executable(tmp_path / "executable", "echo out", script)
    assert pair.run_job(
        output, input_directory=str(tmp_path / "input"),
        mapper_executable="cat", reducer_executable=executable, **ONE_TASK
    ) == b"out\n"
    assert pair.run_job(
        output.with_name("mapped"), input_directory=str(tmp_path / "input"),
        mapper_executable=executable, reducer_executable="cat", **ONE_TASK
    ) == b"out\n"


# Processes

@pytest.fixture(name="alive")
def _alive(tmp_path):
    """A named pipe, which ends with the last of those who hold it open."""
    path = tmp_path / "alive"
    os.mkfifo(path)
    return path


def check_end(pipe):
    """Check that nobody holds a pipe open three seconds from now."""
    assert select.select([pipe], [], [], 3.0)[0]
    assert pipe.read() == b""


@pytest.mark.parametrize("executable", EXECUTABLE_OF.values())
def test_killed_worker_leaves_no_process(
        cluster, tmp_path, output, alive, executable):
    """Its reaper kills them all, also the children."""
    # When it goes on, the Worker has read its output or written its input.
    long_task = write_executable(
        tmp_path / "long", "read -r line", "head -c 1000000 /dev/zero",
        f"exec 3> '{alive}'", "sleep 600 &", "trap '' HUP INT TERM",
        "sleep 600")
    cluster.start(1)
    cluster.submit(output, input_directory=SMALL, **ONE_TASK,
                   **{executable: long_task})
    with open(alive, "rb") as pipe:
        cluster.kill_worker(0)
        check_end(pipe)


def test_worker_that_is_killed_at_once_leaves_no_process(
        cluster, tmp_path, output, alive):
    """By the process itself, the moment that it runs."""
    deadly = write_executable(
        tmp_path / "deadly", f"exec 3> '{alive}'", "kill -9 $PPID",
        "sleep 10")
    cluster.start(1)
    cluster.submit(output, mapper_executable=deadly, **ONE_TASK)
    with open(alive, "rb") as pipe:
        check_end(pipe)


def test_killed_daemons_leave_directories_to_the_next_start(
        cluster, tmp_path, output, gate):
    """It removes them, but not those in use, nor those of others."""
    gated = write_executable(tmp_path / "gated", gate.line, "exec cat")
    foreign = [cluster.local / "mapreduce-local-mine",
               cluster.shared / "mapreduce-shared-mine"]
    for directory in foreign:
        directory.mkdir()
    cluster.start(1)
    cluster.submit(output, mapper_executable=gated, **ONE_TASK)
    cluster.wait_for(lambda: len(cluster.leftovers()) == 4)
    in_use = set(cluster.leftovers())
    cluster.start_worker()
    assert set(cluster.leftovers()) == in_use
    for daemon in (cluster.manager, cluster.workers[0]):
        daemon.process.kill()
        daemon.process.wait()
    cluster.start_manager()
    cluster.start_worker()
    assert in_use & set(cluster.leftovers()) == set(foreign)


def test_manager_that_is_told_to_end_as_it_starts_leaves_nothing(cluster):
    """The moment that its directory is there."""
    cluster.manager = Daemon(
        "manager", cluster.port, cluster.directory, cluster.env,
        "--shared_dir", str(cluster.shared))
    while not names_in(cluster.shared):
        pass  # Only a busy wait is soon enough.
    cluster.manager.process.terminate()
    assert cluster.exit_codes() == [0]
    assert cluster.leftovers() == []


# Workers and Managers come and go

@pytest.mark.slow
def test_worker_that_was_stopped_harms_no_later_job(
        cluster, tmp_path, output, gate, second_gate):
    """It is thought dead, continues in another job, and registers again."""
    first, second = (
        write_executable(tmp_path / name, gate.line, f"echo {name}")
        for name, gate in (("first", gate), ("second", second_gate)))
    cluster.start(2)
    late, other = cluster.workers
    cluster.submit(output, reducer_executable=first, **ONE_TASK)
    cluster.wait_for(lambda: late.says("Received task ReduceTaskMessage"))
    with stopped(late):
        cluster.wait_for(
            lambda: other.says("Received task ReduceTaskMessage"))
        gate.open()
        cluster.wait_for_parts(output, 1)
        cluster.submit(output, reducer_executable=second, **ONE_TASK)
        cluster.wait_for(
            lambda: other.says("Received task ReduceTaskMessage", 2))
    cluster.wait_for(lambda: has_registered(cluster, late, 2))
    assert names_in(output) == []
    second_gate.open()
    cluster.wait_for_parts(output, 1)
    assert cluster.result(output) == b"second\n"
    assert not late.says('"message_type": "finished",\n  "task_id": 0', 2)
    cluster.kill_worker(1)
    check_next_job(cluster, tmp_path / "next")


def test_workers_find_the_next_manager(cluster, tmp_path):
    """By themselves, when theirs was killed."""
    cluster.start(2)
    cluster.manager.process.kill()
    cluster.manager.process.wait()
    for worker in cluster.workers:
        cluster.wait_for(lambda worker=worker: worker.says("Lost contact"))
    cluster.start_manager()
    for worker in cluster.workers:
        cluster.wait_for(
            lambda worker=worker: has_registered(cluster, worker, 2))
    check_next_job(cluster, tmp_path / "next")


@pytest.mark.slow
def test_manager_that_was_stopped_declares_nobody_dead(cluster, tmp_path):
    """Heartbeats have waited for it: six, which took twelve seconds."""
    cluster.start(1)
    (worker,) = cluster.workers
    sent = worker.log.read_text().count("UDP send")
    with stopped(cluster.manager):
        cluster.wait_for(lambda: worker.says("UDP send", sent + 6))
        received = cluster.manager.log.read_text().count("UDP recv")
    # These six, and enough others for the Manager to count the silent.
    cluster.wait_for(
        lambda: cluster.manager.says("UDP recv", received + 6 + 3))
    check_next_job(cluster, tmp_path / "next")
    assert not cluster.manager.says("Worker died")
    assert not has_registered(cluster, worker, 2)


# Messages

@needs_proc
def test_worker_registers_beside_500_silent_clients(cluster):
    """Within a second."""
    cluster.start_manager()
    port = free_port()
    files = f"/proc/{cluster.manager.process.pid}/fd"
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(
            ("localhost", port)))
        for number in range(100, 501, 100):  # No more may wait at a time.
            for _ in range(100):
                stack.enter_context(socket.create_connection(
                    ("localhost", cluster.port)))
            cluster.wait_for(
                lambda number=number: len(os.listdir(files)) > number)
        began = time.monotonic()
        cluster.send(wire.register(port))
        connection = stack.enter_context(listener.accept()[0])
        assert json.loads(connection.recv(1000)) == wire.ACK
        assert time.monotonic() - began < 1


def garbage(output):
    """Return messages of many kinds, none of which can be used."""
    return [
        *GARBAGE, b"\x00", b'{"task_id": NaN}', wire.encode({}),
        *map(wire.encode, [
            wire.register(0), wire.register(65536), wire.register(True),
            wire.register("6001"), wire.register(10 ** 4000),
            {**wire.register(6001), "worker_host": "local\0host"},
            {"message_type": ["shutdown"]},
            wire.job(output, num_mappers=0),
            wire.job(output, num_reducers=100_001),
            wire.job(f"{output}\0"), wire.job("\ud800"),
            wire.map_task(-1, [], "cat", output, 1),
            wire.map_task(0, ["\0"], "cat", output, 1),
            wire.map_task(0, [], "cat", output, 0),
            wire.reduce_task(1.0, "cat", [], output),
        ])]


@needs_proc
def test_garbage_changes_nothing(cluster, tmp_path, output):
    """Each is a line in the log, no thread ends, none is new."""
    cluster.start(2)
    check_next_job(cluster, tmp_path / "before")

    def threads():
        return [len(os.listdir(f"/proc/{daemon.process.pid}/task"))
                for daemon in (cluster.manager, *cluster.workers)]

    def send(kind, port, payload):
        with socket.socket(type=kind) as sock:
            sock.connect(("localhost", port))
            with contextlib.suppress(ConnectionError):  # Dropped: fine.
                sock.sendall(payload)

    # Who is slow meets a thread that is there from then on.
    for daemon in (cluster.manager, cluster.workers[0]):
        with socket.create_connection(("localhost", daemon.port)):
            send(socket.SOCK_STREAM, daemon.port, b"{")
            cluster.wait_for(lambda daemon=daemon: daemon.says("Ignored a"))
    before = threads()
    messages = garbage(output)
    for payload in messages:
        for daemon in (cluster.manager, cluster.workers[0]):
            send(socket.SOCK_STREAM, daemon.port, payload)
        if 0 < len(payload) < 60_000:
            send(socket.SOCK_DGRAM, cluster.port, payload)
    cluster.wait_for(
        lambda: cluster.workers[0].says("Ignored a", len(messages)))
    check_next_job(cluster, output)
    assert threads() == before


# Data

def test_line_of_100_megabytes(pair, tmp_path, output):
    """It arrives as it was."""
    (path,) = write_files(tmp_path / "input", 10**8 * b"x" + b"\n")
    pair.submit(output, input_directory=str(tmp_path / "input"), **COPY,
                **ONE_TASK)
    pair.wait_for_parts(output, 1)
    assert filecmp.cmp(path, output / "part-00000", shallow=False)


@pytest.mark.parametrize("make", [
    os.mkfifo, lambda path: os.symlink("nowhere", path)],
    ids=["pipe", "dangling-link"])
def test_job_fails_whose_input_is_no_file(pair, tmp_path, output, make):
    """Before anything is deleted."""
    write_files(tmp_path / "input", b"")
    output.mkdir()
    make(tmp_path / "input" / "strange")
    assert failure(
        pair, output, input_directory=str(tmp_path / "input")
    ) == f"the input '{tmp_path}/input/strange' is no regular file"
    assert output.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_job_fails_whose_input_may_not_be_read(pair, tmp_path, output):
    """It is named."""
    (path,) = write_files(tmp_path / "input", b"")
    os.chmod(path, 0)
    assert f"cannot read the input {path!r}: Permission denied" in failure(
        pair, output, input_directory=str(tmp_path / "input"))


def test_job_fails_whose_input_vanishes(pair, tmp_path, output):
    """It is named."""
    _, path = write_files(tmp_path / "input", b"", b"")
    mapper = write_executable(tmp_path / "mapper", f"exec rm -f '{path}'")
    assert f"cannot read the input {path!r}: No such file" in failure(
        pair, output, input_directory=str(tmp_path / "input"),
        mapper_executable=mapper, **ONE_TASK)


@needs_prlimit
def test_maps_may_have_more_outputs_than_files_may_be_open(
        cluster, tmp_path, output):
    """For the reducer, they are merged."""
    cluster.start(1)
    resource.prlimit(cluster.workers[0].process.pid,
                     resource.RLIMIT_NOFILE, (64, 64))
    write_files(tmp_path / "input", *(b"%d\n" % n for n in range(100)))
    assert cluster.run_job(
        output, input_directory=str(tmp_path / "input"), **COPY,
        num_mappers=100, num_reducers=1
    ) == b"".join(sorted(b"%d\n" % n for n in range(100)))


# Directories

@pytest.mark.parametrize("directory, reason", [
    ("link", "a symbolic link"),
    ("file", "no directory"),
    ("holder", "or holds the input directory"),
    ("holder/input/output", "inside the input directory"),
])
def test_job_fails_whose_output_directory_would_do_harm(
        pair, tmp_path, directory, reason):
    """Everything stays as it is."""
    (tmp_path / "holder").mkdir()
    write_files(tmp_path / "holder" / "input", b"precious\n")
    (tmp_path / "link").symlink_to("holder")
    (tmp_path / "file").touch()
    before = sorted(tmp_path.rglob("*"))
    output = f"{tmp_path}/{directory}"
    assert failure(pair, pathlib.Path(output), input_directory=str(
        tmp_path / "holder" / "input")) == (
        f"the output directory {output!r} is not replaced: it is {reason}")
    assert [path for path in before if not path.exists()] == []


@needs_prlimit
@pytest.mark.parametrize("job, complaint", [
    (COPY, "File too large"),
    ({"mapper_executable": "echo", "reducer_executable": "yes"},
     "yes was killed by SIGXFSZ"),
], ids=["map", "reduce"])
def test_job_fails_whose_files_find_no_room(
        cluster, tmp_path, output, job, complaint):
    """Here each file has a limit; the Worker lives and leaves no part."""
    cluster.start(1)
    write_files(tmp_path / "input", 2**18 * b"four\n")
    resource.prlimit(cluster.workers[0].process.pid,
                     resource.RLIMIT_FSIZE, (2**20, 2**20))
    assert complaint in failure(
        cluster, output, input_directory=str(tmp_path / "input"), **job,
        **ONE_TASK)
    assert not output.exists()
    assert names_in(cluster.local) == []


# Drills

def test_worker_fails_after_so_many_tasks(cluster, tmp_path, output):
    """At once and without a word; another one does the rest."""
    cluster.start_manager()
    worker = cluster.start_worker("--fail-after", "1")
    cluster.submit(output, input_directory=SMALL)
    assert worker.process.wait(TIMEOUT) == 1
    assert worker.says("Finished task 0")
    assert not worker.says("Ended")
    restart_worker(cluster, 0)
    cluster.wait_for_parts(output, 2)
    assert in_order(cluster.result(output)) == in_order(
        pipeline(SMALL, *WORD_COUNT))


def kill_worker(*arguments):
    """Run bin/mapreduce kill-worker; return its output and exit code."""
    outcome = subprocess.run(
        [ROOT / "bin/mapreduce", "kill-worker", *arguments],
        capture_output=True, text=True, timeout=TIMEOUT)
    assert outcome.stderr == ""
    return outcome.stdout, outcome.returncode


def test_worker_on_a_port_is_killed(cluster):
    """No other one, and not a Manager."""
    cluster.start(2)
    port = cluster.workers[0].port
    assert kill_worker(str(port)) == (
        f"killed mapreduce worker on port {port}\n", 0)
    code = cluster.workers[0].process.wait(TIMEOUT)
    assert code == -signal.SIGKILL
    for nobody in (port, cluster.port):
        assert kill_worker(str(nobody)) == (
            f"Error: no mapreduce-worker was started on port {nobody}\n", 1)
    assert answers(cluster.port)
    assert answers(cluster.workers[1].port)


@pytest.mark.parametrize("arguments", [[], ["6001", "6002"]])
def test_kill_worker_wants_one_port(arguments):
    """It tells its usage."""
    output, code = kill_worker(*arguments)
    assert output.startswith("Usage: ") and "kill-worker PORT" in output
    assert code == 1


# Time

def test_nobody_reads_the_wall_clock():
    """So that a jump of it changes nothing."""
    assert [path for path in (ROOT / "mapreduce").rglob("*.py")
            if re.search(r"\btime\.time\b|\bdatetime\b", path.read_text())
            ] == []
