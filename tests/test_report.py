"""What a Manager tells of itself, in words."""
import dataclasses
import json

import pytest

from mapreduce.utils import report, status
from mapreduce.utils.status import Counter, JobDetails, TaskStatus

COUNTERS = (Counter("words", "long\x1b", 12), Counter("words", "short", -3))
TASK = TaskStatus("map", 0, "running", None, 1, 2.0, None)


def test_counters_are_a_table():
    assert report.counters_text(COUNTERS) == (
        "GROUP  COUNTER   AMOUNT\n"
        "words  long\\x1b  12\n"
        "words  short     -3")


def test_no_counters_are_no_table():
    assert report.counters_text(()) == ""


def test_counters_stand_behind_the_tasks():
    assert report.text(JobDetails(None, (TASK,), COUNTERS[1:])) == (
        "No such job\n\n"
        "TASK   STATE    WORKER  ATTEMPTS  TIME\n"
        "map 0  running  -       1         2.0 s\n\n"
        "GROUP  COUNTER  AMOUNT\n"
        "words  short    -3")


def test_what_tasks_say_stands_in_a_column_of_its_own():
    tasks = (dataclasses.replace(TASK, status="half\nway"),
             dataclasses.replace(TASK, task_id=1))
    assert report.render(report.tasks_table(tasks)) == (
        "TASK   STATE    WORKER  ATTEMPTS  TIME   STATUS\n"
        "map 0  running  -       1         2.0 s  half\\nway\n"
        "map 1  running  -       1         2.0 s  -")


@pytest.mark.parametrize("details", [
    JobDetails(None, (dataclasses.replace(TASK, status="x"),), COUNTERS),
    JobDetails(None, ()),
])
def test_answer_arrives_as_it_was(details):
    document = status.to_document(details)
    assert status.details_from_document(document) == details
    assert json.loads(status.encode(details)) == document


def test_older_manager_knows_neither_counters_nor_words_of_tasks():
    document = status.to_document(JobDetails(None, (TASK,)))
    del document["counters"]
    del document["tasks"][0]["status"]
    assert status.details_from_document(document) == JobDetails(None, (TASK,))
