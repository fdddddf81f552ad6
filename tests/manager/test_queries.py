"""Who answers a status query, the loop or a listener; each is answered once.

Everything here happens in one thread, in the order of the test.
"""
import pytest

from mapreduce.manager.queries import Queries
from mapreduce.manager.scheduling.scheduler import Scheduler
from mapreduce.protocol import messages
from mapreduce.utils.inbox import PendingQuery


@pytest.fixture(name="queries")
def make_queries():
    """Return the Queries of a Manager without jobs."""
    return Queries(Scheduler())


@pytest.fixture(name="answers")
def make_answers():
    """Return a list, to which the answers are added."""
    return []


@pytest.fixture(name="query")
def make_query(answers):
    """Return a status query."""
    return PendingQuery(
        messages.GetStatusMessage(), lambda answer: answers.append(answer()))


def test_listener_answers_while_the_loop_is_busy(queries, query, answers):
    """From the last snapshot."""
    assert queries.answer_at_once(query)
    queries.answer_passed()
    assert len(answers) == 1


def test_loop_answers_while_it_waits_for_events(queries, query, answers):
    """With the present state."""
    queries.is_waiting = True
    assert not queries.answer_at_once(query)
    assert answers == []
    queries.answer(query, 1.0)
    queries.answer_passed()
    assert len(answers) == 1


def test_query_that_waits_behind_a_long_action_is_answered_before_it(
        queries, query, answers):
    """It came when the loop had just taken another event."""
    queries.is_waiting = True
    assert not queries.answer_at_once(query)
    queries.is_waiting = False
    queries.answer_passed()
    assert len(answers) == 1
    queries.answer(query, 1.0)
    assert len(answers) == 1


def test_other_queries_wait_for_the_loop(queries, answers):
    """They need what only the loop may read."""
    query = PendingQuery(
        messages.GetJobMessage(0), lambda answer: answers.append(answer()))
    assert not queries.answer_at_once(query)
    queries.answer_passed()
    assert answers == []
    queries.answer(query, 1.0)
    assert len(answers) == 1
