"""The records on which an executable dies are found, and no others."""
import math

import pytest
from hypothesis import given, strategies

from mapreduce.worker.skipping.halving import (
    DiesAnyway,
    DiesOnSeveral,
    find_bad,
    without,
)


class Executable:
    """Dies if a function of the records that it reads is true."""

    def __init__(self, dies):
        """Start without any run."""
        self.dies = dies
        self.num_runs = 0

    def __call__(self, ranges):
        """Read the records in some ranges."""
        self.num_runs += 1
        return self.dies([record for part in ranges for record in part])


@strategies.composite
def records(draw):
    """Return a number of records, and the bad ones among them."""
    number = draw(strategies.integers(1, 300))
    return number, sorted(draw(strategies.sets(
        strategies.integers(0, number - 1), min_size=1, max_size=8)))


@given(records())
def test_exactly_the_bad_records_are_found(case):
    """In few runs for each of them, and two at the start."""
    number, bad = case
    executable = Executable(set(bad).intersection)
    assert find_bad(number, len(bad), executable) == bad
    assert executable.num_runs <= 2 + len(bad) * (
        math.ceil(math.log2(number)) + 2)


@given(records())
def test_search_ends_with_the_first_record_too_many(case):
    """The others are not looked for."""
    number, bad = case
    executable = Executable(set(bad).intersection)
    assert find_bad(number, len(bad) - 1, executable) == bad
    assert find_bad(number, 0, executable) == bad[:1]


@given(records())
def test_program_that_keeps_a_state_has_the_same_bad_records(case):
    """It dies without the first record, its header, unless it has no input."""
    number, bad = case
    executable = Executable(
        lambda read: set(bad).intersection(read) and (
            read[0] == 0 or len(read) == 1))
    assert find_bad(number, len(bad), executable) == bad or bad[0] == 0


@given(records())
def test_all_others_are_left(case):
    """In their order."""
    number, bad = case
    left = [record for part in without(bad, number) for record in part]
    assert left == [record for record in range(number) if record not in bad]


def test_executable_that_does_not_die_again():
    """No other run is needed to see that."""
    executable = Executable(lambda read: False)
    assert (find_bad(10, 1, executable), executable.num_runs) == ([], 1)


@pytest.mark.parametrize("number", [0, 1, 10])
def test_executable_that_dies_without_input(number):
    """Then no record is the cause."""
    executable = Executable(lambda read: True)
    with pytest.raises(DiesAnyway):
        find_bad(number, 1, executable)
    assert executable.num_runs == 2


def test_executable_that_dies_on_two_records_together():
    """The last one alone does no harm."""
    executable = Executable({3, 7}.issubset)
    with pytest.raises(DiesOnSeveral) as failure:
        find_bad(10, 5, executable)
    assert failure.value.last == 7


def test_executable_that_dies_after_a_number_of_records():
    """For example, because its memory is full."""
    executable = Executable(lambda read: len(read) > 6)
    with pytest.raises(DiesOnSeveral) as failure:
        find_bad(10, 5, executable)
    assert failure.value.last == 6
