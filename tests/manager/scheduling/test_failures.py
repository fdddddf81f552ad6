"""The Scheduler, while tasks fail, and Workers die of them."""
import pytest

from tests.support.scheduler_world import World


@pytest.fixture(name="world")
def _world():
    return World()


def errors(caplog):
    """Return the texts of the log at ERROR."""
    return [record.getMessage() for record in caplog.records
            if record.levelname == "ERROR"]


def test_task_is_tried_four_times_then_its_job_fails(world, caplog):
    """With the last reason, in one entry of the log; the next job runs."""
    world.register(1)
    world.submit(1, 1)
    world.submit(1, 1)
    for _ in range(3):
        assert world.fail(0, 1) == ["map 0 → 1"]
    assert world.fail(0, 1, "wc_map.py exited 3:\nKeyError: 'x'") == [
        "discard output", "clean up job 0", "prepare job 1", "map 0 → 1"]
    assert errors(caplog) == [
        "Job 0 failed: map task 0 failed 4 times, the last time because "
        "wc_map.py exited 3:\nKeyError: 'x'"]


def test_task_that_succeeds_at_last_is_like_any_other(world, caplog):
    """Three failures harm nobody."""
    world.register(1)
    world.submit(1, 1)
    for _ in range(3):
        world.fail(0, 1)
    assert world.finish(0, 1) == ["reduce 0 → 1"]
    assert world.finish(0, 1) == ["clean up job 0"]
    assert not errors(caplog)


def test_tries_are_counted_anew_in_the_reduce_stage(world):
    """Task 0 of that stage is another task."""
    world.register(1)
    world.submit(1, 1)
    for _ in range(3):
        world.fail(0, 1)
    world.finish(0, 1)
    for _ in range(3):
        assert world.fail(0, 1) == ["reduce 0 → 1"]
    assert world.fail(0, 1) == ["discard output", "clean up job 0"]


def test_failed_task_goes_to_a_ready_worker_that_has_not_failed_it(world):
    """Even if the other registered first; then to any."""
    world.register(1, 2)
    world.submit(1, 1)
    assert world.fail(0, 1) == ["map 0 → 2"]
    assert world.fail(0, 2) == ["map 0 → 1"]
    assert world.fail(0, 1) == ["map 0 → 1"]


def test_worker_that_failed_a_task_gets_another_one(world):
    """Who has not failed it may come for it, while other tasks wait."""
    world.register(1, 2)
    world.submit(4, 1)
    assert world.fail(0, 1) == ["map 2 → 1"]
    assert world.finish(1, 2) == ["map 0 → 2"]


def test_worker_is_never_idle_while_a_task_waits(world):
    """It gets the one that it failed, if there is no other."""
    world.register(1, 2)
    world.submit(2, 1)
    assert world.fail(0, 1) == ["map 0 → 1"]


def test_task_that_all_who_live_have_failed_comes_first(world):
    """The owner of a job that can't work is told soon."""
    world.register(1, 2, 3)
    world.now = 8.0
    world.beat(1, 2)
    assert world.wait(3.0) == []
    world.submit(9, 1)
    assert world.fail(0, 1) == ["map 2 → 1"]
    assert world.fail(1, 2) == ["map 0 → 2"]
    assert world.fail(0, 2) == ["map 0 → 2"]


def test_reason_of_any_size_is_cut(world, caplog):
    """It comes from another process and goes into the log."""
    world.register(1)
    world.submit(1, 1)
    for _ in range(4):
        world.fail(0, 1, "x" * 10**6)
    assert len(caplog.text) < 100_000


def test_workers_of_a_failed_job_are_cancelled(world):
    """The next job waits until each has answered."""
    world.register(1, 2, 3)
    world.submit(3, 1)
    world.submit(3, 1)
    for _ in range(3):
        world.fail(0, 1)
    assert world.fail(0, 1) == ["cancel 1 → 2", "cancel 2 → 3"]
    assert world.fail(1, 2, "cancelled") == []
    assert world.finish(2, 3) == [
        "discard output", "clean up job 0", "prepare job 1",
        "map 0 → 1", "map 1 → 2", "map 2 → 3"]


@pytest.mark.parametrize("leave", [
    lambda world: world.wait(10.1), lambda world: world.register(2)])
def test_cancelled_worker_may_die_or_register_again(world, leave):
    """That is an answer, too."""
    world.register(1, 2)
    world.submit(2, 1)
    for _ in range(3):
        world.fail(0, 1)
    assert world.fail(0, 1) == ["cancel 1 → 2"]
    assert leave(world)[-2:] == ["discard output", "clean up job 0"]


def test_worker_that_cannot_be_cancelled_is_dead(world):
    """Nobody waits for its answer."""
    world.register(1, 2)
    world.submit(2, 1)
    for _ in range(3):
        world.fail(0, 1)
    world.unreachable = {2}
    assert world.fail(0, 1) == [
        "cancel 1 → 2", "discard output", "clean up job 0"]


def test_late_messages_of_a_failed_job_do_not_reach_the_next(world):
    """Neither failed nor finished, by whomever."""
    world.register(1)
    world.submit(1, 1)
    world.submit(1, 1)
    for _ in range(4):
        world.fail(0, 1)
    world.register(2)
    assert world.finish(0, 2) == []
    assert world.fail(0, 2) == []
    assert world.finish(0, 1) == ["reduce 0 → 1"]


def test_failed_counts_only_from_the_worker_that_holds_the_task(world):
    """Not from others, the dead, or twice."""
    world.register(1, 2)
    world.submit(1, 1)
    for _ in range(9):
        assert world.fail(0, 2) == []
        assert world.fail(1, 1) == []
    assert world.wait(10.1) == []
    assert world.fail(0, 1) == []
    assert world.register(3) == ["register_ack → 3", "map 0 → 3"]


def test_task_that_kills_four_workers_fails_its_job(world, caplog):
    """One bad job must not eat the cluster."""
    world.register(1, 2, 3, 4, 5)
    world.submit(1, 1)
    for port in (1, 2, 3):
        world.now += 9.0
        world.beat(*range(port + 1, 6))
        assert world.wait(1.5) == [f"map 0 → {port + 1}"]
    world.now += 9.0
    world.beat(5)
    assert world.wait(1.5) == ["discard output", "clean up job 0"]
    assert errors(caplog) == [
        "Job 0 failed: map task 0 was with 4 Workers when they died: "
        "localhost:1, localhost:2, localhost:3, localhost:4"]


def test_task_whose_worker_registers_again_four_times_fails_its_job(world):
    """A Worker that is started again and again counts each time."""
    world.register(1)
    world.submit(1, 1)
    for _ in range(3):
        assert world.register(1) == ["register_ack → 1", "map 0 → 1"]
    assert world.register(1) == [
        "register_ack → 1", "discard output", "clean up job 0"]


def test_refused_sends_are_no_deaths_of_a_task(world):
    """The Worker never had it."""
    world.register(1, 2, 3, 4, 5)
    world.unreachable = {1, 2, 3, 4}
    assert world.submit(1, 1) == [
        "prepare job 0", "map 0 → 1", "map 0 → 2", "map 0 → 3", "map 0 → 4",
        "map 0 → 5"]


def test_job_without_directories_leaves_the_output_alone(world):
    """What could not be prepared is not ours to remove."""
    world.unpreparable = {0: "the output directory is the home directory"}
    assert world.submit(1, 1) == ["prepare job 0", "clean up job 0"]
