"""mapreduce-run and its daemons: signals and deaths leave nothing behind."""
import os
import pathlib
import signal

import pytest

from tests.support.files import in_order, names_in, write_executable
from tests.support.local_run import children, expected, lives, workers
from tests.support.waiting import TIMEOUT, wait_until

pytestmark = pytest.mark.skipif(
    not pathlib.Path("/proc/self/task").exists(),
    reason="children are found by /proc")


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
            assert wait_until(lambda: not any(map(lives, pids)))
            assert wait_until(lambda: names_in(run.temporary) == [])
    assert not any(map(lives, pids))
    assert names_in(run.temporary) == []
    assert wait_until(lambda: names_in(run.directory) == [])


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
    # With more tasks, each of them takes three Workers first.
    code, stderr = run("--quiet", "--workers", "1", "--mappers", "1",
                       mapper=mapper)
    assert code == 1
    assert stderr.startswith("Error: job 0 failed: map task 0 was with 4 "
                             "Workers when they died: ")


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
