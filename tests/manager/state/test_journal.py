"""The journal: facts in a database, through crashes of all kinds."""
import os
import sqlite3
import stat
import time

import pytest

from mapreduce.manager.scheduling import facts
from mapreduce.manager.state import journal as journal_module
from mapreduce.manager.state.directory import StateDirectory
from mapreduce.manager.state.journal import DamagedState, Journal, StateError
from mapreduce.protocol.status import JobState, Stage, WorkerAddress
from tests.support.scheduler_world import extended_job, job

ACCEPTED = facts.JobAccepted(0, job(job_key="key"), "2026-11-26T07:15:24+0000")
STARTED = facts.JobStarted(0, 1, None)
DONE = facts.TaskDone(
    0, Stage.MAP, 3, WorkerAddress("localhost", 6001), 0.5, 1.5,
    {"group": {"name": 2}}, 100)


@pytest.fixture(name="path")
def _path(tmp_path):
    return str(tmp_path / "journal.sqlite3")


@pytest.fixture(name="journal")
def _journal(path):
    journal = Journal(path)
    yield journal
    journal.close()


def stored(path):
    """Return the facts in a database."""
    journal = Journal(path)
    try:
        return list(journal.read().values())
    finally:
        journal.close()


def test_facts_come_back_in_their_order(journal, path):
    environment = extended_job(environment={"NAME": "caf\udce9"})
    kept = [ACCEPTED, facts.JobAccepted(1, environment, None), STARTED, DONE]
    for fact in kept:
        journal.add(fact)
    journal.close()
    assert stored(path) == kept


def test_durable_fact_must_be_stored_at_once(journal):
    journal.add(DONE)
    assert not journal.must_commit
    journal.add(STARTED)
    assert journal.must_commit
    journal.commit()
    assert not journal.must_commit


def test_final_fact_is_stored_at_once_if_it_replaces_a_durable_one(journal):
    journal.add(facts.JobAborted(0, JobState.CANCELLED, None, None, False))
    journal.add(facts.JobForgotten(0))
    assert journal.must_commit
    journal.commit()
    assert not journal.must_commit


def test_hundred_facts_are_due(journal, monkeypatch):
    monkeypatch.setattr(journal_module, "MAX_DELAY", 1_000.0)
    for number in range(100):
        assert journal.due > time.monotonic()
        journal.add(facts.TaskLost(
            0, Stage.MAP, number, WorkerAddress("localhost", 6001)))
    assert journal.due <= time.monotonic()


def test_final_fact_replaces_the_others_of_its_job(journal, path):
    other = facts.JobAccepted(1, job(), None)
    for fact in (ACCEPTED, other, STARTED):
        journal.add(fact)
    journal.commit()
    journal.add(facts.JobForgotten(0))
    journal.close()
    assert stored(path) == [other]


def test_numbers_of_forgotten_jobs_are_not_given_again(journal, path):
    journal.add(ACCEPTED)
    journal.add(facts.JobForgotten(0))
    journal.close()
    journal = Journal(path)
    assert journal.get("num_jobs") == "1"
    journal.close()


def test_database_of_a_killed_process_has_what_was_committed(journal, path,
                                                             tmp_path):
    """As it lies there, without being closed."""
    journal.add(ACCEPTED)
    journal.commit()
    journal.add(STARTED)
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in (path, path + "-wal"):
        (copy / os.path.basename(name)).write_bytes(
            open(name, "rb").read())
    assert stored(str(copy / os.path.basename(path))) == [ACCEPTED]


def test_full_disk_loses_nothing(journal):
    """What could not be stored is stored later."""
    connection = journal._connection
    connection.execute("PRAGMA max_page_count = 1")
    for number in range(50):
        journal.add(facts.JobAccepted(number, job(job_name="n" * 250), None))
    with pytest.raises(sqlite3.Error):
        journal.commit()
    assert len(journal.pending) == 50
    connection.execute("PRAGMA max_page_count = 100000")
    journal.commit()
    assert len(journal.read()) == 50


def test_state_ends_on_a_full_disk_too(tmp_path, monkeypatch):
    """Only the mark needs room there."""
    monkeypatch.chdir(tmp_path)
    state = StateDirectory("state")
    state.begin()

    def fail(**_):
        raise sqlite3.OperationalError("database or disk is full")
    monkeypatch.setattr(state.journal, "set", fail)
    state.note_end()
    state.end()
    state.close()
    assert os.listdir("state") == ["lock"]


