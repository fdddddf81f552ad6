"""mapreduce-run: a job by one command; its result and its errors."""
import pathlib
import re
import subprocess

import pytest

from tests.support.cluster import MAPPER
from tests.support.commands import command
from tests.support.files import (
    in_order,
    names_in,
    read_files,
    write_executable,
)
from tests.support.local_run import INPUT, children, expected
from tests.support.waiting import TIMEOUT

pytestmark = pytest.mark.skipif(
    not pathlib.Path("/proc/self/task").exists(),
    reason="children are found by /proc")


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


def test_modules_of_the_user_are_left_alone(run):
    """A file that is named as one that Python needs is none of ours."""
    for name in ("queue.py", "runpy.py", "os.py", "click.py"):
        (run.directory / name).write_text("raise Exception('mine')")
    assert run("--quiet") == (0, "")


def test_verbose_prints_what_tasks_say(run, tmp_path):
    """Nothing of it is left, and the failure names no file that is gone."""
    mapper = write_executable(
        tmp_path / "says", "echo before >&2", "printf after >&2", "exit 3")
    code, stderr = run("--quiet", "--verbose", "--max-attempts", "2",
                       "--nmappers", "1", mapper=mapper)
    lines = stderr.splitlines()
    assert code == 1
    assert sorted(lines[:4]) == [
        "map 0 (attempt 2): after", "map 0 (attempt 2): before",
        "map 0: after", "map 0: before"]
    assert lines[4].startswith("Error: job 0 failed: map task 0 failed 2 ")
    assert "standard error is in" not in stderr


def test_logs_are_kept_and_named(run, tmp_path):
    mapper = write_executable(tmp_path / "fails", "echo why >&2; exit 3")
    code, stderr = run("--quiet", "--logs", "kept", "--max-attempts", "1",
                       "--nmappers", "1", mapper=mapper)
    lines = stderr.splitlines()
    assert (code, lines[:-1]) == (1, [
        f"Error: job 0 failed: map task 0 failed once, because {mapper} on "
        f"the input '{INPUT}/file01' exited 3:", "why",
        "all of its standard error is in kept/map-00000-attempt-1.stderr",
        "Run it again:"])
    assert lines[-1].startswith(f"cd {run.directory} && env ")
    assert read_files(run.directory / "kept") == {
        "map-00000-attempt-1.stderr": b"why\n"}


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


def test_more_workers_than_files_may_be_open(run):
    """One line says so; those that were started end."""
    limited = write_executable(
        run.directory / "limited", "ulimit -n 20", 'exec "$@"')
    outcome = subprocess.run(
        [limited, command("run"), "-i", INPUT, "-o", "output", "-m", "cat",
         "-r", "cat", "--workers", "50"], cwd=run.directory, env=run.env,
        capture_output=True, text=True, timeout=TIMEOUT)
    assert (outcome.returncode, outcome.stderr) == (
        1, "Error: cannot start another process: Too many open files; "
        "fewer --workers need less\n")
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
