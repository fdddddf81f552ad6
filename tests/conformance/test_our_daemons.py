"""Our Manager and our Worker keep the rules of the conformance kit."""
import pytest

from mapreduce.conformance import grading
from mapreduce.conformance.report import text_of
from mapreduce.conformance.rule import Outcome, Times
from tests.support.conformance import check_all, ours

ALL = 40  # at a time: they do nothing but wait
TIMES = Times(timeout=20.0, prompt=15.0)  # also on a busy machine


def failures(rules, at_once):
    """Check rules; return the reports of those that are not kept."""
    results = check_all(
        [(rule, ours(rule.side), TIMES) for rule in rules], at_once)
    return [text_of(result) for result in results.values()
            if result.outcome is not Outcome.PASSED]


def test_rules_pass():
    # tests/processes/test_garbage.py sends worse messages than these rules.
    assert failures([rule for rule in grading.select(None, [], "quick")
                     if not rule.name.startswith("ignores-")], 6) == []


@pytest.mark.slow
def test_times_pass():
    assert failures(grading.select(None, [], "times"), ALL) == []
