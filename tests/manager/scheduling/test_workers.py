"""The books of the Workers: found by address, state and last sign of life."""
import pytest

from mapreduce.manager.scheduling.workers import Workers
from mapreduce.protocol.status import WorkerState as State

A, B, C, D = (("localhost", port) for port in (1, 2, 3, 4))


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
    workers.assign(a, 0, 0.0)
    workers.assign(b, 1, 0.0)
    assert workers.first_ready().address == C
    workers.release(b)
    workers.release(a)
    assert workers.first_ready() is a


def test_nobody_is_ready_when_all_are_busy_or_dead(workers):
    workers.assign(workers.get(A), 0, 0.0)
    workers.mark_dead(workers.get(B))
    assert workers.mark_dead(workers.get(C)) is None
    assert workers.first_ready() is None


def test_avoided_are_passed_over_while_another_lives(workers):
    assert workers.first_ready([A, B]).address == C
    workers.assign(workers.get(C), 0, 0.0)
    assert workers.first_ready([A, B]) is None
    workers.mark_dead(workers.get(C))
    assert workers.first_ready([A, B]).address == A


def test_avoided_that_are_gone_count_for_nobody(workers):
    workers.mark_dead(workers.get(A))
    assert workers.first_ready([A, A, ("gone", 9), B]).address == C


def test_death_gives_up_the_task(workers):
    worker = workers.get(B)
    workers.assign(worker, 7, 0.0)
    assert addresses(workers.busy) == [B]
    assert workers.any_busy
    assert workers.mark_dead(worker) == 7
    assert worker.state is State.DEAD
    assert not workers.any_busy
    assert addresses(workers.living) == [A, C]
    assert addresses(workers) == [A, B, C]


def test_who_registers_again_comes_last(workers):
    workers.mark_dead(workers.get(A))
    again = workers.register(A, 9)
    assert workers.get(A) is again
    assert addresses(workers) == addresses(workers.living) == [B, C, A]
    assert workers.first_ready().address == B


def test_old_registration_cannot_bury_the_new_one(workers):
    old = workers.get(A)
    workers.mark_dead(old)
    workers.register(A, 9)
    workers.mark_dead(old)
    assert addresses(workers.living) == [B, C, A]


def test_silent_are_those_not_heard_since(workers):
    assert addresses(workers.silent_since(1)) == []
    assert addresses(workers.silent_since(2.5)) == [A, B]
    workers.note_heartbeat(workers.get(A), 4)
    assert addresses(workers.silent_since(2.5)) == [B]


def test_dead_stay_dead_whatever_is_heard(workers):
    worker = workers.get(A)
    workers.mark_dead(worker)
    workers.note_heartbeat(worker, 4)
    assert addresses(workers.silent_since(9)) == [B, C]


def test_all_die_and_none_lives(workers):
    assert workers.any_alive
    for worker in workers:
        workers.mark_dead(worker)
    assert not workers.any_alive


def test_who_is_pass_over_is_passed_over_until_restoreed(workers):
    a, b = workers.get(A), workers.get(B)
    workers.note_capabilities(a, frozenset({"x"}))
    workers.note_capabilities(b, frozenset())
    workers.pass_over(a)
    workers.pass_over(b)
    assert workers.first_ready().address == C
    workers.restore()
    assert workers.first_ready() is a
    assert workers.message_types(a) == {"x"}
    assert workers.message_types(b) == set()


def test_all_are_pass_over_when_no_other_lives(workers):
    assert not workers.all_passed_over
    for worker in workers:
        workers.note_capabilities(worker, frozenset())
    for address in (A, B):
        workers.pass_over(workers.get(address))
    assert not workers.all_passed_over
    workers.mark_dead(workers.get(C))
    assert workers.all_passed_over
    workers.mark_dead(workers.get(A))
    workers.mark_dead(workers.get(B))
    assert not workers.all_passed_over


def test_who_dies_aside_is_not_restoreed(workers):
    worker = workers.get(A)
    workers.note_capabilities(worker, frozenset())
    workers.pass_over(worker)
    workers.mark_dead(worker)
    workers.restore()
    assert workers.first_ready().address == B
    assert workers.message_types(worker) is None


def test_dead_worker_has_no_answer(workers):
    worker = workers.get(A)
    workers.mark_dead(worker)
    workers.note_capabilities(worker, frozenset({"x"}))
    assert workers.message_types(worker) is None


def test_who_is_pass_over_is_nobody_else(workers):
    """The one that is to be avoided is the only one left."""
    workers.pass_over(workers.get(A))
    workers.pass_over(workers.get(C))
    assert workers.first_ready([B, A]).address == B


def test_dead_workers_are_forgotten_when_they_are_too_many(workers, mocker):
    """The one that registered first goes first."""
    mocker.patch("mapreduce.manager.scheduling.workers.MAX_DEAD", 2)
    for address in (B, A):
        workers.mark_dead(workers.get(address))
    assert addresses(workers) == [A, B, C]
    workers.register(D, 9)
    workers.mark_dead(workers.get(D))
    assert addresses(workers) == [B, C, D]
    assert workers.get(A) is None
    again = workers.register(A, 10)
    assert workers.first_ready([C]) is again
