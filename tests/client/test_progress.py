"""The lines that tell of the progress of a job."""
import re
import types

import pytest

from mapreduce.client import progress
from mapreduce.client.errors import NoManager
from mapreduce.protocol import codec
from mapreduce.protocol.status import JobDetails
from tests.support.fake_manager import job, task
from tests.support.page_records import details


def test_lines_are_ten_seconds_apart(capsys):
    """Within a stage; and only if there is something new."""
    now = 0.0
    lines = progress.Lines(lambda: now)
    for now, done in enumerate([0, 0, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 4]):
        lines.show(the(job("map", tasks_done=done)))
    for now, done in (30, 4), (60, 4), (61, 5):
        lines.show(the(job("map", tasks_done=done)))
    lines.show(the(job("reduce", tasks_done=5)))
    assert re.findall(r"(\w+), (\d)", capsys.readouterr().err) == [
        ("map", "0"), ("map", "3"), ("map", "4"), ("map", "5"),
        ("reduce", "5")]


class Time:
    """The time module, where time passes by sleeping alone."""

    def __init__(self):
        """Begin at 0 seconds."""
        self.now = 0.0
        self.pauses = []

    def monotonic(self):
        """Return the seconds so far."""
        return self.now

    def sleep(self, seconds):
        """Let seconds pass."""
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture(name="time")
def _time(mocker):
    """Time that passes by sleeping alone."""
    return mocker.patch("mapreduce.client.progress.time", Time())


def test_held_query_is_followed_by_the_next_at_once(time):
    states = iter(["queued", "map", "map", "done"])

    def look():
        time.now += 0.2
        return the(job(next(states)))
    assert progress.follow(look, progress.NoProgress()).state == "done"
    assert time.pauses == []


def test_query_that_is_not_held_is_followed_by_pauses_that_grow(time):
    """An older Manager is queried as seldom as ever."""
    states = iter(["queued"] + ["map"] * 5 + ["done"])
    progress.follow(lambda: the(job(next(states))), progress.NoProgress())
    assert time.pauses == [0.02, 0.04, 0.08, 0.16, 0.2, 0.2]


def test_pause_is_short_again_after_a_query_that_was_held(time):
    seconds = iter([0.0, 0.0, 0.3, 0.0, 0.0])
    states = iter(["map"] * 4 + ["done"])

    def look():
        time.now += next(seconds)
        return the(job(next(states)))
    progress.follow(look, progress.NoProgress())
    assert time.pauses == [0.02, 0.04, 0.02]


def the(document):
    """Return the record of a job."""
    answer = {"job": document, "tasks": []}
    return codec.answer_from_document(JobDetails, answer).job


def test_uneven_job_says_so_at_its_end(capsys):
    found = details(tasks=[
        task("reduce", number, "done", input_records=records)
        for number, records in enumerate([5, 5, 5, 85])])
    manager = types.SimpleNamespace(details={3: found}.get)
    progress.show_counters(manager, found.job)
    assert capsys.readouterr() == ("", "part 3 has 85 % of the records\n")


def test_counters_of_records_are_shown_at_the_end(capsys):
    """Also of a job whose executables count nothing, as in Hadoop."""
    progress.tell_details(details(counters=[
        {"group": "mapreduce", "name": name, "amount": amount}
        for name, amount in (("input records", 9), ("output records", 4))]))
    assert capsys.readouterr() == (
        "", "GROUP      COUNTER         AMOUNT\n"
        "mapreduce  input records   9\n"
        "mapreduce  output records  4\n")


def test_manager_that_keeps_its_jobs_may_be_away(time, capsys):
    """For up to a minute, and the user reads that."""
    def look():
        if time.now < 59:
            raise NoManager("cannot reach it")
        return the(job("done"))
    assert progress.follow(
        look, progress.NoProgress(), lambda: True).state == "done"
    assert capsys.readouterr().err == (
        "cannot reach it Waiting for it, for up to 60 s\n")


def test_manager_that_keeps_its_jobs_may_not_be_away_for_ever(time):
    def look():
        raise NoManager("cannot reach it")
    with pytest.raises(NoManager, match="has gone for 60 s"):
        progress.follow(look, progress.NoProgress(), lambda: True)
    assert time.now < 62


def test_another_manager_is_not_waited_for(time):
    """It would not know the job."""
    def look():
        raise NoManager("cannot reach it")
    with pytest.raises(NoManager, match="has gone: "):
        progress.follow(look, progress.NoProgress())
    assert time.now < 1
