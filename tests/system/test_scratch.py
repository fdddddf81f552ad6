"""Temporary directories: ours while we live, anybody's to remove then."""
import errno
import fcntl
import os
import pathlib
import shutil

import pytest

from mapreduce.system import scratch

PREFIX = "mapreduce-test-"

pytestmark = pytest.mark.usefixtures("temporary")


def is_locked(path):
    """Tell whether somebody holds the lock of a directory."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@pytest.fixture(name="abandon")
def make_abandon(temporary):
    """Return a function: leave a directory as a killed process does."""
    left = []

    def abandon(name, mode=scratch.MARKED):
        directory = temporary / name
        directory.mkdir()
        directory.chmod(mode)
        left.append(directory)
        (directory / "maptask00000-part00000").touch()
        return directory

    yield abandon
    for directory in filter(pathlib.Path.exists, left):
        shutil.rmtree(directory)


def test_directory_lives_as_long_as_its_block(temporary):
    with scratch.directory(PREFIX) as path:
        assert pathlib.Path(path).parent == temporary
        assert os.path.basename(path).startswith(PREFIX)
    assert not os.path.exists(path)


def test_directory_goes_with_what_is_in_it_when_its_block_fails():
    with pytest.raises(ZeroDivisionError), scratch.directory(PREFIX) as path:
        pathlib.Path(path, "file").touch()
        raise ZeroDivisionError
    assert not os.path.exists(path)


def test_directory_in_use_is_no_leftover():
    with scratch.directory(PREFIX) as path:
        assert is_locked(path)
        scratch.remove_leftovers(PREFIX)
        assert os.path.exists(path)


def test_directory_shows_nothing_but_what_its_owner_puts_there(temporary):
    """The specification says what is in there."""
    with scratch.directory(PREFIX) as path:
        assert os.listdir(path) == []
        assert os.listdir(temporary) == [os.path.basename(path)]


def test_lock_is_held_before_the_directory_is_marked(mocker):
    """So nobody can find it in between and think it abandoned."""
    mark = os.fchmod
    locked = []

    def spied_mark(descriptor, mode):
        locked.append(is_locked(f"/proc/self/fd/{descriptor}"))
        mark(descriptor, mode)

    mocker.patch("os.fchmod", spied_mark)
    with scratch.directory(PREFIX):
        pass
    assert locked == [True]


def test_directory_where_nothing_can_be_locked_is_no_leftover(mocker):
    """Some file systems of a network know no locks."""
    mocker.patch("fcntl.flock", side_effect=OSError(
        errno.ENOLCK, "No locks available"))
    with scratch.directory(PREFIX) as path:
        mocker.stopall()
        scratch.remove_leftovers(PREFIX)
        assert os.path.exists(path)


def test_abandoned_directories_are_removed_and_logged(abandon, caplog):
    caplog.set_level("INFO")
    left = [abandon(PREFIX + name) for name in ("a", "b")]
    scratch.remove_leftovers(PREFIX)
    assert not any(map(pathlib.Path.exists, left))
    assert sorted(record.getMessage() for record in caplog.records) == [
        f"Removing {path}, which a killed process left" for path in left]


@pytest.mark.parametrize("name, mode", [
    pytest.param("mapreduce-other-a", scratch.MARKED, id="other prefix"),
    pytest.param(PREFIX + "a", 0o700, id="no mark"),
    pytest.param(PREFIX + "a", 0o1777, id="everybody's"),
])
def test_directory_that_may_not_be_ours_stays(abandon, name, mode):
    directory = abandon(name, mode)
    before = os.listdir(directory)
    scratch.remove_leftovers(PREFIX)
    assert os.listdir(directory) == before


def test_directory_of_another_user_stays(abandon, mocker):
    directory = abandon(PREFIX + "a")
    mocker.patch("os.geteuid", return_value=os.geteuid() + 1)
    scratch.remove_leftovers(PREFIX)
    assert directory.exists()


def test_link_to_a_directory_is_not_followed(abandon, temporary):
    directory = abandon("elsewhere")
    (temporary / f"{PREFIX}a").symlink_to(directory)
    scratch.remove_leftovers(PREFIX)
    assert directory.exists()
    (temporary / f"{PREFIX}a").unlink()


def test_file_with_such_a_name_stays(temporary):
    path = temporary / f"{PREFIX}notes"
    path.write_text("mine")
    scratch.remove_leftovers(PREFIX)
    assert path.read_text() == "mine"
    path.unlink()


def test_temporary_directory_may_have_any_name(
        abandon, temporary, monkeypatch):
    """Also one that is a pattern of the shell."""
    left = abandon("[a-z]*")
    (left / "maptask00000-part00000").unlink()
    monkeypatch.setattr("tempfile.tempdir", str(left))
    abandoned = abandon(f"[a-z]*/{PREFIX}a")
    scratch.remove_leftovers(PREFIX)
    assert not abandoned.exists()
