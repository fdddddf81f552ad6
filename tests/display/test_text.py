"""What a Manager tells of itself, in words."""
import dataclasses
import json

import pytest

from mapreduce.display import text
from mapreduce.protocol import codec
from mapreduce.protocol.status import (
    AttemptState,
    AttemptStatus,
    ClusterStatus,
    Counter,
    JobDetails,
    JobOption,
    ManagerStatus,
    Stage,
    TaskState,
    TaskStatus,
    WorkerAddress,
)
from tests.support.fake_manager import cluster, job

COUNTERS = (Counter("words", "long\x1b", 12), Counter("words", "short", -3))
TASK = TaskStatus(
    Stage.MAP, 0, TaskState.RUNNING, None, 1, 2.0, None)


def test_counters_are_a_table():
    assert text.counters_text(COUNTERS) == (
        "GROUP  COUNTER   AMOUNT\n"
        "words  long\\x1b  12\n"
        "words  short     -3")


def test_no_counters_are_no_table():
    assert text.counters_text(()) == ""


def test_counters_stand_behind_the_tasks():
    assert text.text(JobDetails(None, (TASK,), COUNTERS[1:])) == (
        "No such job\n\n"
        "TASK   STATE    WORKER  ATTEMPTS  TIME\n"
        "map 0  running  -       1         2.0 s\n\n"
        "GROUP  COUNTER  AMOUNT\n"
        "words  short    -3")


def test_backup_attempts_are_listed():
    worker = WorkerAddress("ho\nst", 1)
    task = dataclasses.replace(TASK, task_id=3, history=(
        AttemptStatus(worker, AttemptState.CANCELLED, 0.0, 9.0),
        AttemptStatus(worker, AttemptState.DONE, 5.0, 9.0, True)))
    assert text.text(JobDetails(None, (TASK, task))).splitlines()[-1] == (
        "Backup attempts: map 3 on ho\\nst:1 (done)")


def test_logs_are_named():
    details = JobDetails(None, (TASK,), options=(
        JobOption("mapper_executable", "map"), JobOption("logs", "my\n/logs")))
    assert text.text(details).splitlines()[-1] == (
        "Standard error of each attempt: "
        "my\\n/logs/map-00000-attempt-1.stderr and so on")


def test_what_tasks_say_stands_in_a_column_of_its_own():
    tasks = (dataclasses.replace(TASK, message="half\nway"),
             dataclasses.replace(TASK, task_id=1))
    assert text.render(text.tasks_table(tasks)) == (
        "TASK   STATE    WORKER  ATTEMPTS  TIME   STATUS\n"
        "map 0  running  -       1         2.0 s  half\\nway\n"
        "map 1  running  -       1         2.0 s  -")


@pytest.mark.parametrize("details", [
    JobDetails(None, (dataclasses.replace(TASK, message="x"),), COUNTERS),
    JobDetails(None, ()),
])
def test_answer_arrives_as_it_was(details):
    document = codec.to_document(details)
    assert codec.answer_from_document(JobDetails, document) == details
    assert json.loads(codec.encode(details)) == document


def test_older_manager_knows_neither_counters_nor_words_of_tasks():
    document = codec.to_document(JobDetails(None, (TASK,)))
    del document["counters"]
    del document["tasks"][0]["status"]
    assert codec.answer_from_document(JobDetails, document) == JobDetails(
        None, (TASK,))


@pytest.mark.parametrize("seconds, words", [
    (0.0, "0.0 s"), (59.94, "59.9 s"), (59.96, "1 min 00 s"),
    (3599.6, "1 h 00 min"), (90_061.0, "25 h 01 min")])
def test_duration(seconds, words):
    assert text.duration(seconds) == words


