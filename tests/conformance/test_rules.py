"""Rules of the conformance kit, on small daemons with and without a fault."""
import pytest

from mapreduce.conformance import grading
from mapreduce.conformance.rule import Outcome, Rule
from tests.support.conformance import (
    IMPATIENT,
    NO_FAULT,
    STEADY,
    again,
    check_all,
    flawed,
)

RULES = {rule.title: rule for rule in grading.RULES}


@pytest.fixture(name="without_fault", scope="module")
def _without_fault():
    """The results on daemons that are as they should be."""
    checks = [(rule, flawed(rule.side, NO_FAULT, STEADY), STEADY)
              for rule in grading.RULES]
    return again(check_all(checks), checks, Outcome.FAILED)


@pytest.fixture(name="with_fault", scope="module")
def _with_fault():
    """The results on daemons that break exactly this rule."""
    checks = [(rule, flawed(rule.side, rule.name, IMPATIENT), IMPATIENT)
              for rule in grading.RULES]
    slow = [check for check in checks if check[0].takes_time]
    # These do nothing but wait, so all of them run at a time.
    results = check_all(slow, len(slow)) | check_all(
        [check for check in checks if not check[0].takes_time])
    return again(results, checks, Outcome.PASSED)


@pytest.mark.parametrize("title", RULES)
def test_daemon_without_fault_passes(without_fault, title):
    result = without_fault[title]
    assert result.outcome is Outcome.PASSED, result


@pytest.mark.parametrize("title", RULES)
def test_planted_fault_is_found(with_fault, title):
    result = with_fault[title]
    assert result.outcome is Outcome.FAILED, result
    assert result.expected
    assert result.seen
    assert result.entries


@pytest.mark.parametrize("side, fault, other", [
    ("worker", "registration-is-exact", "finished-is-exact"),
    ("worker", "finished-is-exact", "finished-is-sent-once"),
    ("worker", "heartbeat-is-exact", "first-heartbeat-is-immediate"),
    ("manager", "map-task-is-exact", "one-task-at-a-time"),
])
def test_wrong_field_breaks_the_rule_of_its_message_only(side, fault, other):
    rule = RULES[f"{side}/protocol/{other}"]
    checks = [(rule, flawed(side, fault), STEADY)]
    [result] = again(check_all(checks), checks, Outcome.FAILED).values()
    assert result.outcome is Outcome.PASSED, result


@pytest.mark.parametrize("check, outcome, expected, seen", [
    (lambda trial: {}["task_id"], Outcome.FAILED,
     "messages with the fields of the specification",
     "a message without 'task_id'"),
    (lambda trial: len(3), Outcome.FAILED,
     "messages with the fields of the specification",
     "a message with a field of a wrong type: "),
    (lambda trial: (trial.shared / "gone").stat(), Outcome.FAILED,
     "files and directories that stay where they are",
     "No such file or directory: "),
    (lambda trial: (trial.shared / (300 * "x")).stat(), Outcome.SKIPPED, "",
     "the kit can't go on: File name too long"),
])
def test_what_a_daemon_leaves_never_ends_the_kit(
        check, outcome, expected, seen):
    rule = Rule("manager", "protocol", "name", "A sentence.", check, False)
    result = grading.check(rule, [], STEADY)
    assert (result.outcome, result.expected) == (outcome, expected)
    assert result.seen.startswith(seen)


def test_titles_are_unique():
    assert len(RULES) == len(grading.RULES)
