"""The page of a cluster."""
import datetime

import pytest

from mapreduce.display.html import cluster, pages
from tests.support import page_records
from tests.support.fake_manager import job, worker
from tests.support.page_records import EVIL, SHOWN, Page

NOW = datetime.datetime(2026, 11, 26, 12, 0, tzinfo=datetime.timezone.utc)
RECENT, OLD = "2026-11-26T11:30:00+0000", "2026-11-26T10:30:00+0000"
AROUND = pages.Surroundings("localhost:6000", "-p 6000", "12:00:00")


def view_of(*jobs, workers=(), **choice):
    """Return what is shown of a cluster."""
    return cluster.cluster_view(
        page_records.cluster(*jobs, workers=workers), NOW,
        cluster.Choice(**choice))


def page_of(*jobs, workers=(), around=AROUND):
    """Return the page of a cluster."""
    return Page(pages.cluster_page(
        view_of(*jobs, workers=workers), NOW, around))


def notes_of(*jobs, workers=()):
    """Return what needs attention."""
    return [(note.severity, note.title, note.detail, note.job_id)
            for note in view_of(*jobs, workers=workers).notes]


@pytest.mark.parametrize("states, title", [
    ([], "idle"),
    (["done", "failed"], "idle"),
    (["map", "queued", "queued"], "1 running, 2 queued"),
    (["reduce"], "1 running"),
])
def test_title_tells_the_state(states, title):
    jobs = [job(state, id=number) for number, state in enumerate(states)]
    assert page_of(*jobs, workers=[worker()]).title == (
        f"{title} · mapreduce")


def test_jobs_without_a_worker_need_attention():
    assert notes_of(job("map"), workers=[
        worker("dead", silent_seconds=7200)]) == [
            ("error", "No Worker lives",
             "1 job waits for one. Start one: mapreduce-worker", None)]
    assert page_of(job("map")).title == (
        "no Worker lives, 1 running · mapreduce")


def test_worker_that_just_died_needs_attention():
    assert notes_of(workers=[
        worker(), worker("dead", port=7, silent_seconds=12.0),
        worker("dead", port=8, silent_seconds=7200)]) == [
            ("warning", "Worker localhost:7 died",
             "It has sent no message for 12.0 s.", None)]


def test_many_dead_workers_are_one_note():
    [note] = notes_of(workers=[worker(), *(
        worker("dead", port=port, silent_seconds=20.0 + port)
        for port in range(1, 8))])
    assert note == ("warning", "7 Workers died", (
        "localhost:1, localhost:2, localhost:3, localhost:4, localhost:5 and "
        "2 more; the last one was silent for 21.0 s."), None)


def test_job_that_just_failed_needs_attention():
    """With the first and the last line of its reason."""
    assert notes_of(
        job("failed", id=1, ended_at=OLD, reason="old"),
        job("failed", id=2, ended_at=RECENT, name="words",
            reason="map 0 exited 3:\n  File\nKeyError: 'x'\n"),
        job("done", id=3, ended_at=RECENT)) == [
            ("error", "Job 2 (words) failed",
             "map 0 exited 3: … KeyError: 'x'", 2)]


def test_many_failed_jobs_are_counted():
    jobs = [job("failed", id=number, ended_at=RECENT, reason="no")
            for number in range(6)]
    assert [(title, job_id) for _, title, _, job_id in notes_of(*jobs)] == [
        ("Job 5 failed", 5), ("Job 4 failed", 4), ("Job 3 failed", 3),
        ("3 more jobs failed", None)]


def test_empty_cluster_tells_how_to_begin():
    page = page_of()
    assert "No job was submitted yet" in page.words()
    assert "mapreduce-submit -p 6000 --wait" in page.words()
    assert ("mapreduce-worker --manager-host localhost --manager-port 6000"
            in page.words())


def test_running_job_has_bars():
    page = page_of(job("map", map_tasks_done=1, tasks_done=1, seconds=2.0))
    assert [(its["value"], its["max"]) for its in page.all("progress")] == [
        ("1", "2"), ("0", "2")]
    assert "2.0 s, about 6.0 s left" in page.words()
    assert page.all("a", href="/jobs/3/cancel")


def test_workers_are_a_table_with_the_dead_last():
    view = cluster.cluster_view(
        page_records.cluster(workers=[
            worker("dead", port=1), worker("busy", port=2, task={
                "job_id": 1, "stage": "map", "task_id": 7})]),
        NOW, rates={("localhost", 2): 33.6})
    page = Page(pages.cluster_page(view, NOW, AROUND)).words()
    assert ("localhost:2 ● busy map 7 0.5 s 2 1 34 "
            "localhost:1 ✕ dead 0.5 s 2 1 –") in page


def test_long_tables_have_pages():
    jobs = [job("done", id=number) for number in range(120)]
    assert [its.id for its in view_of(*jobs).ended.rows] == list(
        range(119, 69, -1))
    last = view_of(*jobs, ended=99).ended
    assert (last.number, last.first, last.last) == (3, 101, 120)
    page = Page(pages.cluster_page(view_of(*jobs, ended=2), NOW, AROUND))
    assert page.all("a", href="?ended=1#ended")
    assert page.all("a", href="?ended=3#ended")


def test_texts_of_users_are_escaped():
    """On every part of the page, and in its title."""
    text = pages.cluster_page(view_of(
        *(job(state, id=number, name=EVIL, output_directory=EVIL,
              reason=EVIL, ended_at=RECENT)
          for number, state in enumerate(["map", "queued", "done", "failed"])),
        workers=[worker(host=EVIL)]), NOW, AROUND)
    assert "<script>" not in text
    assert "\x1b" not in text
    assert Page(text).words().count(SHOWN) == 9


def test_page_without_a_manager_has_a_banner():
    around = pages.Surroundings(
        "localhost:6000", "-p 6000", "", trouble="cannot reach it")
    page = Page(pages.cluster_page(None, NOW, around))
    assert "The Manager can’t be reached. cannot reach it." in page.words()
    assert page.title == "mapreduce"


def test_each_part_has_a_place_on_the_page():
    view = view_of(job("map"), workers=[worker()])
    page = Page(pages.cluster_page(view, NOW, AROUND))
    parts = pages.cluster_parts(view, NOW, AROUND)
    assert set(parts) == {"title", "updated", "banner", "summary",
                          "attention", "jobs", "workers"}
    assert [name for name in parts if name != "title"
            and not page.all("div", id=f"part-{name}")
            and not page.all("span", id=f"part-{name}")] == []
    assert parts["title"] == page.title
