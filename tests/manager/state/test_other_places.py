"""The files of a job that the next Manager keeps elsewhere, or not at all."""
import errno
import os
import shutil
import sqlite3

import pytest

from mapreduce.manager.state import directory
from mapreduce.manager.state.journal import Journal
from mapreduce.protocol.status import JobState
from tests.support.manager_shell import Shell
from tests.support.scheduler_world import extended_job, job


@pytest.fixture(name="place")
def _place(tmp_path, monkeypatch):
    """A working directory with an input and a shared directory."""
    monkeypatch.chdir(tmp_path)
    for name in ("in", "shared"):
        (tmp_path / name).mkdir()
    (tmp_path / "in/a").write_text("a\n")
    return tmp_path


def test_map_output_moves_to_another_file_system(place, monkeypatch):
    """No rename can lead there."""
    shell = Shell(place / "state", parent=place / "shared")
    shell.submit(job(2, 1))
    shell.register(1)
    shell.finish_task()
    shell.kill()
    rename = os.rename

    def refuse(source, target):
        if "maptask" in os.path.basename(source):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        rename(source, target)
    monkeypatch.setattr(os, "rename", refuse)
    shell = Shell(place / "state")
    (task,) = shell.register(1)
    shell.kill()
    assert task.task_id == 1
    assert os.listdir(os.path.dirname(task.output_directory)) == ["job-00000"]
    assert len(os.listdir(task.output_directory)) == 1
    assert os.listdir("shared") == []


@pytest.mark.parametrize("is_shut_down", [False, True])
def test_state_that_ends_leaves_no_hidden_directory(place, is_shut_down):
    """Of a job that was to replace a result; a kill may follow a shutdown."""
    shell = Shell(place / "state")
    shell.submit(extended_job(
        environment=None, num_mappers=1, max_mappers=None, keep_old=True))
    shell.register(1)
    if is_shut_down:
        shell.state.note_end()
    shell.kill()
    before = sorted(os.listdir())
    Shell(place / "state", fresh=not is_shut_down).kill()
    assert len(before) == 4
    assert sorted(os.listdir()) == ["in", "shared", "state"]


def test_result_of_which_the_full_disk_has_no_fact_is_made_again(
        place, monkeypatch):
    """It has replaced the old one, and its hidden directory is gone."""
    def refuse(_):
        raise sqlite3.OperationalError("database or disk is full")
    shell = Shell(place / "state")
    shell.submit(extended_job(
        environment=None, num_mappers=1, max_mappers=None, keep_old=True))
    shell.register(1)
    with monkeypatch.context() as patched:
        patched.setattr(Journal, "commit", refuse)
        _do_all(shell)
        shell.kill()
    result = sorted(os.listdir("out"))
    before = sorted(os.listdir())
    shell = Shell(place / "state")
    assert not os.path.exists("out")
    shell.register(1)
    _do_all(shell)
    shell.kill()
    assert sorted(os.listdir("out")) == result != []
    assert sorted(os.listdir()) == before == ["in", "out", "shared", "state"]


def _do_all(shell):
    while not shell.state_of(0).is_final:
        shell.finish_task()
    assert shell.state_of(0) is JobState.DONE


@pytest.mark.parametrize("recursive", [None, True])
def test_state_is_no_input(place, recursive):
    """It holds the environments of jobs. It may lie beside the input."""
    shell = Shell(place / "in/state")
    shell.submit(extended_job(recursive=recursive))
    shell.kill()
    assert shell.state_of(0) is (
        JobState.FAILED if recursive else JobState.MAP)
    if recursive:
        assert shell.reason_of(0) == (
            "the input in 'in/state' is not read: that is in the state "
            "directory of the Manager")


def test_start_without_its_port_is_no_interruption(place):
    Shell(place / "state").kill()
    state = directory.StateDirectory(place / "state")
    state.begin()
    state.close()
    shell = Shell(place / "state")
    shell.kill()
    assert shell.recorder.status.interruptions == 1


def test_older_copy_of_the_database_goes_on(place):
    """It knows fewer starts than there are directories."""
    for number in range(2):
        Shell(place / "state").kill()
        if not number:
            shutil.copy("state/journal.sqlite3", "copy")
    shutil.copy("copy", "state/journal.sqlite3")
    shell = Shell(place / "state")
    shell.kill()
    assert shell.state.epoch == 3
    names = [name for name in os.listdir("state") if "shared" in name]
    assert len(names) == 1
    assert names[0].endswith("-3")


def test_files_of_a_damaged_state_are_removed_if_fresh(place):
    """Its id can't be read; files of others are left."""
    shell = Shell(place / "state")
    directory_of_jobs = shell.state.shared_directory
    shell.kill()
    os.mkdir("state/mapreduce-shared-_random_")
    os.truncate("state/journal.sqlite3", 100)
    Shell(place / "state", fresh=True).kill()
    assert not os.path.exists(directory_of_jobs)
    assert os.path.exists("state/mapreduce-shared-_random_")


@pytest.mark.parametrize("is_on_nfs", [False, True])
def test_removed_state_is_logged_once(place, monkeypatch, caplog, is_on_nfs):
    """NFS reports a file that another machine has removed as stale."""
    monkeypatch.setattr(directory, "TOUCH_INTERVAL", 0.0)
    shell = Shell(place / "state")
    shell.recorder.tick()
    assert "was removed" not in caplog.text
    shutil.rmtree(place / "state")
    with monkeypatch.context() as patched:
        if is_on_nfs:
            patched.setattr(os, "fstat", refuse_stale)
        for _ in range(2):
            shell.recorder.tick()
    shell.kill()
    assert caplog.text.count("was removed: jobs end with this Manager") == 1


def refuse_stale(_):
    """Raise the error of NFS."""
    raise OSError(errno.ESTALE, "Stale file handle")
