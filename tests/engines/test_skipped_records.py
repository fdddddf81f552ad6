"""Whole jobs that leave out the records on which executables die."""
import pytest

from tests.support.files import write_executable, write_files


@pytest.fixture(name="job")
def _job(client, tmp_path):
    """Return a function: a job with three bad records and some options."""
    bad = write_executable(
        tmp_path / "bad", "exec awk '/bad/ { exit 3 } { print }'")
    paths = write_files(tmp_path / "source", b"b\nbad 1\na\n",
                        b"bad 2\nd\nbad 3\nc")
    commands = {"bad": bad, "cat": "cat"}

    def job(number, mapper, reducer):
        code, stderr = client(
            "run", "-i", tmp_path / "source", "-o", "output",
            "-m", commands[mapper], "-r", commands[reducer], "--nreducers",
            "1", "--skip-bad-records", number)
        lines = [line for line in stderr.splitlines()
                 if not line.startswith(
                     ("job 0: ", "Done in ", "GROUP", "mapreduce "))]
        return code, lines, paths
    return job


def test_mapper_that_dies_on_records(job, client):
    """The user reads which ones."""
    code, lines, (first, second) = job(3, "bad", "cat")
    assert (code, lines) == (0, [
        "Skipped 3 records on which executables die:",
        f"  '{first}' at byte 2: 'bad 1'",
        f"  '{second}' at byte 0: 'bad 2'",
        f"  '{second}' at byte 8: 'bad 3'"])
    assert client.result() == b"a\nb\nc\nd\n"


def test_reducer_that_dies_on_records(job, client):
    """They are lines of what it reads, which is merged."""
    code, lines, _ = job(3, "cat", "bad")
    assert (code, lines) == (0, [
        "Skipped 3 records on which executables die:",
        *sorted(f"  the input of reduce task 0 at byte {4 + 6 * number}: "
                f"'bad {number + 1}'" for number in range(3))])
    assert client.result() == b"a\nb\nc\nd\n"


def test_too_many_bad_records(job, client):
    """Of all map tasks together."""
    code, lines, (first, second) = job(2, "bad", "cat")
    assert code == 1
    assert lines[-4:] == [
        "Error: job 0 failed: executables die on more than "
        "--skip-bad-records 2:",
        *sorted([f"  '{first}' at byte 2: 'bad 1'",
                 f"  '{second}' at byte 0: 'bad 2'",
                 f"  '{second}' at byte 8: 'bad 3'"])]
    assert not client.output.exists()
