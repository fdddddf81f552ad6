"""Random histories of jobs, Workers and Managers that die at any moment."""
import hypothesis
from hypothesis import strategies

from mapreduce.manager.scheduling import events
from mapreduce.protocol import messages
from mapreduce.protocol.status import JobState
from tests.support.restart_world import Died, RestartWorld
from tests.support.scheduler_world import extended_job, job

MAX_ATTEMPTS = 4

STEPS = strategies.lists(strategies.one_of(
    strategies.tuples(strategies.just("submit"), strategies.integers(0, 5)),
    strategies.tuples(strategies.just("register"), strategies.integers(1, 3)),
    strategies.tuples(strategies.just("finish"), strategies.integers(0, 2)),
    strategies.tuples(strategies.just("finish"), strategies.integers(0, 2)),
    strategies.tuples(strategies.just("finish"), strategies.integers(0, 2)),
    strategies.tuples(strategies.just("fail"), strategies.integers(0, 2)),
    strategies.tuples(strategies.just("silence"), strategies.just(0)),
    strategies.tuples(strategies.just("cancel"), strategies.integers(0, 3)),
    strategies.tuples(strategies.just("die"), strategies.integers(0, 12)),
), max_size=40)


class History:
    """A random history, and what the outcome of each job may be."""

    def __init__(self):
        """Begin with one Worker."""
        self.world = RestartWorld()
        self.keep_tail = True
        self.submitted = {}  # submissions by key
        self.cancelled = set()
        self.failures = 0
        self.losses = 0

    def step(self, name, number):
        """Do a step; if the Manager dies in it, start the next one."""
        try:
            getattr(self, name)(number)
        except Died:
            self.world.restart(self.keep_tail)

    def submit(self, number):
        """Submit a job of one of several kinds."""
        key = f"key-{len(self.submitted)}"
        kinds = [
            job(2, 2, job_key=key), job(1, 1, job_key=key),
            extended_job(environment=None, keep_old=True, job_key=key),
            extended_job(environment=None, keep_intermediate="kept",
                         job_key=key),
            job(3, 1, job_key=key), job(1, 3, job_key=key)]
        self.submitted[key] = kinds[number]
        self.world.happen(kinds[number])

    def register(self, number):
        """Let a Worker register."""
        held = {worker.address[1] for worker in self.world.holders()}
        self.losses += number in held
        self.world.register(number)

    def _holder(self, number):
        holders = self.world.holders()
        return holders[number % len(holders)] if holders else None

    def finish(self, number):
        """Let a Worker finish its task."""
        if worker := self._holder(number):
            self.world.finish(worker)

    def fail(self, number):
        """Let the task of a Worker fail."""
        if worker := self._holder(number):
            self.failures += 1
            self.world.fail(worker)

    def silence(self, _):
        """Let all Workers die."""
        self.losses += len(self.world.holders())
        self.world.now += 20
        self.world.happen(events.Tick())

    def cancel(self, number):
        """Cancel a job."""
        self.cancelled.add(number)
        self.world.happen(messages.CancelJobMessage(number))

    def die(self, number):
        """Let the Manager die after some more actions."""
        self.world.die_after = number

    def end(self):
        """Let all jobs be done that were not submitted in vain."""
        self.world.restart(self.keep_tail)
        # A client that finds its job nowhere submits it again.
        for submission in self.submitted.values():
            self.world.happen(submission)
        self.world.register(1)
        for _ in range(10 * len(self.submitted) + 10):
            if holders := self.world.holders():
                self.world.finish(holders[0])
        assert self.world.holders() == []


def check_end(history):
    """Check what must hold for all jobs at the end."""
    world = history.world
    statuses = world.scheduler.snapshot(world.now).jobs.statuses()
    assert sorted(status.key for status in statuses) == sorted(
        history.submitted)
    assert {status.id: status.key for status in statuses} == world.accepted
    for status in statuses:
        assert status.ended, "a job was lost"
        assert world.outcomes.get(status.id, {status.state}) == {
            status.state}, "a job ended twice"
        parts = world.parts.get(status.id)
        if status.state is JobState.DONE:
            assert parts == set(range(status.reduce_tasks)), "parts lack"
        elif status.state is JobState.CANCELLED:
            assert status.id in history.cancelled
        else:
            assert history.failures >= MAX_ATTEMPTS or (
                history.losses >= MAX_ATTEMPTS)
        # With keep_old, the parts are in a hidden directory, which goes.
        if status.state is not JobState.DONE and not (
                history.submitted[status.key].keep_old):
            assert not parts, "parts of a job that failed stay"


@hypothesis.settings(max_examples=300, deadline=None)
@hypothesis.given(STEPS, strategies.booleans())
def test_each_accepted_job_ends_once(steps, keep_tail):
    """Whatever happens, and wherever the Manager dies."""
    history = History()
    history.keep_tail = keep_tail
    for name, number in steps:
        history.step(name, number)
    history.end()
    check_end(history)
