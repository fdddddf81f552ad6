"""The files of a job, and the state directory, through interruptions.

A Manager is a StateDirectory, a Storage and a Recorder here, without sockets.
"""
import contextlib
import os
import pathlib

import pytest

from mapreduce.manager.scheduling import facts
from mapreduce.manager.state import directory as state_directory
from mapreduce.manager.state import recovery
from mapreduce.manager.state.directory import StateDirectory
from mapreduce.manager.state.journal import StateError
from mapreduce.manager.state.recorder import Recorder
from mapreduce.protocol import messages
from mapreduce.protocol.status import JobState, Stage, WorkerAddress
from tests.support.manager_shell import Shell, die
from tests.support.scheduler_world import extended_job, job

OLD = "an old result"


@pytest.fixture(name="place")
def _place(tmp_path, monkeypatch):
    """A working directory with an input and an old result."""
    monkeypatch.chdir(tmp_path)
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    (tmp_path / "in/a").write_text("a\n")
    (tmp_path / "out/part-00000").write_text(OLD)
    return tmp_path


@pytest.fixture(name="start")
def _start(place):
    """Return a function that starts the next Manager; the last one is killed.

    A kill closes its files, and runs nothing else of it.
    """
    with contextlib.ExitStack() as stack:
        running = []

        def start(**options):
            for shell in running:
                shell.kill()
            running[:] = [Shell(place / "state", **options)]
            return running[0]
        yield start
        for shell in running:
            stack.callback(shell.kill)


def names(path):
    """Return the names in a directory, sorted."""
    return sorted(os.listdir(path))


def test_map_output_moves_into_the_directory_of_the_new_start(start, place):
    """The old one is removed, so late files have no place to go to."""
    shell = start()
    shell.submit(job(2, 1))
    shell.register(1)
    old = shell.finish_task()
    shell = start()
    (task,) = shell.register(1)
    assert task.task_id == 1
    assert task.output_directory != old
    assert names(task.output_directory) == ["maptask00000-part00000"]
    assert not os.path.exists(old)
    shell.finish_task()
    shell.finish_task()
    assert shell.state_of(0) is JobState.DONE
    assert names(place / "out") == ["part-00000"]
    assert not os.path.exists(task.output_directory)


def test_map_output_of_another_size_is_made_again(start):
    shell = start()
    shell.submit(job(2, 1))
    shell.register(1)
    old = shell.finish_task()
    pathlib.Path(old, "maptask00000-part00000").write_text("")
    (task,) = start().register(1)
    assert task.task_id == 0


def test_reported_task_without_files_is_not_done(start):
    shell = start()
    shell.submit(job(2, 1))
    shell.register(1)
    shell.finish_task(files=False)
    (task,) = start().register(1)
    assert task.task_id == 0


def test_start_of_the_machine_makes_all_tasks_again(start, monkeypatch):
    """What Workers wrote may not be on the disk."""
    shell = start()
    shell.submit(job(2, 1))
    shell.register(1)
    shell.finish_task()
    monkeypatch.setattr(state_directory, "_boot_id", lambda: "another")
    (task,) = start().register(1)
    assert task.task_id == 0


def test_parts_that_are_there_are_not_made_again(start):
    shell = start()
    shell.submit(job(1, 2))
    shell.register(1)
    shell.finish_task()
    shell.finish_task()
    (task,) = start().register(1)
    assert (type(task), task.task_id) == (messages.ReduceTaskMessage, 1)


def test_compressed_part_is_found(tmp_path):
    (tmp_path / "part-00000.gz").write_bytes(b"abc")
    planned = facts.JobPlanned(
        0, [], str(tmp_path), 1, (), compress="gzip")
    done = facts.TaskDone(
        0, Stage.REDUCE, 0, WorkerAddress("host", 1), 0.1, 0.2)
    assert recovery.size_of(done, planned, "") == 3


