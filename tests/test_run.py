"""mapreduce-run: a job by one command, which leaves nothing behind."""
import contextlib
import os
import pathlib
import re
import signal
import subprocess
import sys

import pytest

from tests.cluster import (
    TIMEOUT,
    WORD_COUNT,
    command,
    in_order,
    names_in,
    pipeline,
    wait_until,
)
from tests.stages import TESTDATA, write_executable

pytestmark = [pytest.mark.timeout(60), pytest.mark.skipif(
    not pathlib.Path("/proc/self/task").exists(),
    reason="children are found by /proc")]

MAPPER, REDUCER = map(str, WORD_COUNT)
INPUT = str(TESTDATA / "input")


class Run:
    """mapreduce-run as a process, which may be started and then watched."""

    def __init__(self, tmp_path):
        """Have it run in a directory of its own."""
        self.directory = tmp_path / "directory"
        self.temporary = tmp_path / "temporary"
        self.output = self.directory / "output"
        self.env = {**os.environ, "TMPDIR": str(self.temporary)}
        for path in (self.directory, self.temporary):
            path.mkdir()

    @contextlib.contextmanager
    def started(self, *options, mapper=MAPPER, output="output"):
        """Start it; it is killed if it still runs after the block."""
        with subprocess.Popen(
                [command("run"), "-i", INPUT, "-o", output, "-m", mapper,
                 "-r", REDUCER, *options], cwd=self.directory, env=self.env,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True) as process:
            try:
                yield process
            finally:
                process.kill()

    def __call__(self, *options, **fields):
        """Run it to its end; return exit code and standard error."""
        with self.started(*options, **fields) as process:
            stdout, stderr = process.communicate(timeout=TIMEOUT)
        assert stdout == ""
        assert names_in(self.temporary) == []
        return process.returncode, stderr

    def result(self, output="output"):
        """Return the parts, one after the other."""
        return b"".join(
            path.read_bytes() for path in
            sorted((self.directory / output).glob("part-*")))


@pytest.fixture(name="run")
def _run(tmp_path):
    """The command, in a directory of the test's own."""
    return Run(tmp_path)


@pytest.fixture(name="waiting")
def _waiting(tmp_path, gate):
    """A mapper that tells its process id, and then waits at the gate."""
    os.mkfifo(tmp_path / "pid")
    return write_executable(
        tmp_path / "waiting", f"echo $$ > '{tmp_path}/pid'", gate.line,
        f"exec '{MAPPER}'")


@pytest.fixture(name="pid_of_task")
def _pid_of_task(tmp_path):
    """Return a function: wait until a task runs, return its process id."""
    return lambda: int((tmp_path / "pid").read_text().split()[0])


@pytest.fixture(name="open_gate")
def _open_gate(tmp_path, gate):
    """Return a context in which no task waits, for any reason."""
    @contextlib.contextmanager
    def open_gate():
        with open(tmp_path / "pid", "r+b", buffering=0):
            gate.open()
            yield
    return open_gate


def children(process):
    """Return the arguments of each child of a process, by its id."""
    found = {}
    for file in pathlib.Path(f"/proc/{process.pid}/task").glob("*/children"):
        for pid in file.read_text().split():
            arguments = pathlib.Path(f"/proc/{pid}/cmdline").read_text()
            found[int(pid)] = arguments.split("\0")
    return found


def workers(process):
    """Return the arguments of each Worker of a run, by its id."""
    return {pid: arguments for pid, arguments in children(process).items()
            if "mapreduce.worker" in arguments}


def lives(pid):
    """Tell whether there is a process, and it is no zombie."""
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/stat").read_text(
            ).rpartition(")")[2].split()[0] != "Z"
    return False


def expected():
    """Return the lines that counting the words gives."""
    return in_order(pipeline(INPUT, MAPPER, REDUCER))


def test_result(run):
    """It is that of the pipeline, and the last line says where it is."""
    code, stderr = run("--workers", "2", "--nreducers", "3")
    assert code == 0, stderr
    assert re.fullmatch(r"Done in \d+\.\d s: 3 parts in output",
                        stderr.splitlines()[-1])
    assert names_in(run.output) == ["part-00000", "part-00001", "part-00002"]
    assert in_order(run.result()) == expected()


def test_four_parts_a_worker(run):
    """Where nobody asked for a number; and quiet is quiet."""
    assert run("--workers", "1", "--quiet") == (0, "")
    assert len(names_in(run.output)) == 4


