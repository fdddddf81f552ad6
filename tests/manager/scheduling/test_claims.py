"""With a secret, messages count only from the registration that they name."""
import dataclasses
import itertools

import pytest

from mapreduce.manager.scheduling import events
from mapreduce.manager.scheduling.scheduler import Scheduler
from mapreduce.protocol import messages
from mapreduce.protocol.extensions import ProgressMessage
from mapreduce.protocol.fields import Split
from mapreduce.protocol.status import WorkerState
from tests.support.scheduler_world import HOST, job

ADDRESS = HOST, 1
REGISTER = messages.RegisterMessage(*ADDRESS)


class SignedWorld:
    """A Scheduler that gives out the tokens t1, t2, … in this order."""

    def __init__(self):
        """Start without Workers."""
        numbers = itertools.count(1)
        self.scheduler = Scheduler(make_token=lambda: f"t{next(numbers)}")

    def happen(self, event):
        """Let an event happen; return the messages that are sent."""
        sent, todo = [], [event]
        while todo:
            for action in self.scheduler.handle(todo.pop(0), 0.0):
                match action:
                    case events.Send():
                        sent.append(action.message)
                        todo.append(events.MessageSent(action.worker))
                    case events.PrepareJob():
                        todo.append(events.JobPrepared(
                            action.job_id, "d", [Split("in/a")]))
        return sent

    @property
    def worker(self):
        """The only Worker."""
        [worker] = self.scheduler.workers
        return worker


@pytest.fixture(name="world")
def make_world():
    """Return a world where one Worker has a task of job 0."""
    world = SignedWorld()
    assert world.happen(REGISTER) == [messages.RegisterAckMessage("t1")]
    task, *others = world.happen(job(1, 1))
    assert (task.task_id, task.token, task.job_id) == (0, "t1", 0)
    assert not others
    return world


WRONG = [{"token": None}, {"token": "t2"}, {"job_id": None}, {"job_id": 1}]
OUTCOMES = [
    messages.FinishedMessage(0, *ADDRESS, token="t1", job_id=0),
    messages.FailedMessage(0, *ADDRESS, "it broke", token="t1", job_id=0)]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda item: item.token)
def test_outcome_of_another_registration_or_job_is_ignored(
        world, outcome, wrong):
    """The right one counts afterwards, too."""
    assert world.happen(dataclasses.replace(outcome, **wrong)) == []
    assert world.worker.state is WorkerState.BUSY
    world.happen(outcome)
    assert world.worker.tasks_done + world.worker.tasks_failed == 1 or (
        world.worker.state is WorkerState.READY)


@pytest.mark.parametrize("wrong", [{}, *WRONG], ids=str)
def test_progress_counts_only_with_token_and_job(world, wrong):
    world.happen(dataclasses.replace(
        ProgressMessage(0, *ADDRESS, "half", token="t1", job_id=0), **wrong))
    [task, _] = world.scheduler.details(0, 0.0).tasks
    assert task.message == (None if wrong else "half")


@pytest.mark.parametrize(
    "token, seen", [("t1", 5.0), ("t2", 0.0), (None, 0.0)])
def test_heartbeat_counts_only_with_the_token(world, token, seen):
    world.scheduler.handle(messages.HeartbeatMessage(*ADDRESS, token), 5.0)
    assert world.worker.last_seen == seen


def test_registration_in_another_name_changes_nothing(world):
    """The Worker that it names gets an ack, which it does not expect."""
    assert world.happen(REGISTER) == [messages.RegisterAckMessage("t2")]
    assert world.worker.token == "t1"
    assert world.worker.task_id == 0


def test_restarted_worker_proves_its_claim_by_a_heartbeat(world):
    """Only what listens at the address was told the token."""
    world.happen(REGISTER)
    [task] = world.happen(messages.HeartbeatMessage(*ADDRESS, "t2"))
    assert (task.task_id, task.token, task.job_id) == (0, "t2", 0)
    assert world.worker.token == "t2"
    # The old one is over, and the claim can't be proven twice.
    world.happen(messages.HeartbeatMessage(*ADDRESS, "t1"))
    assert world.happen(messages.HeartbeatMessage(*ADDRESS, "t2")) == []


def test_worker_that_registers_again_with_its_token_is_taken_at_once(world):
    ack, task = world.happen(messages.RegisterMessage(*ADDRESS, "t1"))
    assert ack == messages.RegisterAckMessage("t2")
    assert task.token == "t2"


def test_dead_worker_may_be_replaced_by_any(world):
    world.scheduler.handle(events.Tick(), 11.0)
    ack, task = world.happen(REGISTER)
    assert ack == messages.RegisterAckMessage("t2")
    assert task.token == "t2"


def test_cancel_names_the_job_of_the_task(world):
    """It may come late, and must not end a task of the next job."""
    assert world.happen(messages.CancelJobMessage(0)) == [
        messages.CancelMessage(0, "t1", 0)]


def test_without_a_secret_tokens_are_ignored():
    """A foreign Worker may have fields of its own with these names."""
    world = SignedWorld()
    world.scheduler = Scheduler()
    assert world.happen(REGISTER) == [messages.RegisterAckMessage()]
    task, *_ = world.happen(job(1, 1))
    assert (task.token, task.job_id) == (None, None)
    world.happen(messages.FailedMessage(
        0, *ADDRESS, "it broke", token="x", job_id=7))
    assert world.worker.tasks_failed == 1
