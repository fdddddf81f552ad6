"""An old result stays until the new one is complete."""
import os
import pathlib

import pytest

from mapreduce.manager.output_safety import StorageError
from mapreduce.manager.storage import Storage
from tests.support.files import read_files
from tests.support.storage import job


@pytest.fixture(name="storage")
def _storage(place):
    """The storage of a Manager; the output directory holds an old result."""
    (place / "output/old").rename(place / "output/part-00000")
    storage = Storage(str(place / "shared"))
    yield storage
    storage.close()


def submission(place, **changes):
    """Return a job that keeps an old result."""
    return job(place, keep_old=True, **changes)


def write_part(storage, content=b"new", job_id=7):
    """Do what the tasks of a job do."""
    path = pathlib.Path(storage.output_directory(job_id), "part-00000")
    path.write_bytes(content)


def hidden(place):
    """Return the names of hidden directories beside the output."""
    return [name for name in os.listdir(place) if name.startswith(".")]


def test_old_result_is_replaced_at_the_end(place, storage):
    storage.prepare(7, submission(place))
    write_part(storage)
    assert read_files(place / "output") == {"part-00000": b""}
    storage.publish(7)
    assert read_files(place / "output") == {"part-00000": b"new"}
    storage.clean_up(7)
    assert read_files(place / "output") == {"part-00000": b"new"}
    assert hidden(place) == []


@pytest.mark.parametrize("spelling", [
    "new", "new/", "./new", "{place}/new", "../new", "a/../new"])
def test_result_where_nothing_was(place, storage, spelling):
    """Its mode is that of any directory of the user."""
    os.makedirs("a")
    path = spelling.format(place=place)
    storage.prepare(7, submission(place, output_directory=path))
    write_part(storage)
    assert not os.path.exists(path)
    storage.publish(7)
    storage.clean_up(7)
    os.mkdir("other")
    assert os.stat(path).st_mode == os.stat("other").st_mode
    assert read_files(pathlib.Path(path)) == {"part-00000": b"new"}
    assert hidden(place) + hidden(".") == []


def test_relative_path_stays_relative(place, storage):
    """A Worker may have mounted the working directory elsewhere."""
    storage.prepare(7, submission(place, output_directory="a/b"))
    assert storage.output_directory(7).startswith("a/.b-new-")


def test_job_that_ends_early_leaves_the_old_result(place, storage):
    storage.prepare(7, submission(place))
    write_part(storage)
    storage.clean_up(7)
    assert read_files(place / "output") == {"part-00000": b""}
    assert hidden(place) == []


@pytest.mark.usefixtures("place")
def test_job_that_ends_early_leaves_no_parents(place, storage):
    os.mkdir("a")
    storage.prepare(7, submission(place, output_directory="a/b/c/d"))
    storage.clean_up(7)
    assert os.listdir("a") == []


def test_manager_that_ends_leaves_the_old_result(place, storage):
    storage.prepare(7, submission(place))
    write_part(storage)
    storage.close()
    assert read_files(place / "output") == {"part-00000": b""}
    assert hidden(place) == []


def test_what_a_killed_manager_left_is_removed(place, storage):
    """That of a living one, and what only has such a name, stays."""
    for name, mode in ((".output-new-1", 0o1700), (".output-new-2", 0o700),
                       (".other-new-1", 0o1700)):
        (place / name).mkdir()
        (place / name).chmod(mode)
    storage.prepare(6, submission(place))
    storage.prepare(7, submission(place))
    storage.clean_up(7)
    assert sorted(hidden(place)) == sorted([
        ".other-new-1", ".output-new-2",
        os.path.basename(os.path.dirname(storage.output_directory(6)))])


@pytest.mark.parametrize("name", [
    "part-00000", "part-123456", "part-00001.gz", ".part-00000-abc",
    "_SUCCESS"])
def test_what_jobs_leave_is_replaced(place, storage, name):
    (place / "output" / name).touch()
    storage.prepare(7, submission(place))


@pytest.mark.parametrize("name", [
    "app.log", "part-0000", "part-00000.bak", "part-00000\n", ".hidden",
    "maptask00000-part00000", "_SUCCESS.txt", "xpart-00000"])
def test_other_files_are_not_replaced(place, storage, name):
    """The reason names one, and the option."""
    (place / "output" / name).touch()
    with pytest.raises(StorageError) as raised:
        storage.prepare(7, submission(place))
    assert f"it holds {name!r}, which is no part of a result" in str(
        raised.value)
    assert "add --overwrite" in str(raised.value)
    storage.prepare(7, submission(place, overwrite=True))


@pytest.mark.parametrize("make", [
    lambda path: path.mkdir(), lambda path: path.symlink_to("elsewhere")])
def test_part_that_is_no_file_is_not_replaced(place, storage, make):
    make(place / "output/part-00001")
    with pytest.raises(StorageError, match="part-00001"):
        storage.prepare(7, submission(place))


def test_file_that_came_while_the_job_ran_is_not_deleted(place, storage):
    """The old directory is back under its name, with all that it held."""
    storage.prepare(7, submission(place))
    write_part(storage)
    (place / "output/notes").write_bytes(b"mine")
    with pytest.raises(StorageError, match="it holds 'notes'"):
        storage.publish(7)
    storage.clean_up(7)
    assert read_files(place / "output") == {
        "part-00000": b"", "notes": b"mine"}


def test_directory_that_came_while_the_job_ran_is_not_clobbered(
        place, storage):
    storage.prepare(7, submission(
        place, output_directory="new", no_clobber=True))
    os.mkdir("new")
    with pytest.raises(StorageError, match="was made by another program"):
        storage.publish(7)
    assert os.listdir("new") == []


def test_link_that_came_while_the_job_ran_is_not_replaced(place, storage):
    storage.prepare(7, submission(place))
    (place / "output").rename(place / "elsewhere")
    (place / "output").symlink_to("elsewhere")
    with pytest.raises(StorageError, match="it is no directory any more"):
        storage.publish(7)
    assert os.readlink(place / "output") == "elsewhere"
    assert read_files(place / "elsewhere") == {"part-00000": b""}


def test_result_that_cannot_get_its_name_leaves_the_old_one(
        place, storage, mocker):
    storage.prepare(7, submission(place))
    rename = os.rename

    def fail(source, target):
        if source == storage.output_directory(7):
            raise OSError(28, "No space left on device")
        rename(source, target)

    mocker.patch("os.rename", fail)
    with pytest.raises(StorageError, match="No space left"):
        storage.publish(7)
    assert read_files(place / "output") == {"part-00000": b""}


def test_manager_that_must_end_leaves_no_incomplete_result(place):
    """But an old one that is being deleted may stay for the next job."""
    storage = Storage(str(place / "shared"), lambda: True)
    storage.prepare(7, submission(place, overwrite=True))
    write_part(storage)
    storage.clean_up(7)
    assert hidden(place) == []
    storage.prepare(8, submission(place, overwrite=True))
    write_part(storage, job_id=8)
    storage.publish(8)
    storage.clean_up(8)
    assert len(hidden(place)) == 1
    storage = Storage(str(place / "shared"))
    storage.prepare(9, submission(place, overwrite=True))
    storage.clean_up(9)
    assert hidden(place) == []
