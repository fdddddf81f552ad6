"""The books of the Workers: found by address, state and last sign of life."""
import pytest

from mapreduce.manager.remote_worker import State
from mapreduce.manager.workers import Workers

A, B, C = (("localhost", port) for port in (1, 2, 3))


@pytest.fixture(name="workers")
def make_workers():
    """Return the books with three Workers, heard at 1, 2 and 3 s."""
    workers = Workers()
    for now, address in enumerate([A, B, C], start=1):
        workers.register(address, now)
    return workers


def addresses(workers):
    """Return the addresses of Workers, in order."""
    return [worker.address for worker in workers]


def test_ready_are_served_in_order_of_registration(workers):
    a, b = workers.get(A), workers.get(B)
    workers.assign(a, 0)
    workers.assign(b, 1)
    assert workers.first_ready().address == C
    workers.release(b)
    workers.release(a)
    assert workers.first_ready() is a


def test_nobody_is_ready_when_all_are_busy_or_dead(workers):
    workers.assign(workers.get(A), 0)
    workers.bury(workers.get(B))
    assert workers.bury(workers.get(C)) is None
    assert workers.first_ready() is None


def test_avoided_are_passed_over_while_another_lives(workers):
    assert workers.first_ready([A, B]).address == C
    workers.assign(workers.get(C), 0)
    assert workers.first_ready([A, B]) is None
    workers.bury(workers.get(C))
    assert workers.first_ready([A, B]).address == A


def test_avoided_that_are_gone_count_for_nobody(workers):
    workers.bury(workers.get(A))
    assert workers.first_ready([A, A, ("gone", 9), B]).address == C


def test_death_gives_up_the_task(workers):
    worker = workers.get(B)
    workers.assign(worker, 7)
    assert addresses(workers.busy) == [B]
    assert workers.anyone_busy
    assert workers.bury(worker) == 7
    assert worker.state is State.DEAD
    assert not workers.anyone_busy
    assert addresses(workers.living) == [A, C]
    assert addresses(workers) == [A, B, C]


def test_who_registers_again_comes_last(workers):
    workers.bury(workers.get(A))
    again = workers.register(A, 9)
    assert workers.get(A) is again
    assert addresses(workers) == addresses(workers.living) == [B, C, A]
    assert workers.first_ready().address == B


def test_old_registration_cannot_bury_the_new_one(workers):
    old = workers.get(A)
    workers.bury(old)
    workers.register(A, 9)
    workers.bury(old)
    assert addresses(workers.living) == [B, C, A]


def test_silent_are_those_not_heard_since(workers):
    assert addresses(workers.unheard_since(1)) == []
    assert addresses(workers.unheard_since(2.5)) == [A, B]
    workers.hear(workers.get(A), 4)
    assert addresses(workers.unheard_since(2.5)) == [B]


def test_dead_stay_dead_whatever_is_heard(workers):
    worker = workers.get(A)
    workers.bury(worker)
    workers.hear(worker, 4)
    assert addresses(workers.unheard_since(9)) == [B, C]


def test_all_die_and_none_lives(workers):
    assert workers.anyone_lives
    for worker in workers:
        workers.bury(worker)
    assert not workers.anyone_lives


def test_who_is_set_aside_is_passed_over_until_recalled(workers):
    a, b = workers.get(A), workers.get(B)
    workers.note_answer(a, frozenset({"x"}))
    workers.note_answer(b, frozenset())
    workers.set_aside(a)
    workers.set_aside(b)
    assert workers.first_ready().address == C
    workers.recall()
    assert workers.first_ready() is a
    assert workers.message_types(a) == {"x"}
    assert workers.message_types(b) == set()


def test_all_are_set_aside_when_no_other_lives(workers):
    assert not workers.all_aside
    for worker in workers:
        workers.note_answer(worker, frozenset())
    for address in (A, B):
        workers.set_aside(workers.get(address))
    assert not workers.all_aside
    workers.bury(workers.get(C))
    assert workers.all_aside
    workers.bury(workers.get(A))
    workers.bury(workers.get(B))
    assert not workers.all_aside


def test_who_dies_aside_is_not_recalled(workers):
    worker = workers.get(A)
    workers.note_answer(worker, frozenset())
    workers.set_aside(worker)
    workers.bury(worker)
    workers.recall()
    assert workers.first_ready().address == B
    assert workers.message_types(worker) is None


def test_dead_worker_has_no_answer(workers):
    worker = workers.get(A)
    workers.bury(worker)
    workers.note_answer(worker, frozenset({"x"}))
    assert workers.message_types(worker) is None


def test_who_is_set_aside_is_nobody_else(workers):
    """The one that is to be avoided is the only one left."""
    workers.set_aside(workers.get(A))
    workers.set_aside(workers.get(C))
    assert workers.first_ready([B, A]).address == B
