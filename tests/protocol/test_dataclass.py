"""Its classes are compared, hashed and shown as the standard ones are."""
import copy
import dataclasses
import functools
import pickle

import pytest
from hypothesis import given, strategies

from mapreduce.protocol.dataclass import dataclass


@dataclass(frozen=True)
class Job:
    """What is told of a job."""

    number: int
    name: str = ""
    secret: str = dataclasses.field(default="", repr=False)


@dataclass(frozen=True)
class Extended(Job):
    """The same with a field more."""

    inputs: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Standard:
    """What the standard library makes of the same."""

    number: int
    name: str = ""
    secret: str = dataclasses.field(default="", repr=False)
    inputs: tuple[str, ...] = ()


values = strategies.tuples(
    strategies.integers(0, 2), strategies.text(max_size=2),
    strategies.text(max_size=2), strategies.tuples(strategies.text()))


@given(values, values)
def test_methods_are_those_of_the_standard_library(ours, others):
    assert (Extended(*ours) == Extended(*others)) == (
        Standard(*ours) == Standard(*others))
    assert hash(Extended(*ours)) == hash(Standard(*ours))
    assert repr(Extended(*ours)) == repr(Standard(*ours)).replace(
        "Standard", "Extended")


def test_object_of_another_class_is_another():
    """Even if that class has the same fields, or more of them."""
    assert Job(1) != Extended(1)
    assert Extended(1) != Standard(1)
    assert Job(1) != (1, "", "")


def test_attributes_that_are_no_fields_do_not_count():
    job = Job(1)
    vars(job)["cached"] = "a text"
    assert job == Job(1)
    assert hash(job) == hash(Job(1))
    assert repr(job) == "Job(number=1, name='')"


def test_own_methods_of_a_class_stay():
    @dataclass(frozen=True)
    class Secret:
        """It does not show what it holds."""

        text: str

        def __repr__(self):
            return "Secret(...)"

    assert repr(Secret("a")) == "Secret(...)"
    assert Secret("a") == Secret("a")


def test_copies_are_equal():
    job = Extended(1, inputs=("a",))
    assert dataclasses.replace(job, number=2) == Extended(2, inputs=("a",))
    assert copy.deepcopy(job) == pickle.loads(pickle.dumps(job)) == job


def test_fields_may_be_given_by_name_only():
    @dataclass(frozen=True, kw_only=True)
    class Options:
        """What the user chose."""

        scale: float

    assert Options(scale=1.0).scale == 1.0
    with pytest.raises(TypeError):
        functools.partial(Options, 1.0)()
