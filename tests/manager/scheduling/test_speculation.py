"""Which tasks get a backup attempt, and which Workers."""
import pytest

from mapreduce.manager.scheduling import events
from mapreduce.manager.scheduling.pace import Pace
from mapreduce.protocol import messages
from tests.support.backup_worlds import ALL, BackupWorld
from tests.support.extended_jobs import submit
from tests.support.scheduler_world import OLD


@pytest.fixture(name="world")
def _world():
    return BackupWorld()


# What is slow

def test_task_is_slow_after_twice_the_median_and_a_second():
    pace = Pace(5)
    for task_id, started in enumerate((0.0, 0.0, 0.0, 0.0, 5.0)):
        pace.begin(task_id, started)
    for task_id, seconds in enumerate((2.0, 4.0, 40.0)):
        pace.note_done(seconds)
        pace.end(task_id)
    assert pace.slow(9.0) == []
    assert pace.slow(9.1) == [3]
    assert pace.slow(14.1) == [3, 4]


def test_no_task_is_slow_before_half_of_them_are_done():
    pace = Pace(4)
    pace.begin(0, 0.0)
    pace.note_done(1.0)
    assert pace.slow(1000.0) == []
    pace.note_done(1.0)
    assert pace.slow(1000.0) == [0]


def test_single_task_is_never_slow():
    pace = Pace(1)
    pace.begin(0, 0.0)
    assert pace.slow(1000.0) == []


# Who gets a backup attempt

def test_slow_task_gets_a_backup_at_a_tick(world):
    world.begin()
    assert world.wait(2.0) == []
    assert world.wait(0.1) == ["extended map 2 → 1"]
    assert world.attempts() == [(3, "running", False), (1, "running", True)]


def test_slow_task_gets_one_backup_only(world):
    world.begin()
    assert world.pass_time() == ["extended map 2 → 1"]
    assert world.pass_time() == []


def test_lost_backup_is_not_repeated(world):
    world.begin()
    world.pass_time()
    assert world.register(1) == ["register_ack → 1"]
    assert world.pass_time() == []
    assert world.attempts() == [(3, "running", False), (1, "lost", True)]


def test_several_slow_tasks_get_backups_at_once(world):
    world.register(1, 2, 3, 4)
    submit(world, max_mappers=None, num_mappers=4, map_speculative=True)
    world.now += 1.0
    world.finish(0, 1)
    world.finish(1, 2)
    assert world.pass_time(ports=(1, 2, 3, 4)) == [
        "extended map 2 → 1", "extended map 3 → 2"]


def test_no_backup_without_the_option(world):
    world.begin(map_speculative=None)
    assert world.pass_time() == []


def test_option_for_one_stage_is_not_for_the_other(world):
    world.register(1, 2)
    submit(world, reduce_speculative=True, num_reducers=2)
    world.now += 1.0
    world.finish(0, 1)
    assert world.pass_time() == []
    world.finish(1, 2)
    world.now += 1.0
    world.finish(0, 1)
    assert world.pass_time() == ["extended reduce 1 → 1"]


def test_no_backup_while_a_task_waits(world):
    world.register(1, 2)
    submit(world, max_mappers=None, num_mappers=4, map_speculative=True)
    world.now += 1.0
    world.finish(0, 1)
    world.now += 1.0
    assert world.finish(2, 1) == ["extended map 3 → 1"]
    world.now += 3.0
    assert world.fail(3, 1) == ["extended map 3 → 1"]
    assert world.finish(3, 1) == ["extended map 1 → 1"]


def test_backup_avoids_a_worker_on_which_the_task_failed(world):
    world.register(1, 2, 3)
    submit(world, max_mappers=2, map_speculative=True)
    assert world.fail(0, 1) == ["extended map 0 → 3"]
    world.now += 1.0
    world.finish(1, 2)
    assert world.pass_time() == ["extended map 0 → 2"]


@pytest.mark.parametrize("attempts, sent", [
    (1, []), (2, ["extended map 2 → 1"])])
def test_backup_is_one_of_the_attempts_that_a_user_allows(
        world, attempts, sent):
    world.begin(max_map_attempts=attempts)
    assert world.pass_time() == sent


# Workers that do not know all messages

def plain(world, strict):
    """Begin a job with tasks of the specification."""
    world.strict = strict
    world.begin(environment=None, num_mappers=3, max_mappers=None)


def test_tasks_of_the_specification_get_backups_too(world):
    plain(world, set())
    assert world.pass_time() == ["ask → 3", "ask → 1", "ask → 2", "map 2 → 1"]
    assert world.sent[-1] == messages.MapTaskMessage(
        2, ["in/c"], "map", "jobs/0/backups", 1)


def test_strict_worker_gets_no_backup(world):
    plain(world, {1})
    assert world.pass_time() == ["ask → 3", "ask → 1", "ask → 2", "map 2 → 2"]


def test_task_of_a_strict_worker_gets_no_backup(world):
    """It could not be cancelled. Each Worker is asked once only."""
    plain(world, {3})
    assert world.pass_time() == ["ask → 3", "ask → 1", "ask → 2"]
    assert world.pass_time() == []
    assert world.finish(2, 3) == ["reduce 0 → 1"]


def test_worker_that_has_not_answered_gets_a_backup_when_it_does(world):
    plain(world, set())
    world.silent = {3}
    assert world.pass_time() == ["ask → 3", "ask → 1", "ask → 2"]
    assert world.pass_time() == []
    *_, holder = world.scheduler.workers
    assert world.happen(events.CapabilitiesKnown(holder, ALL)) == [
        "map 2 → 1"]


def test_worker_that_knows_the_tasks_but_no_cancel_gets_no_backup(world):
    world.register(1, 2, 3)
    for worker in world.scheduler.workers:
        world.happen(events.CapabilitiesKnown(worker, OLD))
    submit(world, max_mappers=3, map_speculative=True)
    world.now += 1.0
    world.finish(0, 1)
    world.finish(1, 2)
    assert world.pass_time() == []
