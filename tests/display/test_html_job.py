"""The page of a job, and the same as one file."""
import base64
import datetime
import hashlib
import re
import shlex

import pytest

from mapreduce.display.html import job, pages
from tests.support.fake_manager import task
from tests.support.page_records import EVIL, SHOWN, Page, attempt, details

NOW = datetime.datetime(2026, 11, 26, 12, 0, tzinfo=datetime.timezone.utc)
AROUND = pages.Surroundings("localhost:6000", "-p 6000", "12:00:00")
OPTIONS = [
    ("input_paths", "a b"), ("input_paths", "*.gz"),
    ("output_directory", "out"), ("mapper_executable", "grep -q 'x'"),
    ("num_reducers", "2"), ("reducer_executable", "cat"),
    ("decompress", "false"), ("concatenate", "true"),
    ("environment", "LANG"), ("environment", "A B"), ("max_mappers", "9"),
    ("max_map_attempts", "2"), ("max_reduce_attempts", "2")]


def page_of(found, **choice):
    """Return the page of a job."""
    return Page(pages.job_page(
        job.job_view(found, job.Choice(**choice)), NOW, AROUND))


def test_failed_job_tells_why():
    page = page_of(details("failed", name="words", reason="it\nbroke"))
    assert page.title == "job 3 (words) failed · mapreduce"
    assert "Why it failed it broke" in page.words()
    assert not page.all("a", href="/jobs/3/cancel")


def test_running_job_can_be_cancelled():
    page = page_of(details("reduce", tasks_done=2, seconds=4.0))
    assert page.title == "job 3 running · mapreduce"
    assert "4.0 s, about 4.0 s left" in page.words()
    assert page.all("a", href="/jobs/3/cancel")


def test_timeline_has_an_element_for_each_attempt():
    """Kinds are told apart by patterns, not by colour alone."""
    page = page_of(details(seconds=10.0, tasks=[
        task("map", 0, "done"), task("reduce", 0, "done"),
        task("map", 1, "running", history=[
            attempt("failed", 0.0, 1.0), attempt("lost", 1.0, 2.0),
            attempt("running", 2.0, None)])]))
    bars = [its for its in page.all("rect") if str(its.get("x")).endswith("%")]
    assert [(its["class"], its.get("fill")) for its in bars] == [
        ("map done", None), ("reduce done", "url(#fill-reduce)"),
        ("map failed", "url(#fill-failed)"), ("map lost", None),
        ("map running", "url(#fill-running)")]
    assert all("style" not in its for _, its in page.elements)


def test_heaviest_part_is_marked():
    page = page_of(details(tasks=[
        task("reduce", number, "done", input_records=records,
             input_bytes=1000 * records)
        for number, records in enumerate([10, 10, 10, 70])])).words()
    assert ("Part 3 has 70 % of the records, 7 times the median. One key may "
            "be much more frequent than the others.") in page
    assert ("part 3 heaviest 70 % 70 70.0 kB 0.2 s part 0 10 % 10 10.0 kB "
            "0.2 s") in page


def test_tasks_have_pages():
    tasks = [task("map", number, "done") for number in range(250)]
    page = page_of(details(tasks=tasks), number=2)
    assert "101–200 of 250" in page.words()
    assert page.all("a", href="?show=all&page=3#page")
    assert "map 99 " not in page.words()
    assert "map 100 ✓ done localhost:6001 1 0.2 s" in page.words()


def test_tasks_can_be_chosen():
    found = details("failed", tasks=[
        task("map", 0, "done"), task("map", 1, "failed", attempts=4,
                                     reason="exited 1"),
        task("map", 2, "done", attempts=2)])
    view = job.job_view(found, job.Choice("failed"))
    assert [its.task_id for its in view.tasks.page.rows] == [1]
    assert view.tasks.filters == (
        ("all", 3), ("done", 2), ("failed", 1), ("tried again", 2))
    again = job.job_view(found, job.Choice("tried again")).tasks.page.rows
    assert [its.task_id for its in again] == [1, 2]
    unknown = job.job_view(found, job.Choice("<>")).tasks
    assert (unknown.show, unknown.page.num_rows) == ("all", 3)


def test_command_runs_the_job_again():
    """A shell passes on each text as it was, and sets no other variable."""
    found = details(options=OPTIONS, map_tasks=7, name="my job")
    command = job.submit_command(found, "-p 6000")
    assert shlex.split(command.replace("\\\n", " ")) == [
        "mapreduce-submit", "-p", "6000", "--input", "a b", "--input", "*.gz",
        "--output", "out", "--mapper", "grep -q 'x'", "--nreducers", "2",
        "--reducer", "cat", "--no-decompress", "--concatenate",
        "--cmdenv", "LANG=$LANG", "--cmdenv", "A B=…", "--max-attempts", "2",
        "--nmappers", "7", "--name", "my job"]


def test_command_has_one_option_for_backup_attempts():
    options = [(f"{stage}_speculative", "true")
               for stage in ("map", "reduce")]
    command = job.submit_command(details(options=options, map_tasks=7), "")
    assert shlex.split(command.replace("\\\n", " ")) == [
        "mapreduce-submit", "--speculative", "--nmappers", "7"]


def test_old_job_has_no_command():
    assert job.submit_command(details(), "-p 6000") == ""


def test_values_of_the_environment_are_not_shown():
    page = page_of(details(options=[("environment", "PASSWORD")])).words()
    assert "environment PASSWORD=(not shown)" in page


@pytest.mark.parametrize("as_file", [False, True])
def test_texts_of_users_are_escaped(as_file):
    found = details(
        "failed", name=EVIL, reason=EVIL, input_directory=EVIL,
        output_directory=EVIL, mapper_executable=EVIL,
        reducer_executable=EVIL, directory=EVIL, submitted_at=EVIL,
        tasks=[task("map", 0, "failed", reason=EVIL, status=EVIL, worker={
            "host": EVIL, "port": 1}, history=[])],
        counters=[{"group": EVIL, "name": EVIL, "amount": 1}],
        options=[("environment", EVIL), ("combiner", EVIL)])
    text = pages.job_report(found, NOW, EVIL) if as_file else pages.job_page(
        job.job_view(found, command=EVIL), NOW, AROUND)
    assert "<script>" not in text
    assert "\x1b" not in text
    assert Page(text).words().count(SHOWN) == 17


def test_old_job_says_that_its_tasks_are_gone():
    assert "no longer kept" in page_of(details("done")).words()
    assert "No task was assigned to a Worker yet." in page_of(
        details("queued", seconds=0.0)).words()


def test_report_is_one_file():
    """Nothing is loaded, no link leads to a server, and no script runs."""
    text = pages.job_report(details(tasks=[task("map", 0, "done")]), NOW,
                            "mapreduce-run -i in")
    page = Page(text)
    assert page.title == "job 3 done · mapreduce"
    assert "mapreduce-run -i in" in page.words()
    assert page.all("script") == page.all("a") == page.all("form") == []
    assert {found["href"].partition(",")[0] for found in page.all("link")} | {
        found["src"].partition(",")[0] for found in page.all("img")} == {
            "data:image/svg+xml;base64"}


def test_report_allows_only_its_own_style():
    text = pages.job_report(details(), NOW)
    style = re.search("<style>(.*)</style>", text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest())
    assert Page(text).all("meta", **{
        "http-equiv": "Content-Security-Policy"})[0]["content"] == (
            f"default-src 'none'; style-src 'sha256-{digest.decode()}'; "
            "img-src data:")


def test_long_reason_is_clipped():
    page = page_of(details("failed", reason="a" * 10_000)).words()
    assert "… 2000 characters left out …" in page