def test_output_directory_that_was_replaced_fails_the_job(start, place):
    """What is there now is of somebody else, and stays."""
    shell = start()
    shell.submit(job(1, 2))
    shell.register(1)
    os.rename(place / "out", place / "gone")
    (place / "out").mkdir()
    (place / "out/part-00000").write_text("new")
    shell = start()
    assert shell.state_of(0) is JobState.FAILED
    assert "was replaced while the Manager was away" in shell.reason_of(0)
    assert (place / "out/part-00000").read_text() == "new"


def run_job(place, submission):
    """Run a job to its end in a Manager of its own."""
    shell = Shell(place / "state")
    shell.submit(submission)
    shell.register(1)
    shell.finish_task()
    shell.finish_task()


def die_at(place, submission, fact):
    """Run a job in a Manager that dies before it keeps a kind of fact."""
    die(lambda: run_job(place, submission), Recorder, "add",
        lambda _, found: isinstance(found, fact), after=False)


def one_by_one(**fields):
    """Return a job of one map task and one reduce task."""
    return extended_job(
        environment=None, num_mappers=1, max_mappers=None, **fields)


def hidden(place):
    """Return the names of the hidden directories beside the output."""
    return [name for name in names(place) if name.startswith(".out")]


def die_between_renames(place, submission):
    """Run a job in a Manager that dies after it moved the old result away."""
    die(lambda: run_job(place, submission), os, "rename",
        lambda source, _: os.path.basename(source) == "out", after=True)
    assert "out" not in names(place)
    assert len(hidden(place)) == 1


def test_old_result_is_given_back_if_its_job_can_not_start(start, place):
    """The Manager died while it replaced that."""
    die_between_renames(place, one_by_one())
    (place / "in/a").unlink()
    (place / "in").rmdir()
    shell = start()
    assert shell.state_of(0) is JobState.FAILED
    assert (place / "out/part-00000").read_text() == OLD
    assert hidden(place) == []


def test_half_replaced_output_is_made_by_the_next_start(start, place):
    die_between_renames(place, one_by_one())
    shell = start()
    assert shell.state_of(0) is JobState.MAP
    assert names(place / "out") == []
    assert hidden(place) == []


def test_half_published_result_is_published(start, place):
    die_between_renames(place, one_by_one(keep_old=True))
    shell = start()
    assert shell.state_of(0) is JobState.DONE
    assert (place / "out/part-00000").read_text() != OLD
    assert hidden(place) == []


def test_result_that_was_published_stays(start, place):
    """The Manager died before it kept that the job has ended."""
    die_at(place, one_by_one(keep_old=True), facts.JobEnded)
    assert (place / "out/part-00000").read_text() != OLD
    shell = start()
    assert shell.state_of(0) is JobState.DONE
    assert (place / "out/part-00000").read_text() != OLD
    assert hidden(place) == []


@pytest.mark.parametrize("keep_old", [None, True])
def test_job_that_has_ended_is_cleaned_up(start, place, keep_old):
    """The Manager died before that."""
    die_at(place, one_by_one(keep_old=keep_old), facts.JobArchived)
    assert start().state_of(0) is JobState.DONE
    assert hidden(place) == []
    assert (place / "out/part-00000").read_text() != OLD


def test_no_clobber_does_not_trip_over_its_own_directory(start, place):
    (place / "out/part-00000").unlink()
    (place / "out").rmdir()
    die_at(place, one_by_one(no_clobber=True), facts.JobPlanned)
    assert "out" in names(place)
    assert start().state_of(0) is JobState.MAP


def test_parts_of_a_cancelled_job_go_after_a_restart(start, place):
    shell = start()
    shell.submit(job(1, 2))
    shell.register(1)
    shell.finish_task()
    shell.finish_task()
    shell.happen(messages.CancelJobMessage(0))
    shell = start()
    assert shell.state_of(0) is JobState.CANCELLED
    assert "out" not in names(place)


def test_second_manager_is_refused_by_name(start, place):
    start()
    with pytest.raises(StateError, match=f"process {os.getpid()} on "):
        StateDirectory(place / "state")