def test_pending_facts_of_an_archived_job_need_no_memory(journal):
    journal.add(ACCEPTED)
    journal.add(STARTED)
    journal.add(facts.JobForgotten(0))
    assert journal.pending == [facts.JobForgotten(0)]


def test_unreadable_fact_fails_its_job_only(journal, path):
    other = facts.JobAccepted(1, job(), None)
    for fact in (ACCEPTED, STARTED, other):
        journal.add(fact)
    journal.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE facts SET document = '{' WHERE number = 2")
    connection.close()
    assert stored(path) == [ACCEPTED, facts.JobAborted(
        0, JobState.FAILED, None,
        "what the Manager kept of this job can't be read", False), other]


@pytest.mark.parametrize("damage", [b"", b"no database", b"SQLite format 3"])
def test_damaged_database_is_refused(path, damage):
    """It is not replaced by an empty one."""
    with open(path, "wb") as file:
        file.write(damage.ljust(len(damage) and 4096, b"\1"))
    with pytest.raises(DamagedState, match="--fresh"):
        Journal(path)


@pytest.mark.parametrize("damage", [
    "DROP TABLE facts", "DROP TABLE meta",
    "DELETE FROM meta WHERE name = 'id'",
    "UPDATE meta SET value = 'x' WHERE name = 'epoch'",
    "UPDATE meta SET value = 'x' WHERE name = 'num_jobs'"])
def test_database_without_what_each_has_is_refused(journal, path, damage):
    journal.set(id="1f2e3d4c", epoch="1", num_jobs="0")
    journal.add(ACCEPTED)
    journal.close()
    with sqlite3.connect(path) as connection:
        connection.execute(damage)
    connection.close()
    with pytest.raises(DamagedState, match="--fresh"):
        Journal(path)


def test_last_changes_without_their_database_are_refused(path):
    """The database was lost; a WAL without changes is none."""
    for content in (b"changes", b""):
        with open(path + "-wal", "wb") as file:
            file.write(content)
        if content:
            with pytest.raises(DamagedState, match="--fresh"):
                Journal(path)
    assert stored(path) == []


def test_values_that_are_not_utf_8_come_back(journal, path):
    journal.set(id="1f2e3d4c", directory="caf\udce9", parents="a\0caf\udce9")
    journal.close()
    journal = Journal(path)
    assert journal.get("directory") == "caf\udce9"
    assert journal.get("parents") == "a\0caf\udce9"
    journal.close()


def test_torn_database_is_refused(journal, path):
    for number in range(500):
        journal.add(facts.JobAccepted(number, job(), None))
    journal.close()
    with open(path, "r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 20_000)
    with pytest.raises(StateError, match="damaged") as caught:
        Journal(path)
    assert "\n" not in str(caught.value)


def test_database_of_another_program_is_refused(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE notes (text)")
    connection.close()
    with pytest.raises(StateError, match="another program"):
        Journal(path)


def test_newer_schema_is_refused(journal, path):
    journal.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StateError, match="newer version"):
        Journal(path)


def test_second_process_is_refused(journal, path):
    journal.add(ACCEPTED)
    journal.commit()
    with pytest.raises(StateError, match="another Manager"):
        Journal(path)


def test_database_is_for_its_user_only(journal, path):
    """Environments of jobs may hold secrets."""
    journal.add(ACCEPTED)
    journal.commit()
    assert [stat.S_IMODE(os.stat(name).st_mode)
            for name in (path, path + "-wal")] == [0o600, 0o600]


def test_half_made_database_is_made_anew(path):
    """Its maker was killed."""
    with open(path + ".new", "wb") as file:
        file.write(b"half")
    assert stored(path) == []


def test_forgotten_jobs_give_their_room_back(journal, path):
    for number in range(2_000):
        journal.add(facts.JobAccepted(number, job(), None))
    journal.commit()
    journal.compact()
    full = os.path.getsize(path)
    for number in range(2_000):
        journal.add(facts.JobForgotten(number))
    journal.commit()
    journal.compact()
    assert os.path.getsize(path) < full / 10
    assert os.path.getsize(path + "-wal") == 0


def test_task_needs_less_than_a_kilobyte(journal, path):
    for number in range(1_000):
        journal.add(facts.TaskDone(
            0, Stage.MAP, number, WorkerAddress("worker.example.org", 6001),
            12.345, 12345.678, None, 10**12))
    journal.commit()
    journal.compact()
    assert os.path.getsize(path) < 1_000 * 1024
