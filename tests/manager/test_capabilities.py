"""What comes of questions to Workers, and how often they are asked."""
import errno

import pytest

from mapreduce.manager.capabilities import MAX_QUERIES, CapabilityProbe
from mapreduce.manager.scheduling.events import CapabilitiesKnown, ProbeFailed
from mapreduce.manager.scheduling.remote_worker import RemoteWorker
from mapreduce.utils import outbox
from mapreduce.utils.inbox import Inbox

WAIT = 60.0  # seconds for what is only late if it never comes
KNOWN = {"message_types": ["new_map_task"]}


@pytest.fixture(name="worker")
def _worker():
    return RemoteWorker(("localhost", 6001), 1, 0.0)


@pytest.fixture(name="outcome")
def _outcome(mocker, worker):
    """Return a function: what comes of answers; and how many were asked."""
    def outcome(*answers):
        ask = mocker.patch(
            "mapreduce.manager.capabilities.outbox.ask", side_effect=answers)
        with Inbox() as inbox:
            probe = CapabilityProbe(inbox)
            probe.ask(worker)
            event, _ = inbox.get(WAIT)
            probe.close()
        return event, ask.call_count
    return outcome


def test_answer_is_told(outcome, worker):
    assert outcome(KNOWN) == (
        CapabilitiesKnown(worker, frozenset({"new_map_task"})), 1)


@pytest.mark.parametrize("answer", [
    outbox.NoAnswer("hung up"), {}, {"message_types": 3}], ids=str)
def test_who_gives_no_answer_knows_nothing(outcome, worker, answer):
    assert outcome(answer) == (CapabilitiesKnown(worker, frozenset()), 1)


def test_who_refuses_the_question_is_gone(outcome, worker):
    assert outcome(ConnectionRefusedError()) == (ProbeFailed(worker), 1)


def test_who_cannot_be_asked_for_want_of_files_is_asked_again(
        outcome, worker, mocker):
    """It says nothing about that Worker."""
    mocker.patch("mapreduce.manager.capabilities.RETRY_DELAY", 0.0)
    lack = OSError(errno.EMFILE, "Too many open files")
    assert outcome(lack, lack, KNOWN) == (
        CapabilitiesKnown(worker, frozenset({"new_map_task"})), 3)


def test_who_is_late_is_asked_again(outcome, worker):
    """It may have been held up."""
    late = outbox.LateAnswer()
    assert outcome(late, late, KNOWN) == (
        CapabilitiesKnown(worker, frozenset({"new_map_task"})), 3)


def test_who_is_always_late_knows_nothing(outcome, worker):
    assert outcome(*[outbox.LateAnswer()] * MAX_QUERIES) == (
        CapabilitiesKnown(worker, frozenset()), MAX_QUERIES)


def test_who_is_dead_is_asked_no_more(outcome, worker, mocker):
    """Its next registration is another Worker."""
    worker.mark_dead()
    other = RemoteWorker(("localhost", 6002), 2, 0.0)
    ask = mocker.patch("mapreduce.manager.capabilities.outbox.ask",
                       side_effect=[outbox.LateAnswer(), KNOWN])
    with Inbox() as inbox:
        probe = CapabilityProbe(inbox)
        probe.ask(worker)
        probe.ask(other)
        event, _ = inbox.get(WAIT)
        probe.close()
    assert event.worker is other
    assert ask.call_count == 2
