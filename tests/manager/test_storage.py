"""The Manager's directories: outputs that may go, job directories."""
import errno
import os
import pathlib
import stat

import pytest

from mapreduce.manager.output_safety import StorageError
from mapreduce.manager.removal import remove_directory
from mapreduce.manager.scheduling.job import ExpectedOutput
from mapreduce.manager.storage import (
    Storage,
    missing_output,
    replace_directory,
    status_of,
)
from mapreduce.protocol.fields import Split
from mapreduce.system import scratch
from tests.support.files import make_pipe
from tests.support.storage import job

# Directories


def replace(path, **options):
    """Replace a directory that was just checked, if there is one."""
    replace_directory(path, status_of(path), **options)


@pytest.mark.parametrize("spelling", [
    "output", "output/", "output//", "./output", "../here/output",
    "{place}/cwd/here/output"])
@pytest.mark.parametrize("exists", [False, True])
def test_replaced_directory_is_empty_and_nothing_is_left(
        place, spelling, exists):
    if exists:
        os.makedirs("output/old/deep")
        pathlib.Path("output/old/file").touch()
    replace(spelling.format(place=place))
    assert os.listdir() == ["output"]
    assert os.listdir("output") == []


@pytest.mark.usefixtures("place")
def test_missing_parents_are_made():
    replace("a/b/../c")
    assert os.listdir("a/c") == []


@pytest.mark.usefixtures("place")
def test_replaced_directory_is_another_one():
    replace("output")
    old = os.open("output", os.O_RDONLY)
    try:
        replace("output")
        assert not os.path.samestat(os.fstat(old), os.stat("output"))
    finally:
        os.close(old)


def test_link_in_a_replaced_directory_is_not_followed(place):
    (place / "precious").mkdir()
    (place / "precious/file").touch()
    (place / "output/link").symlink_to("../precious")
    replace(f"{place}/output")
    assert os.listdir(place / "precious") == ["file"]


def test_directory_that_cannot_be_moved_aside_stays_as_it_is(place, mocker):
    before = os.listdir(place)
    mocker.patch("os.rename", side_effect=OSError(errno.EBUSY, "busy"))
    with pytest.raises(OSError, match="busy"):
        replace(f"{place}/output")
    assert os.listdir(place / "output") == ["old"]
    assert os.listdir(place) == before


def test_link_that_was_put_in_the_place_of_a_directory_is_not_followed(
        place):
    """Between the check and the replacement, by another user."""
    (place / "precious").mkdir()
    (place / "precious/file").touch()
    checked = status_of(place / "output")
    (place / "output").rename(place / "moved")
    (place / "output").symlink_to("precious")
    before = sorted(os.listdir(place))
    with pytest.raises(OSError, match="another program has replaced it"):
        replace_directory(f"{place}/output", checked)
    assert os.readlink(place / "output") == "precious"
    assert os.listdir(place / "precious") == ["file"]
    assert sorted(os.listdir(place)) == before


def test_directory_that_was_made_since_the_check_is_not_replaced(place):
    with pytest.raises(FileExistsError):
        replace_directory(f"{place}/output", None)
    assert os.listdir(place / "output") == ["old"]


def test_old_directory_goes_back_when_its_name_is_taken(place, mocker):
    rename = os.rename

    def rename_old(source, target):
        if source.endswith("/new"):
            raise OSError(errno.ENOTEMPTY, "taken")
        rename(source, target)

    before = sorted(os.listdir(place))
    mocker.patch("os.rename", rename_old)
    with pytest.raises(OSError, match="taken"):
        replace(f"{place}/output")
    assert os.listdir(place / "output") == ["old"]
    assert sorted(os.listdir(place)) == before


@pytest.mark.usefixtures("place")
def test_old_directory_that_cannot_go_back_is_no_leftover(mocker):
    os.makedirs("output/old")
    rename = os.rename

    def rename_once(source, target):
        if source.endswith("output"):
            rename(source, target)
        else:
            raise OSError(errno.EIO, "broken")

    mocker.patch("os.rename", rename_once)
    with pytest.raises(OSError, match="broken"):
        replace("output")
    mocker.stopall()
    replace("output")
    hidden, = [name for name in os.listdir() if name != "output"]
    assert os.listdir(f"{hidden}/old") == ["old"]


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("name", ["x" * 255, "\u00e9" * 127], ids=len)
def test_name_may_be_as_long_as_the_system_allows(name):
    for _ in range(2):
        replace(name)
        pathlib.Path(name, "file").touch()
    assert os.listdir() == [name]


