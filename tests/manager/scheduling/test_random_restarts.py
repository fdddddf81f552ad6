"""Random histories of jobs, Workers and Managers that die at any moment."""
import hypothesis
from hypothesis import strategies

from mapreduce.manager.scheduling import events
from mapreduce.protocol import messages
from mapreduce.protocol.status import JobState
from tests.support.backup_worlds import BackupRestartWorld
from tests.support.restart_world import Died
from tests.support.scheduler_world import extended_job, job

MAX_ATTEMPTS = 4


def step(name, least, most):
    """Return a step with a number."""
    return strategies.tuples(
        strategies.just(name), strategies.integers(least, most))


OUTCOMES = [
    step("register", 1, 4), *3 * [step("finish", 0, 2)], step("fail", 0, 2),
    step("slow", 1, 9), step("silence", 0, 0), step("die", 0, 12)]
STEPS = strategies.lists(strategies.one_of(
    step("submit", 0, 8), step("cancel", 0, 3), *OUTCOMES), max_size=40)
# For a job that is not cancelled, since most histories would end so.
STEPS_OF_ONE = strategies.lists(strategies.one_of(OUTCOMES), max_size=40)


class History:
    """A random history, and what the outcome of each job may be."""

    def __init__(self):
        """Begin with one Worker."""
        self.world = BackupRestartWorld()
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
            job(3, 1, job_key=key), job(1, 3, job_key=key),
            *(extended_job(
                environment=None, num_mappers=maps, max_mappers=None,
                num_reducers=reduces, map_speculative=True,
                reduce_speculative=True, job_key=key)
              for maps, reduces in ((2, 2), (3, 1), (4, 3)))]
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
            job = self.world.scheduler.jobs.running
            # Otherwise it answers that it was cancelled.
            self.failures += not job.tasks.is_done(worker.task_id)
            self.world.fail(worker)

    def slow(self, number):
        """Let tasks take long."""
        self.world.pass_time(number)

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
            [counter] = world.scheduler.details(
                status.id, world.now).counters
            assert counter.amount == status.tasks, "a task counts twice"
        elif status.state is JobState.CANCELLED:
            assert status.id in history.cancelled
        else:
            assert history.failures >= MAX_ATTEMPTS or (
                history.losses >= MAX_ATTEMPTS)
        # With keep_old, the parts are in a hidden directory, which goes.
        if status.state is not JobState.DONE and not (
                history.submitted[status.key].keep_old):
            assert not parts, "parts of a job that failed stay"


@hypothesis.settings(max_examples=100, deadline=None)
@hypothesis.given(STEPS, strategies.booleans())
def test_each_accepted_job_ends_once(steps, keep_tail):
    """Whatever happens, and wherever the Manager dies."""
    history = History()
    history.keep_tail = keep_tail
    for name, number in steps:
        history.step(name, number)
    history.end()
    check_end(history)


@hypothesis.settings(max_examples=100, deadline=None)
@hypothesis.given(STEPS_OF_ONE, strategies.integers(6, 8))
def test_job_with_backup_attempts_ends_once(steps, kind):
    """Both attempts may be done, fail, be lost, or be late."""
    history = History()
    history.world.register(1, 2, 4, 5)
    history.submit(kind)
    history.slow(1)
    for _ in range(2):
        history.finish(0)
    history.slow(4)
    hypothesis.event(f"{len(history.world.holders())} tasks are held")
    for name, number in steps:
        history.step(name, number)
    history.end()
    check_end(history)