def test_relative_paths_are_meant_where_it_runs(run):
    """Those of the executables, too."""
    write_executable(run.directory / "map", f"exec '{MAPPER}'")
    assert run("--quiet", mapper="./map") == (0, "")
    assert in_order(run.result()) == expected()


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python has no -P")
def test_modules_of_the_user_are_left_alone(run):
    """A file that is named as one that Python needs is none of ours."""
    (run.directory / "queue.py").write_text("raise Exception('mine')")
    assert run("--quiet") == (0, "")


def test_mapper_fails(run, tmp_path):
    """Its last words are shown, and no result is left."""
    mapper = write_executable(
        tmp_path / "fails", "echo 'no such column: 7' >&2", "exit 3")
    code, stderr = run("--quiet", "--workers", "1", mapper=mapper)
    assert code == 1
    assert stderr.startswith("Error: job 0 failed: ")
    assert "no such column: 7" in stderr and mapper in stderr
    assert "Traceback" not in stderr
    assert names_in(run.output) == []


def test_output_that_is_refused(run):
    """The reason is the Manager's; nothing is deleted."""
    (run.directory / "precious").touch()
    code, stderr = run("--quiet", output=".")
    assert code == 1
    assert "it is or holds the working directory" in stderr
    assert names_in(run.directory) == ["precious"]


@pytest.mark.parametrize("options, error", [
    (["-i", "missing"], "cannot read the input 'missing': No such file or "
     "directory in "),
    (["-m", "./missing"], "there is no file './missing' in "),
    (["-m", "missing"], "there is no program 'missing' in the working "),
    (["-r", "plain"], "is not executable; chmod +x ./plain"),
    (["-r", "./plain"], "is not executable; chmod +x ./plain"),
    (["-r", "../directory"], "is a directory; name a program in it"),
    (["-m", "./map -x"], "there is no file './map' in "),
    (["-o", ""], "the name of the output directory is empty"),
    (["-m", ""], "the name of the mapper executable is empty"),
    (["--workers", "0"], "'--workers'"),
    (["--nreducers", "100001"], "'--reducers'"),
])
def test_wrong_use(run, options, error):
    """One line says what to do."""
    (run.directory / "plain").touch()
    code, stderr = run(*options)
    assert code == 2
    assert error in stderr.splitlines()[-1]
    assert stderr.splitlines()[-1].startswith("Error: ")
    assert names_in(run.directory) == ["plain"]


def test_help():
    """It shows an example, and what has to be given."""
    outcome = subprocess.run(
        [command("run"), "--help"], check=True, capture_output=True,
        text=True)
    assert outcome.stdout.startswith("Usage: mapreduce-run [OPTIONS]\n")
    assert "mapreduce-run -i input -o output -m ./mapper" in outcome.stdout
    assert outcome.stdout.count("[required]") == 3


@pytest.mark.parametrize("number, times, code", [
    (signal.SIGINT, 1, 130),
    (signal.SIGINT, 3, 130),
    (signal.SIGTERM, 1, 143),
    (signal.SIGHUP, 1, 129),
    (signal.SIGKILL, 1, -signal.SIGKILL),
])
def test_interrupted(run, waiting, pid_of_task, number, times, code):
    """It leaves no process and no directory, whatever ends it.

    A result that is not complete goes, too, if that can be helped.
    """
    with run.started("--quiet", "--workers", "2", mapper=waiting) as process:
        pids = [pid_of_task(), *children(process)]
        assert len(pids) == 4 and all(map(lives, pids))
        for _ in range(times):
            process.send_signal(number)
        assert process.communicate(timeout=TIMEOUT) == ("", "")
        assert process.returncode == code
        if number == signal.SIGKILL:
            assert wait_until(lambda: not any(map(lives, pids)), 5)
            assert wait_until(lambda: names_in(run.temporary) == [], 5)
    assert not any(map(lives, pids))
    assert names_in(run.temporary) == []
    assert run.output.exists() == (number == signal.SIGKILL)


@pytest.mark.parametrize("milliseconds", [0, 150, 300, 450])
def test_interrupted_while_it_starts(run, milliseconds):
    """At any moment: that is all the same."""
    with run.started("--quiet") as process:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(milliseconds / 1000)
        process.terminate()
        stdout, stderr = process.communicate(timeout=TIMEOUT)
        assert (stdout, stderr) == ("", "")
        assert process.returncode in (-signal.SIGTERM, 143, 0)
    assert names_in(run.temporary) == []
    assert run.output.exists() == (process.returncode == 0)


