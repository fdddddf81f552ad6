"""How evenly the input is spread over the reduce tasks."""
import pytest

from mapreduce.display.balance import balance, balance_line
from tests.support.fake_manager import task
from tests.support.page_records import details


def tasks(*amounts, unit="input_records", state="done"):
    """Return reduce tasks with these inputs, after a map task."""
    return details(tasks=[task("map", 0, "done", **{unit: 10**9}), *(
        task("reduce", number, state, **{unit: amount})
        for number, amount in enumerate(amounts))]).tasks


def test_heaviest_part_comes_first():
    found = balance(tasks(10, 60, 30))
    assert [(part.task_id, part.amount, part.share) for part in found.parts
            ] == [(1, 60, 0.6), (2, 30, 0.3), (0, 10, 0.1)]
    assert (found.unit, found.median, found.is_uneven) == (
        "records", 30, False)


@pytest.mark.parametrize("amounts, line", [
    ((10, 10, 10, 10, 30), ""),
    ((10, 10, 10, 10, 31), "part 4 has 44 % of the records"),
    ((0, 0, 0, 5), "part 3 has 100 % of the records"),
    ((0, 0), ""),
    ((7,), ""),
    ((), ""),
])
def test_line_is_for_more_than_three_times_the_median(amounts, line):
    assert balance_line(tasks(*amounts)) == line


def test_bytes_count_where_records_are_not_known():
    assert balance_line(tasks(1, 1, 1, 9, unit="input_bytes")) == (
        "part 3 has 75 % of the bytes")


def test_time_is_no_reason_for_a_line():
    """A Worker may just be slow."""
    uncounted = tasks(0.1, 0.1, 0.1, 9.0, unit="seconds")
    assert balance_line(uncounted) == ""
    assert balance(uncounted).unit == "time"


def test_only_tasks_that_are_done_count():
    assert balance(tasks(1, 1, 9, state="running")) is None
