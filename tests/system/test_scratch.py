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


# File systems

MOUNTS = """\
25 1 8:1 / / rw - ext4 /dev/sda1 rw
26 25 0:5 / /mnt/shared rw shared:2 - {kind} server:/x rw
27 26 0:6 / /mnt/shared/local rw - tmpfs tmpfs rw
28 25 0:7 / /mnt/with\\040space rw - nfs4 server:/y rw
29 25 0:8 / /mnt/twice rw - ext4 /dev/sdb rw
30 25 0:9 / /mnt/twice rw - fuse.sshfs host: rw
"""


@pytest.fixture(name="is_local")
def make_is_local(tmp_path, mocker):
    """Return a function: whether only this machine uses a directory."""
    def is_local(directory, kind="nfs4"):
        mounts = tmp_path / "mountinfo"
        mounts.write_text(MOUNTS.format(kind=kind))
        mocker.patch.object(scratch, "MOUNTS", str(mounts))
        return scratch._is_local(directory)
    return is_local


@pytest.mark.parametrize("directory, expected", [
    ("/mnt", True), ("/mnt/shared", False), ("/mnt/shared/tmp", False),
    ("/mnt/shared/local/tmp", True), ("/mnt/shared-not", True),
    ("/mnt/with space/tmp", False), ("/mnt/twice", False)])
def test_kind_of_a_file_system_is_that_of_its_mount(
        is_local, directory, expected):
    assert is_local(directory) == expected


@pytest.mark.parametrize("kind", [
    "nfs", "nfs4", "cifs", "fuse.sshfs", "9p", "virtiofs", "lustre", "new"])
def test_file_system_that_others_may_use_is_not_local(is_local, kind):
    assert not is_local("/mnt/shared", kind)


def test_abandoned_directory_stays_where_others_may_use_it(
        abandon, is_local, temporary):
    """There, the lock of a running daemon may hold for its machine only."""
    directory = abandon(PREFIX + "a")
    is_local("/")
    text = pathlib.Path(scratch.MOUNTS).read_text()
    pathlib.Path(scratch.MOUNTS).write_text(
        text + f"31 25 0:10 / {temporary} rw - nfs4 server:/z rw\n")
    scratch.remove_leftovers(PREFIX)
    assert directory.exists()


def test_temporary_directories_are_local_on_systems_without_a_list(mocker):
    mocker.patch.object(scratch, "MOUNTS", "/no/such/file")
    assert scratch._is_local("/")


def test_directory_is_for_its_owner_only():
    """Jobs leave their data there."""
    with scratch.directory(PREFIX) as path:
        assert os.stat(path).st_mode & 0o077 == 0