def test_killed_worker_is_replaced(run, waiting, pid_of_task, open_gate):
    """By one on the same port; the job ends with the right result."""
    with run.started("--quiet", "--workers", "1", mapper=waiting) as process:
        pid_of_task()
        (killed,) = workers(process)
        os.kill(killed, signal.SIGKILL)
        # The task of the next Worker: it has the task of the first.
        pid_of_task()
        ((replacement, arguments),) = workers(process).items()
        assert replacement != killed
        assert arguments[arguments.index("--port") + 1] != "0"
        with open_gate():
            assert process.communicate(timeout=TIMEOUT) == ("", "")
    assert process.returncode == 0
    assert in_order(run.result()) == expected()
    assert names_in(run.temporary) == []


def test_mapper_that_kills_its_worker(run, tmp_path):
    """That is no fault of the Workers; the Manager gives the job up."""
    mapper = write_executable(tmp_path / "kills", "kill -9 $PPID")
    code, stderr = run("--quiet", "--workers", "1", mapper=mapper)
    assert code == 1
    assert re.match(r"Error: job 0 failed: map task \d was with 4 Workers "
                    "when they died", stderr)


def test_more_workers_than_files_may_be_open(run):
    """One line says so; those that were started end."""
    limited = write_executable(
        run.directory / "limited", "ulimit -n 40", 'exec "$@"')
    outcome = subprocess.run(
        [limited, command("run"), "-i", INPUT, "-o", "output", "-m", "cat",
         "-r", "cat", "--workers", "50"], cwd=run.directory, env=run.env,
        capture_output=True, text=True, timeout=TIMEOUT)
    assert (outcome.returncode, outcome.stderr) == (
        1, "Error: cannot start another process: Too many open files; "
        "fewer --workers need less\n")
    assert names_in(run.temporary) == []


def test_workers_that_cannot_start(run, tmp_path):
    """The third such death ends it, with the last words of that Worker."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if 'mapreduce.worker' in sys.orig_argv:\n"
        "    os.write(2, b'no memory for you\\n')\n"
        "    os._exit(7)\n")
    run.env["PYTHONPATH"] = str(tmp_path)
    assert run("--quiet") == (
        1, "Error: 3 Workers ended before they had registered; the last "
        "one: exit code 7\nno memory for you\n")


def test_manager_that_cannot_start(run, tmp_path):
    """Its last words are shown."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if 'mapreduce.manager' in sys.orig_argv:\n"
        "    os.write(2, b'no memory for you\\n')\n"
        "    os._exit(7)\n")
    run.env["PYTHONPATH"] = str(tmp_path)
    assert run("--quiet") == (
        1, "Error: the Manager did not start: exit code 7\n"
        "no memory for you\n")


def test_killed_manager_ends_the_run(run, waiting, pid_of_task):
    """There is nobody who knows the job; its directory goes, too."""
    with run.started("--quiet", "--workers", "1", mapper=waiting) as process:
        pids = [pid_of_task(), *children(process)]
        os.kill(next(pid for pid, arguments in children(process).items()
                     if "mapreduce.manager" in arguments), signal.SIGKILL)
        assert process.communicate(timeout=TIMEOUT) == (
            "", "Error: the Manager ended: killed by signal 9 (Killed)\n")
        assert process.returncode == 1
    assert not any(map(lives, pids))
    assert names_in(run.temporary) == []


def test_two_at_once(run, waiting, pid_of_task, open_gate):
    """Neither they nor a cluster on the default ports meet."""
    with run.started("--quiet", "--workers", "1", mapper=waiting) as process:
        pid_of_task()
        ports = [arguments[arguments.index("--port") + 1]
                 for arguments in children(process).values()]
        assert ports == ["0", "0"]
        with run.started("--quiet", "--workers", "1",
                         output="other") as other:
            assert other.communicate(timeout=TIMEOUT) == ("", "")
        with open_gate():
            assert process.communicate(timeout=TIMEOUT) == ("", "")
    assert (process.returncode, other.returncode) == (0, 0)
    assert in_order(run.result()) == in_order(run.result("other"))
    assert names_in(run.temporary) == []


def test_no_daemon_has_the_name_of_a_command(run, waiting, pid_of_task):
    """Whoever looks for those finds none, and does not end them."""
    with run.started("--quiet", mapper=waiting) as process:
        pid_of_task()
        for arguments in children(process).values():
            assert not re.search("mapreduce-(manager|worker)",
                                 " ".join(arguments))
        process.terminate()
        process.communicate(timeout=TIMEOUT)
