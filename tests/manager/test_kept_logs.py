"""The directory for the standard error of tasks is made and emptied."""
import pytest

from mapreduce.manager.output_safety import StorageError
from mapreduce.manager.storage import Storage
from tests.support.files import read_files
from tests.support.storage import job


def test_logs_of_an_older_job_are_removed_and_nothing_else(place):
    logs = place / "logs"
    logs.mkdir()
    for name in ("map-00003-attempt-1.stderr", "map-3.stderr", "other"):
        (logs / name).touch()
    Storage(f"{place}/shared").prepare(0, job(place, logs=str(logs)))
    assert read_files(logs) == {"map-3.stderr": b"", "other": b""}


def test_directory_for_logs_is_made(place):
    Storage(f"{place}/shared").prepare(0, job(place, logs=f"{place}/a/logs"))
    assert read_files(place / "a/logs") == {}


@pytest.mark.parametrize("logs, reason", [
    ("output/logs", "that is in the output directory"),
    ("shared", "that is in the shared directory"),
    ("input", "there is the input"),
])
def test_directory_for_logs_that_could_do_harm(place, logs, reason):
    with pytest.raises(StorageError, match="the logs are not kept in "
                       f"'{place}/{logs}': {reason}"):
        Storage(f"{place}/shared").prepare(
            0, job(place, logs=f"{place}/{logs}"))


def test_directory_for_logs_that_is_a_file(place):
    (place / "logs").touch()
    with pytest.raises(StorageError, match="cannot use the directory"):
        Storage(f"{place}/shared").prepare(0, job(place, logs=f"{place}/logs"))
