"""The map output of backup attempts, in the directory of a job."""
import os

from mapreduce.manager.scheduling.job import ExpectedOutput
from mapreduce.manager.storage import Storage, missing_output, take_backups
from tests.support.files import read_files
from tests.support.storage import job

NAMES = "maptask00000-part00000", "maptask00000-part00001"


def fill(directory, *contents):
    """Make a directory with the map output of task 0; None: no such file."""
    directory.mkdir()
    for name, content in zip(NAMES, contents):
        if content is not None:
            (directory / name).write_bytes(content)


def test_map_output_of_a_backup_replaces_that_of_the_first_attempt(tmp_path):
    """All of it, and only once."""
    fill(tmp_path / "job", b"first")
    fill(tmp_path / "job/backups", b"backup 0", b"backup 1")
    expected = ExpectedOutput(f"{tmp_path}/job", 1, 2)
    for _ in range(2):
        take_backups(expected, [0])
        assert read_files(tmp_path / "job/backups") == {}
        os.rename(tmp_path / "job/backups", tmp_path / "backups")
        assert read_files(tmp_path / "job") == dict(
            zip(NAMES, (b"backup 0", b"backup 1")))
        os.rename(tmp_path / "backups", tmp_path / "job/backups")


def test_file_that_a_backup_lacks_is_not_taken_from_the_first_attempt(
        tmp_path, caplog):
    fill(tmp_path / "job", b"first 0", b"first 1")
    fill(tmp_path / "job/backups", None, b"backup 1")
    expected = ExpectedOutput(f"{tmp_path}/job", 1, 2)
    take_backups(expected, [0])
    assert missing_output(expected) == {0: NAMES[0]}
    assert (tmp_path / "job" / NAMES[1]).read_bytes() == b"backup 1"
    assert "Cannot move" in caplog.text


def test_directory_for_backups_is_made_if_a_job_may_have_some(place):
    storage = Storage(f"{place}/shared")
    storage.prepare(0, job(place, map_speculative=True))
    assert os.listdir(storage.job_directory(0)) == ["backups"]
    storage.clean_up(0)
    storage.prepare(1, job(place, reduce_speculative=True))
    assert os.listdir(storage.job_directory(1)) == []