def test_manager_of_another_machine_is_refused_for_a_while(place):
    """Its lock may hold there only; the name of this one begins the other."""
    StateDirectory(place / "state").close()
    lock = place / "state/lock"
    for host in ("elsewhere", f"{os.uname().nodename}2"):
        lock.write_text(f"process 1 on {host}")
        with pytest.raises(StateError, match=f"was used by .* on {host} "):
            StateDirectory(place / "state")
    long_ago = lock.stat().st_mtime - 60
    os.utime(lock, (long_ago, long_ago))
    StateDirectory(place / "state").close()


def test_other_working_directory_is_refused(start, place, monkeypatch):
    """There, "output" would be another directory."""
    start().kill()
    (place / "elsewhere").mkdir()
    monkeypatch.chdir(place / "elsewhere")
    with pytest.raises(StateError, match="start it there"):
        StateDirectory(place / "state")


def test_shutdown_ends_the_state(start, place):
    shell = start()
    shell.submit(job())
    shell.end()
    assert names(place / "state") == ["lock"]
    shell = start()
    shell.submit(job())
    assert shell.recorder.status.interruptions == 0
    assert shell.state_of(0) is JobState.MAP


def test_fresh_state_begins_with_job_0(start, place):
    shell = start()
    shell.submit(job(1, 1))
    shell.register(1)
    old = shell.finish_task()
    shell = start(fresh=True)
    assert not os.path.exists(old)
    shell.submit(job())
    assert shell.state_of(0) is JobState.MAP
    assert names(place / "in") == ["a"]


def test_damaged_state_is_replaced_if_fresh(start, place):
    start().kill()
    (place / "state/journal.sqlite3").write_bytes(b"no database" * 1000)
    with pytest.raises(StateError, match="begin anew with --fresh"):
        StateDirectory(place / "state")
    start(fresh=True)


def test_files_of_jobs_lie_in_the_shared_directory_if_there_is_one(
        start, place):
    (place / "shared").mkdir()
    shell = start(parent=place / "shared")
    shell.submit(job(2, 1))
    shell.register(1)
    old = shell.finish_task()
    assert pathlib.Path(old).parents[1] == place / "shared"
    assert len(names(place / "shared")) == 1
    (task,) = start(parent=place / "shared").register(1)
    assert task.task_id == 1
    assert len(names(place / "shared")) == 1


def test_job_does_not_write_into_the_state(start, place):
    shell = start()
    shell.submit(job(output_directory="state/out"))
    assert "state directory" in shell.reason_of(0)
    shell.submit(job(output_directory=str(place / "state")))
    assert shell.state_of(1) is JobState.FAILED


def test_full_disk_refuses_jobs_and_ends_the_running_one(start):
    """The status says so; when there is room again, all is stored."""
    shell = start()
    shell.submit(job(1, 1))
    shell.register(1)
    connection = shell.state.journal._connection
    connection.execute("PRAGMA max_page_count = 1")
    while shell.recorder.status.problem is None:
        shell.submit(job(1, 1, job_name="n" * 255))
    refused = shell.submit_and_count(job(1, 1, job_name="n" * 255))
    for job_id in (refused - 1, refused):
        assert shell.state_of(job_id) is JobState.FAILED
        assert "full" in shell.reason_of(job_id)
    for job_id in range(1, refused - 1):
        shell.happen(messages.CancelJobMessage(job_id))
    shell.finish_task()
    shell.finish_task()
    assert shell.state_of(0) is JobState.DONE
    connection.execute("PRAGMA max_page_count = 100000")
    shell.recorder.tick()
    assert shell.recorder.status.problem is None
    last = shell.submit_and_count(job(1, 1))
    assert shell.state_of(last) is JobState.MAP
    shell = start()
    assert [shell.state_of(job_id) for job_id in (
        0, 1, refused - 1, refused, last)] == [
        JobState.DONE, JobState.CANCELLED, JobState.FAILED, JobState.FAILED,
        JobState.MAP]
