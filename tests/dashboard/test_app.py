"""What browsers get from the dashboard."""
import json
import os

import pytest

from mapreduce.protocol import messages
from tests.support.fake_manager import job, task, worker
from tests.support.page_records import Page, cluster, details
from tests.support.watched_manager import ORIGIN, WatchedManager, browser


def page_of(answer):
    """Return the page of an answer."""
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return Page(answer.text)


def updates_of(answer):
    """Return the events of an answer, each as parts or as text."""
    assert answer.headers["content-type"].startswith("text/event-stream")
    return [json.loads(event.removeprefix("data: "))
            if event.startswith("data: ") else event
            for event in answer.text.split("\n\n") if event]


def test_cluster_is_shown():
    manager = WatchedManager(cluster(job("map"), workers=[worker()]))
    answer = browser(manager).get("/")
    page = page_of(answer)
    assert answer.status_code == 200
    assert page.title == "1 running · mapreduce"
    assert page.all("body") == [{"data-events": "/events/"}]
    assert manager.heard == ["status"]


def test_job_is_shown():
    manager = WatchedManager(cluster(), {3: details(
        "map", tasks=[task("map", 0, "done")])})
    page = page_of(browser(manager).get("/jobs/3?show=done&page=1"))
    assert page.title == "job 3 running · mapreduce"
    assert page.all("body") == [
        {"data-events": "/events/jobs/3?show=done&page=1"}]
    assert manager.heard == [3]


def test_ended_job_has_no_updates():
    page = page_of(browser(WatchedManager(cluster(), {3: details()})).get(
        "/jobs/3"))
    assert page.all("body") == [{}]
    assert page.all("meta", **{"http-equiv": "refresh"}) == []


def test_page_is_loaded_again_without_scripts():
    """Unless its reader stops that."""
    client = browser(WatchedManager(cluster()))
    refresh = {"http-equiv": "refresh"}
    assert page_of(client.get("/")).all("meta", **refresh)
    assert not page_of(client.get("/?reload=0")).all("meta", **refresh)


@pytest.mark.parametrize("path, title", [
    ("/jobs/7", "Not found"), ("/jobs/7/cancel", "Not found"),
    ("/jobs/7/report.html", "Not found"), ("/jobs/x", "Not found"),
    ("/nothing", "Not found"), ("/static/../app.py", "Not found"),
    ("/jobs/99999999999999999999", "Not found"),
])
def test_unknown_page_is_not_found(path, title):
    answer = browser(WatchedManager(cluster())).get(path)
    assert answer.status_code == 404
    assert page_of(answer).title == f"{title} · mapreduce"


@pytest.mark.parametrize("query", [
    "ended=0", "ended=-1", "ended=x", "ended=99999999999999999999",
    "ended=²", "workers=3&queued=3", "ended"])
def test_any_number_of_a_page_is_taken(query):
    manager = WatchedManager(cluster(job("done")))
    assert browser(manager).get(f"/?{query}").status_code == 200


def test_manager_that_is_away_gives_a_banner():
    manager = WatchedManager(None)
    for path in ("/", "/jobs/3"):
        page = page_of(browser(manager).get(path))
        assert "The Manager can’t be reached. cannot reach it" in page.words()


def test_report_is_a_file():
    manager = WatchedManager(cluster(), {3: details()})
    answer = browser(manager).get("/jobs/3/report.html")
    assert answer.headers["content-disposition"] == "attachment"
    assert page_of(answer).all("style") == [{}]


