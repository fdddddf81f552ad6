"""What mapreduce-run does with the directory of its result."""
import pytest

from tests.support.files import in_order, names_in, read_files
from tests.support.local_run import expected


@pytest.fixture(name="old")
def _old(run):
    """An old result."""
    run.output.mkdir()
    (run.output / "part-00000").write_bytes(b"old")
    return {"part-00000": b"old"}


def test_new_result_replaces_the_old_one(run, old):
    assert run("--quiet", "--workers", "1") == (0, "")
    assert read_files(run.output) != old
    assert in_order(run.result()) == expected()
    assert names_in(run.directory) == ["output"]


def test_failed_job_leaves_the_old_result(run, old):
    assert run("--quiet", "--workers", "1", mapper="false")[0] == 1
    assert read_files(run.output) == old
    assert names_in(run.directory) == ["output"]


def test_interrupted_job_leaves_the_old_result(
        run, old, waiting, pid_of_task):
    """The last line says so."""
    with run.started("--workers", "1", mapper=waiting) as process:
        pid_of_task()
        process.terminate()
        assert process.communicate()[1].splitlines()[-1] == (
            "Interrupted: nothing of this job is left in output, which is as "
            "it was before")
    assert process.returncode == 143
    assert read_files(run.output) == old
    assert names_in(run.directory) == ["output"]


def test_directory_that_is_no_result_is_refused(run):
    """Before anything starts; the line names a file and the option."""
    run.output.mkdir()
    (run.output / "app.log").write_bytes(b"precious")
    assert run() == (
        2, "Error: the output directory 'output' is not replaced: it holds "
        "'app.log', which is no part of a result; name another one, or add "
        "--overwrite to delete all that it holds\n")
    assert read_files(run.output) == {"app.log": b"precious"}
    assert run("--overwrite", "--quiet", "--workers", "1") == (0, "")
    assert "app.log" not in names_in(run.output)
    assert in_order(run.result()) == expected()