@pytest.mark.parametrize("state, fields, parts", [
    ("queued", {"seconds": 0.0}, ("job 3: queued", "0.0 s")),
    ("map", {"map_tasks_done": 1, "tasks_done": 1},
     ("job 3: map 1/2 tasks", "1.5 s, about 4.5 s left")),
    ("reduce", {"reduce_tasks_done": 1, "tasks_done": 3},
     ("job 3: reduce 1/2 tasks", "1.5 s, about 0.5 s left")),
    ("done", {"tasks_done": 4}, ("job 3: done 4/4 tasks", "1.5 s")),
])
def test_progress_of_a_job(state, fields, parts):
    shown = codec.answer_from_document(
        ClusterStatus, cluster(job(state, **fields)))
    assert text.progress(shown.jobs[0]) == parts


def test_queued_jobs_show_their_positions_and_no_time():
    """One that just starts is shown as queued, but its time goes on."""
    shown = codec.answer_from_document(ClusterStatus, cluster(
        job("queued", id=1), job("queued", id=2, seconds=0.0),
        job("queued", id=3, seconds=0.0)))
    assert [row[4] for row in text.jobs_table(shown.jobs).rows] == [
        "1.5 s", "position 1", "position 2"]


def test_times_of_a_job_are_shown():
    [shown] = codec.answer_from_document(ClusterStatus, cluster(job(
        "map", submitted_at="2026-11-26T07:15:24+0100",
        submitted_by="ann\x1b@host1", started_at="\x1bodd"))).jobs
    lines = text.job_lines(shown).split("\n")
    assert "  submitted           2026-11-26 07:15:24 +0100" in lines
    assert "  submitted by        ann\\x1b@host1" in lines
    assert "  started             \\x1bodd" in lines
    assert not [line for line in lines if line.startswith("  ended")]


def details(state, seconds, **fields):
    """Return what a Manager tells of a job whose tasks are not kept."""
    return codec.answer_from_document(JobDetails, {
        "job": {**job(state), "seconds": seconds, **fields}, "tasks": [],
        "counters": []})


def test_tasks_that_are_no_longer_kept():
    """One line says so."""
    assert text.text(details("done", 1.5)).endswith(
        "\n\nThe tasks of this job are no longer kept: the Manager keeps "
        "those of the last jobs since its own start")


@pytest.mark.parametrize("told", [
    details("queued", 0.0), details("cancelled", 0.0),
    details("done", 1.5, tasks=0)])
def test_tasks_that_never_were(told):
    assert text.tasks_note(told) == ""


@pytest.mark.parametrize("state, end", [
    (TaskState.FAILED, "failed"), (TaskState.RUNNING, "failed"),
    (TaskState.CANCELLED, "was cancelled after a failed attempt")])
def test_task_of_a_cancelled_job_is_not_called_failed(state, end):
    task = dataclasses.replace(TASK, state=state, reason="it broke")
    assert text.task_reasons((task,)) == f"map 0 {end}:\n  it broke"


@pytest.mark.parametrize("interruptions, problem, words", [
    (0, None, "was never interrupted before"),
    (1, None, "was interrupted once before"),
    (3, "the disk is full",
     "was interrupted 3 times before; it refuses jobs: the disk is full")])
def test_manager_that_keeps_its_jobs_tells_since_when_it_runs(
        interruptions, problem, words):
    status = ClusterStatus((), (), "/work", ManagerStatus(
        "2026-11-26T07:15:24+0000", interruptions, problem))
    assert text.paths_line(status) == (
        "Relative paths are meant in /work; the Manager runs since "
        f"2026-11-26 07:15:24 +0000, and {words}")


def test_old_jobs_are_left_out_and_counted():
    """Those that have not ended are shown in any case."""
    jobs = codec.answer_from_document(ClusterStatus, cluster(
        job("queued", id=0), *(job("done", id=number)
                               for number in range(1, 60)))).jobs
    status, num_old = text.recent(ClusterStatus((), jobs, ""))
    assert num_old == 9
    assert [found.id for found in status.jobs] == [0, *range(10, 60)]