def test_style_script_and_icon_are_sent():
    client = browser(WatchedManager(cluster()))
    for name, kind in (("style.css", "text/css; charset=utf-8"),
                       ("live.js", "text/javascript; charset=utf-8"),
                       ("icon.svg", "image/svg+xml")):
        answer = client.get(f"/static/{name}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == kind


# Updates

def test_update_has_all_parts_first_and_then_what_changed():
    manager = WatchedManager(cluster(job("map"), workers=[worker()]))
    answers = iter([manager.answer, cluster(job("done"), workers=[worker()])])
    manager.status = lambda: next(answers)
    retry, first, second = updates_of(
        browser(manager, rounds=2).get("/events/"))
    assert retry == "retry: 1000"
    assert first["title"] == "1 running · mapreduce"
    assert {"summary", "attention", "jobs", "workers"} <= set(first)
    assert second["title"] == "idle · mapreduce"
    assert "workers" not in second


def test_updates_end_with_the_job():
    manager = WatchedManager(cluster(), {3: details("done")})
    _, parts, end = updates_of(
        browser(manager, rounds=9).get("/events/jobs/3"))
    assert parts["title"] == "job 3 done · mapreduce"
    assert end.startswith("event: end")
    assert manager.heard == [3]


def test_updates_go_on_while_the_manager_is_away():
    manager = WatchedManager(None)
    _, first, *others = updates_of(
        browser(manager, rounds=2).get("/events/"))
    assert "cannot reach it" in first["banner"]
    assert others == [":"]


# Cancelling

def test_cancel_asks_first():
    manager = WatchedManager(cluster(), {3: details("map", name="words")})
    page = page_of(browser(manager).get("/jobs/3/cancel"))
    assert "Cancel job 3 words?" in page.words()
    assert page.all("form") == [
        {"method": "post", "action": "/jobs/3/cancel"}]
    assert manager.heard == [3]


def test_ended_job_can_not_be_cancelled():
    manager = WatchedManager(cluster(), {3: details("done")})
    answer = browser(manager).get("/jobs/3/cancel")
    assert (answer.status_code, answer.headers["location"]) == (
        303, "/jobs/3")


def token_of(client):
    """Return the token of the form that cancels job 3."""
    page = page_of(client.get("/jobs/3/cancel"))
    return page.all("input", name="token")[0]["value"]


def test_form_cancels_the_job():
    manager = WatchedManager(cluster(), {3: details("map")})
    client = browser(manager)
    answer = client.post("/jobs/3/cancel", data={"token": token_of(client)},
                         headers=ORIGIN)
    assert (answer.status_code, answer.headers["location"]) == (
        303, "/jobs/3?cancelling=1")
    assert manager.heard == [3, "check", messages.CancelJobMessage(3)]
    page = page_of(client.get("/jobs/3?cancelling=1"))
    assert "Job 3 is being cancelled" in page.words()


@pytest.mark.parametrize("token, headers", [
    (False, ORIGIN),
    (True, {}),
    (True, {"origin": "null"}),
    (True, {"origin": "http://evil.example"}),
    (True, {"origin": "http://localhost:7000"}),
    (True, {"origin": "https://localhost:6080"}),
    (True, {**ORIGIN, "sec-fetch-site": "cross-site"}),
    (True, {**ORIGIN, "sec-fetch-site": "same-site"}),
])
def test_form_of_another_site_cancels_nothing(token, headers):
    manager = WatchedManager(cluster(), {3: details("map")})
    client = browser(manager)
    good = token_of(client)
    answer = client.post("/jobs/3/cancel", headers=headers, data={
        "token": good if token else "x" * len(good)})
    assert answer.status_code == 403
    assert manager.heard == [3]


@pytest.mark.parametrize("body", [b"", b"token", b"\xff=\xff", b"x" * 10_000])
def test_strange_form_cancels_nothing(body):
    manager = WatchedManager(cluster(), {3: details("map")})
    answer = browser(manager).post(
        "/jobs/3/cancel", content=body, headers=ORIGIN)
    assert answer.status_code == 403
    assert manager.heard == []


def test_cancel_without_a_manager_is_told():
    manager = WatchedManager(cluster(), {3: details("map")})
    client = browser(manager)
    token = token_of(client)
    manager.answer = None
    answer = client.post(
        "/jobs/3/cancel", data={"token": token}, headers=ORIGIN)
    assert answer.status_code == 503
    assert "cannot reach it" in page_of(answer).words()


# Other sites

@pytest.mark.parametrize("path", [
    "/", "/jobs/3", "/jobs/3/cancel", "/nothing", "/static/live.js",
    "/events/jobs/3", "/jobs/3/report.html"])
def test_each_answer_forbids_what_a_page_does_not_need(path):
    manager = WatchedManager(cluster(), {3: details("done")})
    headers = browser(manager).get(path).headers
    policy = headers["content-security-policy"].split("; ")
    assert policy[0] == "default-src 'self'"
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/", "/jobs/3", "/jobs/3/cancel"])
def test_no_page_has_a_script_or_a_style_in_it(path):
    manager = WatchedManager(cluster(job("map")), {3: details("map", tasks=[
        task("map", 0, "done")])})
    page = page_of(browser(manager).get(path))
    assert page.all("script") == [{"src": "/static/live.js", "defer": None}]
    assert page.all("style") == []
    assert [found for _, found in page.elements if any(
        name == "style" or name.startswith("on") for name in found)] == []


@pytest.mark.parametrize("host, code", [
    ("localhost", 200), ("LOCALHOST:6080", 200), ("127.0.0.1:6080", 200),
    ("[::1]:6080", 200), ("192.0.2.7", 200), ("cluster.example:6080", 200),
    ("evil.example", 421), ("evil.example:6080", 421), ("", 421),
    ("localhost.evil.example", 421), ("127.0.0.1.evil.example", 421),
])
def test_only_names_of_this_host_are_accepted(host, code):
    """Otherwise, a site could make its own name one of this host."""
    client = browser(WatchedManager(cluster()), names=["cluster.example"])
    assert client.get("/", headers={"host": host}).status_code == code


# Standard error

@pytest.fixture(name="logs")
def _logs(tmp_path):
    """A directory where job 3 keeps its standard error, and a browser."""
    (tmp_path / "logs").mkdir()
    manager = WatchedManager(cluster(), {
        3: details(directory=str(tmp_path), options=[("logs", "logs")],
                   tasks=[task("map", 3, "done", attempts=2)])})
    return tmp_path / "logs", browser(manager)


NAME = "map-00003-attempt-1.stderr"


def test_standard_error_of_each_attempt_has_a_link(logs):
    directory, client = logs
    (directory / NAME).write_text("<b>KeyError\x1b[31m</b>\n")
    path = f"/jobs/3/stderr/{NAME}"
    page = page_of(client.get("/jobs/3"))
    assert page.all("a", href=path)
    assert page.all("a", href=path.replace("-1.", "-2."))
    answer = client.get(path)
    assert (answer.status_code, answer.text) == (
        200, "<b>KeyError\x1b[31m</b>\n")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_end_of_a_large_file_is_shown(logs):
    directory, client = logs
    (directory / NAME).write_bytes(b"x" * 2**20 + b"\xffend")
    text = client.get(f"/jobs/3/stderr/{NAME}").text
    assert text.startswith("… 4 bytes left out …\nxxx")
    assert text.endswith("\N{REPLACEMENT CHARACTER}end")


@pytest.mark.parametrize("name", [
    "map-00003-attempt-2.stderr", "secret", "..%2Fsecret", "%00"])
def test_no_other_file_is_sent(logs, name):
    directory, client = logs
    for path in (directory / "secret", directory.parent / "secret"):
        path.write_text("secret")
    answer = client.get(f"/jobs/3/stderr/{name}")
    assert answer.status_code == 404
    assert "secret\n" not in answer.text


@pytest.mark.parametrize("make", [
    lambda path: path.symlink_to(path.parent / "secret"), os.mkfifo,
    os.mkdir], ids=["link", "pipe", "directory"])
def test_nothing_but_a_file_is_sent(logs, make):
    directory, client = logs
    (directory / "secret").write_text("secret")
    make(directory / NAME)
    assert client.get(f"/jobs/3/stderr/{NAME}").status_code == 404


def test_job_without_logs_has_no_links():
    manager = WatchedManager(cluster(), {3: details(
        tasks=[task("map", 3, "done")])})
    client = browser(manager)
    assert "Standard error" not in page_of(client.get("/jobs/3")).words()
    assert client.get(f"/jobs/3/stderr/{NAME}").status_code == 404