@pytest.mark.usefixtures("place")
def test_deleting_ends_where_the_manager_must_end():
    """The next one to replace that result goes on with it."""
    os.mkdir("output")
    for number in range(10):
        pathlib.Path(f"output/{number}").touch()
    answers = iter([False] * 4 + [True] * 9)
    replace("output", must_stop=lambda: next(answers))
    assert os.listdir("output") == []
    hidden, = [name for name in os.listdir() if name != "output"]
    assert len(os.listdir(f"{hidden}/old")) == 6
    assert stat.S_IMODE(os.stat(hidden).st_mode) == scratch.MARKED
    replace("output")
    assert os.listdir() == ["output"]


@pytest.mark.usefixtures("place")
def test_hidden_directory_of_another_job_stays():
    """It is locked: its Manager is about to delete it."""
    os.mkdir("output")
    with scratch.directory(".output-old-", os.curdir) as other:
        replace("output")
        assert os.path.isdir(other)


def test_directory_may_be_named_in_other_ways(place):
    replace(f"{place}/output/.")
    assert not os.listdir(place / "output")


def test_removed_directory_is_gone_with_its_content(place):
    remove_directory(f"{place}/output")
    assert not (place / "output").exists()


def test_removing_what_is_not_there_is_no_error(place, caplog):
    remove_directory(f"{place}/new")
    assert not caplog.records


@pytest.mark.usefixtures("place")
def test_directory_that_cannot_be_removed_is_logged(caplog, mocker):
    mocker.patch("shutil.rmtree")
    remove_directory("../here")
    assert [record.getMessage() for record in caplog.records] == [
        "Cannot remove all of '../here'"]


# Jobs

def test_prepared_job_has_its_directories_and_inputs(place):
    (place / "input/b").touch()
    (place / "input/a").touch()
    splits = Storage(f"{place}/shared").prepare(7, job(place))
    assert splits == [Split(f"{place}/input/a"), Split(f"{place}/input/b")]
    assert os.listdir(place / "shared/job-00007") == []
    assert os.listdir(place / "output") == []


@pytest.mark.parametrize("changes", [
    {"input_directory": "missing"},
    {"mapper_executable": "../../output/old"},
    {"output_directory": "../../link"},
    {"output_directory": "../../output/old/below"},
])
def test_refused_job_deletes_and_makes_nothing(place, changes):
    with pytest.raises(StorageError):
        Storage(f"{place}/shared").prepare(0, job(place, **changes))
    assert os.listdir(place / "output") == ["old"]
    assert os.listdir(place / "shared") == ["job"]


def test_input_that_is_no_file_refuses_the_job_before_it_deletes(place):
    make_pipe(place / "input/pipe")
    with pytest.raises(StorageError, match="pipe' is no regular file"):
        Storage(f"{place}/shared").prepare(0, job(place))
    assert os.listdir(place / "output") == ["old"]


def test_output_that_cannot_be_made_is_named(place):
    with pytest.raises(StorageError, match="'../../programs/map/out'"):
        Storage(f"{place}/shared").prepare(
            0, job(place, output_directory="../../programs/map/out"))


def test_input_is_divided_where_its_owner_says_so(place):
    (place / "input/a").write_bytes(b"12345")
    (place / "input/b").touch()
    assert Storage(f"{place}/shared").prepare(
        7, job(place, split_size=3)) == [
            Split(f"{place}/input/a", 0, 2), Split(f"{place}/input/a", 2),
            Split(f"{place}/input/b")]


def test_splits_that_are_too_small_are_refused_before_anything_is_made(place):
    with open(place / "input/a", "wb") as file:
        file.truncate(2**40)
    with pytest.raises(StorageError, match=(
            "^--split-size is too small: more than 100000 ranges of 1 bytes")):
        Storage(f"{place}/shared").prepare(7, job(place, split_size=1))
    assert os.listdir(place / "output") == ["old"]
    assert os.listdir(place / "shared") == ["job"]


