"""The lines of a live screen: what fits, and what is always there."""
import pytest

from mapreduce.display import frame, text
from mapreduce.protocol import codec
from mapreduce.protocol.status import ClusterStatus, JobDetails
from tests.support.fake_manager import cluster, job, task, worker

HEADER = ("Manager localhost:6000", ", 12:00:00; Ctrl-C ends this")
WIDE = "\u6570\u636e"  # characters of two columns each


def status_of(*jobs, workers=()):
    """Return the status of a cluster."""
    return codec.answer_from_document(
        ClusterStatus, cluster(*jobs, workers=workers))


def drawn(status, width, height, note=""):
    """Return the lines of a screen as texts, none of them too wide."""
    lines = ["".join(line) for line in frame.lines(
        status, HEADER, note, width, height)]
    assert len(lines) <= height
    assert max(map(text.width_of, lines)) <= width
    return [line.rstrip() for line in lines]


CROWD = status_of(
    *(job("done", id=number, name="n" * 50, output_directory="/x" * 50)
      for number in range(30)),
    job("map", id=30, name="the one that runs"),
    *(job("queued", id=number, seconds=0.0) for number in range(31, 60)),
    workers=[worker("busy", port=6001 + number) for number in range(20)])


@pytest.mark.parametrize("width, height", [
    (80, 24), (200, 60), (40, 12), (40, 24), (30, 8), (20, 10)])
def test_running_job_is_always_visible(width, height):
    lines = drawn(CROWD, width, height)
    assert [line for line in lines if line.startswith("30 ")]


def test_long_names_are_cut():
    lines = drawn(status_of(
        job("map", id=1, name="n" * 50, output_directory="out"),
        job("done", id=2, name="short", output_directory="/y" * 50)), 60, 24)
    assert lines[4:7] == [
        "JOB  NAME              STATE  TASKS  TIME   OUTPUT",
        "1    nnnnnnnnnnnnnnn…  map    0/4    1.5 s  out",
        "2    short             done   0/4    1.5 s  /y/y/y/y/y/y/y/…"]


@pytest.mark.parametrize("width, line", [
    (60, "Manager localhost:6000, 12:00:00; Ctrl-C ends this"),
    (40, "Manager loc…, 12:00:00; Ctrl-C ends this"),
    (20, "…, 12:00:00; Ctrl-C…")])
def test_header_tells_how_to_end_on_narrow_screens(width, line):
    assert drawn(CROWD, width, 24)[0] == line


def test_characters_of_two_columns_are_counted_as_such():
    """The columns of a table stay in line; accents take no column."""
    lines = drawn(status_of(
        job("map", id=1, name=WIDE * 9, output_directory="out"),
        job("done", id=2, name="e\u0301te\u0301", output_directory="x"),
    ), 50, 24)
    assert lines[4:7] == [
        "JOB  NAME              STATE  TASKS  TIME   OUTPUT",
        f"1    {3 * WIDE}\u6570…   map    0/4    1.5 s  out",
        "2    e\u0301te\u0301               done   0/4    1.5 s  x"]


def test_columns_are_left_out_before_names_are_too_short():
    lines = drawn(CROWD, 40, 24)
    assert [line for line in lines if line[:3] in ("WOR", "JOB")] == [
        "WORKER    STATE  TASK  LAST HEARD  DONE",
        "JOB  NAME      STATE   TASKS  TIME"]


def test_note_is_the_last_line():
    assert drawn(CROWD, 80, 24, "a note")[-1] == "a note"


def test_number_of_rows_that_do_not_fit_is_shown():
    assert [line for line in drawn(CROWD, 80, 24) if "rows" in line] == [
        "14 of 80 rows"]
    assert not [line for line in drawn(status_of(job("map")), 80, 24)
                if "rows" in line]


def test_position_in_the_queue_is_that_among_all_jobs():
    """Also where the first queued jobs do not fit."""
    lines = drawn(status_of(*(
        job("queued", id=number, seconds=0.0) for number in range(3))), 80, 24)
    assert ["position" in line and line.split()[-2] for line in lines[5:8]
            ] == ["1", "2", "3"]


def test_empty_cluster():
    assert drawn(status_of(), 80, 24) == [
        "".join(HEADER), "", "No Workers", "", "No jobs", "",
        "Relative paths are meant in /cluster"]


@pytest.mark.parametrize("height", [12, 24, 60])
def test_running_tasks_of_a_job_are_visible(height):
    details = codec.answer_from_document(JobDetails, {
        "job": job("map", name="words"), "tasks": [
            *(task("map", number, "done") for number in range(50)),
            task("map", 50, "running"),
            *(task("map", number, "waiting") for number in range(51, 90))]})
    lines = drawn(details, 80, height)
    assert "Job 3 (words): map" in lines
    assert [line for line in lines if line.startswith("map 50 ")]


def test_reasons_of_tasks_come_last():
    details = codec.answer_from_document(JobDetails, {
        "job": job("failed"), "tasks": [
            task("map", 0, "failed", reason="exited 3\n" + "x" * 100)]})
    assert drawn(details, 20, 40)[-3:] == [
        "map 0 failed:", "  exited 3", "  " + "x" * 17 + "…"]


def test_unknown_job():
    assert drawn(JobDetails(None, ()), 80, 24) == [
        "".join(HEADER), "No such job"]
