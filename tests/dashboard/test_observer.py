"""How often the Manager is asked, and what is known of it in between."""
import functools

import anyio
import pytest

from mapreduce.dashboard import observer
from tests.support.fake_manager import job, worker
from tests.support.page_records import cluster, details
from tests.support.watched_manager import WatchedManager


END = "2026-11-26T10:00:00+0000"


class Clock:
    """A clock that stands still; who waits for it makes it go on."""

    def __init__(self, monkeypatch):
        """Start at 100 s."""
        self.now = 100.0
        monkeypatch.setattr(observer.anyio, "sleep", self._sleep)

    def __call__(self):
        """Return the time."""
        return self.now

    async def _sleep(self, seconds):
        self.now += seconds


@pytest.fixture(name="clock")
def _clock(monkeypatch):
    return Clock(monkeypatch)


def call(method, *arguments, **options):
    """Return what a coroutine returns."""
    return anyio.run(functools.partial(method, *arguments, **options))


def running(seconds):
    """Return the details of a job that runs."""
    return details("map", seconds=seconds)


def test_answer_is_used_for_half_a_second(clock):
    manager = WatchedManager(cluster(), {3: running(1.0)})
    seen = observer.Observer(manager, clock)
    for _ in range(2):
        assert call(seen.cluster).answer == cluster()
        assert call(seen.job, 3).answer == running(1.0)
    assert manager.heard == ["status", 3]
    clock.now += 0.6
    call(seen.cluster)
    assert manager.heard == ["status", 3, "status"]


def test_pages_that_are_kept_up_to_date_ask_twice_a_second(clock):
    """All of them together."""
    manager = WatchedManager(cluster(), {
        number: running(1.0) for number in range(10)})
    seen = observer.Observer(manager, clock)
    start = clock.now
    while clock.now < start + 60:
        call(seen.cluster, urgent=False)
        for number in range(10):
            call(seen.job, number, urgent=False)
        clock.now += 0.01
    assert 110 <= len(manager.heard) <= 123


def test_page_that_is_loaded_need_not_wait(clock):
    manager = WatchedManager(cluster(), {3: running(1.0)})
    seen = observer.Observer(manager, clock)
    call(seen.cluster, urgent=False)
    call(seen.job, 3)
    assert clock.now == 100.0
    # The next one waits for the time that this has taken in advance.
    clock.now += 0.6
    call(seen.cluster, urgent=False)
    assert clock.now == 101.0


def test_loaded_pages_can_not_flood_the_manager(clock):
    manager = WatchedManager(cluster())
    seen = observer.Observer(manager, clock)
    start = clock.now
    for number in range(100):
        call(seen.job, number)
    assert clock.now - start >= 48.0
    assert len(manager.heard) == 100


def test_costly_answer_is_asked_for_less_often(clock):
    manager = WatchedManager(cluster())

    def slow(job_id):
        manager.heard.append(job_id)
        clock.now += 1.0
        return running(1.0)

    manager.details = slow
    seen = observer.Observer(manager, clock)
    start = clock.now
    while clock.now < start + 60:
        call(seen.job, 3, urgent=False)
        clock.now += 0.1
    assert 12 <= len(manager.heard) <= 15


def test_ended_job_is_asked_for_once(clock):
    manager = WatchedManager(
        cluster(job("done", ended_at=END)), {3: details(ended_at=END)})
    seen = observer.Observer(manager, clock)
    for _ in range(3):
        assert call(seen.job, 3).answer == details(ended_at=END)
        clock.now += 60
    assert manager.heard == [3, "status", "status"]


def test_job_of_another_manager_with_that_number_is_asked_for(clock):
    manager = WatchedManager(
        cluster(job("done", ended_at=END)), {3: details(ended_at=END)})
    seen = observer.Observer(manager, clock)
    call(seen.job, 3)
    clock.now += 60
    manager.answer, manager.jobs = cluster(job("map")), {3: running(2.0)}
    assert call(seen.job, 3).answer == running(2.0)


def test_last_answer_stays_while_the_manager_is_away(clock):
    """Until it is back."""
    manager = WatchedManager(cluster(job("map")))
    seen = observer.Observer(manager, clock)
    first = call(seen.cluster)
    manager.answer = None
    clock.now += 1
    away = call(seen.cluster)
    assert (away.answer, away.clock, away.trouble) == (
        first.answer, first.clock, "cannot reach it")
    manager.answer = cluster()
    clock.now += 1
    assert call(seen.cluster).trouble == ""
    assert call(seen.cluster).answer == cluster()


def test_unknown_job_is_no_trouble(clock):
    seen = observer.Observer(WatchedManager(cluster()), clock)
    unknown = call(seen.job, 7)
    assert (unknown.answer, unknown.trouble) == (None, "")


def test_few_jobs_are_kept(clock):
    """Their details may be large."""
    manager = WatchedManager(cluster(), {
        number: details("map") for number in range(30)})
    seen = observer.Observer(manager, clock)
    for number in range(30):
        call(seen.job, number)
    manager.answer = None
    clock.now += 10
    kept = [number for number in range(30)
            if call(seen.job, number).answer is not None]
    assert len(kept) <= observer.MAX_JOBS


def test_rate_counts_the_last_minute():
    rates = observer.Rates()
    assert rates.rates() == {}
    for second in range(0, 200, 2):
        rates.add(float(second), cluster(workers=[
            worker(tasks_done=second), worker(port=2, tasks_done=7)]))
        if second < 5:
            assert rates.rates() == {}
    assert rates.rates() == {("localhost", 6001): 60, ("localhost", 2): 0}


def test_rate_of_a_worker_that_began_anew_is_not_negative():
    rates = observer.Rates()
    rates.add(0.0, cluster(workers=[worker(tasks_done=50)]))
    rates.add(10.0, cluster(workers=[worker(tasks_done=1),
                                     worker(port=2, tasks_done=1)]))
    assert rates.rates() == {("localhost", 6001): 0}