def test_shared_directory_that_is_gone_is_made_again(place, caplog):
    """A cleaner of temporary files may remove it."""
    os.rmdir(place / "shared/job")
    os.rmdir(place / "shared")
    Storage(f"{place}/shared").prepare(0, job(place))
    assert os.listdir(place / "shared") == ["job-00000"]
    assert stat.S_IMODE(os.stat(place / "shared").st_mode) == 0o700
    assert "is gone; it is made again" in caplog.text
    assert os.listdir(place / "output") == []


@pytest.mark.parametrize("by", ["link", "user"])
def test_shared_directory_of_another_user_is_not_used(place, mocker, by):
    """Who makes one after a cleaner removed it could read and change all."""
    storage = Storage(f"{place}/shared")
    if by == "link":
        os.rename(place / "shared", place / "elsewhere")
        (place / "shared").symlink_to("elsewhere")
    else:
        real = os.lstat(place / "shared")
        mocker.patch("mapreduce.manager.storage.status_of", return_value=(
            os.stat_result([*real[:4], real.st_uid + 1, *real[5:]])))
    with pytest.raises(StorageError, match="another user has replaced the"):
        storage.prepare(0, job(place))
    assert os.listdir(place / "shared/") == ["job"]
    assert os.listdir(place / "output") == ["old"]


def test_old_result_stays_if_the_job_can_have_no_directory(place):
    (place / "shared/job-00000").touch()
    with pytest.raises(StorageError, match="job-00000': File exists"):
        Storage(f"{place}/shared").prepare(0, job(place))
    assert os.listdir(place / "output") == ["old"]


def test_job_without_an_output_directory_has_none_of_its_own(place):
    with pytest.raises(StorageError):
        Storage(f"{place}/shared").prepare(
            0, job(place, output_directory="../../programs/map/out"))
    assert os.listdir(place / "shared") == ["job"]


# Missing files

def test_files_that_are_there_are_not_missing(place):
    for name in ("maptask00000-part00000", "maptask00000-part00001"):
        (place / "output" / name).touch()
    assert not missing_output(ExpectedOutput(f"{place}/output", 1, 2))


def test_first_missing_file_of_each_task_is_named(place):
    for name in ("maptask00000-part00001", "maptask00002-part00000"):
        (place / "output" / name).touch()
    assert missing_output(ExpectedOutput(f"{place}/output", 3, 2)) == {
        0: "maptask00000-part00000", 1: "maptask00001-part00000",
        2: "maptask00002-part00001"}


def test_what_is_no_file_is_missing(place):
    output = place / "output"
    (output / "part-00000").mkdir()
    (output / "part-00001").symlink_to("nowhere")
    os.mkfifo(output / "part-00002")
    (output / "part-00003").symlink_to("file")
    (output / "file").touch()
    assert list(missing_output(ExpectedOutput(str(output), 4, 0))) == [0, 1, 2]


def test_directory_is_listed_once_for_all_tasks(place, mocker):
    for number in range(100):
        (place / f"output/part-{number:05d}").touch()
    scandir = mocker.spy(os, "scandir")
    stat = mocker.spy(os, "stat")
    assert not missing_output(ExpectedOutput(f"{place}/output", 100, 0))
    assert (scandir.call_count, stat.call_count) == (1, 0)


def test_old_listing_is_no_proof(place, mocker):
    """Network file systems keep one for some seconds."""
    (place / "output/part-00000").touch()
    mocker.patch("os.scandir")
    assert not missing_output(ExpectedOutput(f"{place}/output", 1, 0))


def test_all_files_of_a_directory_that_is_gone_are_missing(place, caplog):
    assert missing_output(ExpectedOutput(f"{place}/gone", 2, 0)) == {
        0: "part-00000", 1: "part-00001"}
    assert "Cannot list" in caplog.text


# Ended jobs

def test_cleaned_up_job_has_no_directory(place):
    storage = Storage(f"{place}/shared")
    storage.prepare(0, job(place))
    pathlib.Path(storage.job_directory(0), "maptask00000-part00000").touch()
    storage.clean_up(0)
    storage.clean_up(1)
    assert os.listdir(place / "shared") == ["job"]
