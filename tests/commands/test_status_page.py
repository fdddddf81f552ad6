"""mapreduce-status --html: the page of a job as one file."""
import sys

import pytest

from mapreduce import status
from tests.support.clients import run
from tests.support.fake_manager import FakeManager, cluster, job, task
from tests.support.page_records import EVIL, Page

DETAILS = {
    "job": job("failed", name=EVIL, reason="it broke"),
    "tasks": [task("map", 0, "failed", reason="it broke")],
    "counters": [], "options": [{"name": "num_reducers", "value": "2"}]}


def test_page_of_a_job_is_written(tmp_path):
    path = tmp_path / "job.html"
    path.write_text("an older page, which was longer than nothing")
    with FakeManager(DETAILS) as manager:
        outcome = run(status.main, manager.port, "3", "--html", str(path))
    assert outcome == (0, "", f"Wrote the page of job 3: {path}\n")
    assert manager.heard == [{"message_type": "get_job", "job_id": 3}]
    page = Page(path.read_text(encoding="utf-8"))
    assert "failed" in page.title
    assert "Why it failed it broke" in page.words()
    assert f"mapreduce-submit -p {manager.port}" in page.words()
    assert page.all("script") == []


@pytest.mark.parametrize("options", [
    [], ["3", "--json"], ["3", "--watch"]])
def test_page_is_for_one_job_at_one_moment(options, tmp_path):
    with FakeManager(cluster()) as manager:
        code, stdout, stderr = run(
            status.main, manager.port, *options, "--html",
            str(tmp_path / "job.html"))
    assert (code, stdout) == (2, "")
    assert "--html is for one JOB, without --json and --watch" in stderr
    assert manager.heard == []


def test_page_that_can_not_be_written_is_told_before_all(tmp_path):
    path = tmp_path / "none" / "job.html"
    with FakeManager(DETAILS) as manager:
        outcome = run(status.main, manager.port, "3", "--html", str(path))
    assert outcome == (1, "", (
        f"Error: cannot write the page {str(path)!r}; name a file in a "
        "directory that exists\n"))
    assert manager.heard == []


def test_page_needs_the_template_engine(tmp_path, monkeypatch):
    """Without it, one line says what to install."""
    for name in [name for name in sys.modules if name.startswith(
            "mapreduce.display.html.pages")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with FakeManager(DETAILS) as manager:
        outcome = run(status.main, manager.port, "3", "--html",
                      str(tmp_path / "job.html"))
    assert outcome == (1, "", (
        "Error: a page needs the package jinja2; pip install "
        "'mapreduce[report]' installs it\n"))
    assert manager.heard == []


def test_uneven_job_says_so_on_the_terminal():
    tasks = [task("reduce", number, "done", input_records=records)
             for number, records in enumerate([5, 5, 5, 85])]
    with FakeManager({"job": job("done"), "tasks": tasks}) as manager:
        _, stdout, _ = run(status.main, manager.port, "3")
    assert "\n\npart 3 has 85 % of the records\n" in stdout
