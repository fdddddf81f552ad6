"""What a client draws on a terminal."""
import importlib
import signal

import pytest

from mapreduce.protocol import codec
from mapreduce.protocol.status import ClusterStatus
from tests.support.clients import on_terminal, with_key
from tests.support.fake_manager import FakeManager, cluster, job, task, worker


@pytest.mark.parametrize("env, colours", [
    ({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colours(env, colours):
    """On a terminal that has some, and for who wants them."""
    clean = {**env, "NO_COLOR": env.get("NO_COLOR", "")}
    with FakeManager(cluster(job("failed", name="[b]"),
                             workers=[worker("dead")])) as manager:
        code, written = on_terminal("status", manager.port, **clean)
    assert code == 0
    assert ("\x1b[31m" in written) == colours
    assert "[b]" in written and "localhost:6001" in written


def test_bar():
    """It follows the job on a terminal, and the result is a line below."""
    with FakeManager(cluster(), *with_key(
            "map", "reduce", "done", tasks_done=4)) as manager:
        code, written = on_terminal("submit", manager.port, "--wait")
    assert code == 0
    for words in ("job 3: map", "job 3: done", "4/4 tasks",
                  "job 3: done in 1.5 s; the result is in /cluster/out"):
        assert words in written


def test_watch_on_a_terminal():
    """It is drawn until Ctrl-C, which leaves no word."""
    with FakeManager(cluster(job("map"), workers=[worker("dead")])) as manager:
        code, written = on_terminal(
            "status", manager.port, "--watch", until=b"dead",
            number=signal.SIGINT)
    assert code == 130
    assert "Abort" not in written and "Traceback" not in written


def test_watch_shows_what_fits():
    """The jobs around the one that runs, and how many there are."""
    screen = importlib.import_module("mapreduce.display.screen")
    whole = codec.answer_from_document(ClusterStatus, cluster(*(
        job("done" if number < 500 else "queued", id=number)
        for number in range(1000))))
    shown, note = screen._fit(whole, 40)
    assert note == f"{len(shown.jobs)} of 1000 rows"
    assert 20 <= len(shown.jobs) <= 30
    assert shown.jobs[0].id < 500 <= shown.jobs[-1].id


def test_long_tables_are_not_drawn():
    """They are printed as where no terminal is, at once."""
    tasks = [task("map", number, "done") for number in range(2000)]
    with FakeManager({"job": job("map"), "tasks": tasks}) as manager:
        _, written = on_terminal("status", manager.port, "3")
    assert "\x1b" not in written and "map 1999" in written
