"""Messages whose outcome comes late, since a send takes long."""
import pytest

from mapreduce.manager.scheduling import events
from mapreduce.protocol import messages
from tests.support.scheduler_world import EXTENDED, extended_job


def test_worker_gets_no_task_before_its_acknowledgement(world):
    world.slow = {1}
    assert world.register(1) == ["register_ack → 1"]
    assert world.submit(1, 1) == ["prepare job 0"]
    assert world.arrive() == ["map 0 → 1"]


def test_slow_acknowledgement_delays_no_other_worker(world):
    world.slow = {1}
    world.submit(3, 1)
    assert world.register(1, 2) == [
        "register_ack → 1", "register_ack → 2", "map 0 → 2"]
    assert world.finish(0, 2) == ["map 1 → 2"]
    world.slow = set()
    assert world.arrive() == ["map 2 → 1"]


def test_next_job_does_not_wait_for_a_slow_acknowledgement(world):
    """Nor does it go to that Worker, which may never be reached."""
    world.slow = {1}
    world.register(1, 2)
    world.submit(1, 1)
    world.finish(0, 2)
    world.submit(1, 1)
    assert world.finish(0, 2) == [
        "clean up job 0", "prepare job 1", "map 0 → 2"]


def test_slow_task_is_not_waited_for(world):
    world.register(1, 2)
    world.slow = {1}
    assert world.submit(2, 1) == ["prepare job 0", "map 0 → 1", "map 1 → 2"]


def test_slow_task_that_is_refused_at_last_goes_first(world):
    world.register(1, 2)
    world.slow = {1}
    world.submit(3, 1)
    assert world.be_refused() == []
    assert world.finish(1, 2) == ["map 0 → 2"]
    assert world.finish(0, 2) == ["map 2 → 2"]


def test_worker_is_ready_when_a_slow_task_is_finished(world):
    """Its report may come before the Manager has noted that it was sent."""
    world.register(1)
    world.slow = {1}
    world.submit(2, 1)
    assert world.finish(0, 1) == ["map 1 → 1"]
    assert world.arrive() == []
    assert world.arrive() == []
    assert world.finish(1, 1) == ["reduce 0 → 1"]


def test_late_refusal_says_nothing_about_the_next_worker_there(world):
    world.register(1)
    world.slow = {1}
    world.submit(1, 1)
    world.slow = set()
    assert world.register(1) == ["register_ack → 1", "map 0 → 1"]
    assert world.be_refused() == []
    assert world.finish(0, 1) == ["reduce 0 → 1"]


def test_late_acknowledgement_says_nothing_about_the_next_worker_there(world):
    world.slow = {1}
    world.register(1, 1)
    world.submit(1, 1)
    assert world.arrive() == []
    assert world.arrive() == ["map 0 → 1"]


@pytest.mark.parametrize("outcome", ["arrive", "be_refused"])
def test_slow_worker_that_fell_silent_stays_dead(world, outcome):
    world.slow = {1}
    world.register(1)
    world.submit(1, 1)
    world.wait(11)
    assert getattr(world, outcome)() == []
    assert world.register(2) == ["register_ack → 2", "map 0 → 2"]


def test_job_does_not_fail_while_a_worker_may_still_be_able_to_do_it(world):
    world.strict = {2}
    world.slow = {1}
    world.register(1, 2)
    assert world.happen(extended_job()) == ["prepare job 0", "ask → 2"]
    assert world.arrive() == ["ask → 1", "extended map 0 → 1"]


def test_answer_of_a_slow_worker_does_not_replace_its_acknowledgement(world):
    world.slow = {1}
    world.register(1)
    (worker,) = world.scheduler.workers
    world.happen(extended_job())
    assert world.happen(events.CapabilitiesKnown(worker, EXTENDED)) == []
    assert world.arrive() == ["extended map 0 → 1"]


def test_shutdown_does_not_wait_for_slow_workers(world):
    world.register(1, 2)
    world.slow = {1}
    assert world.happen(messages.ShutdownMessage()) == [
        "shutdown → 1", "shutdown → 2", "exit"]
