"""What the tasks of ended jobs ran: kept within a limit, for their users."""
import pytest

from mapreduce.manager.scheduling import events, kept_plans
from mapreduce.protocol.fields import Split
from mapreduce.protocol.status import JobState, Stage
from tests.support.restart_world import RestartWorld
from tests.support.scheduler_world import (
    EXTENDED,
    World,
    extended_job,
    job,
)


@pytest.fixture(name="world")
def _world():
    world = World()
    world.register(1)
    return world


def command(world, job_id, stage="map", task_id=0):
    """Return what a task ran."""
    return world.scheduler.jobs.command(job_id, stage, task_id)


def attempt(task):
    """Return the number of the attempt that a task was told."""
    return task.variables["mapreduce_task_attempt_id"].rpartition("_")[2]


def run(world, **fields):
    """Run a job of one map task and one reduce task to its end."""
    world.happen(extended_job(max_mappers=1, **fields))
    world.finish(0, 1)
    world.finish(0, 1)


def test_command_of_each_ended_job_is_kept(world):
    for number in range(30):
        run(world, mapper_executable=f"map{number}")
    assert [command(world, number).executable for number in range(30)] == [
        f"map{number}" for number in range(30)]
    assert command(world, 0).splits == world.splits
    assert command(world, 0, "reduce").executable == "reduce"


@pytest.mark.parametrize("job_id, stage, task_id", [
    (0, "map", 1), (0, "reduce", 1), (0, "other", 0), (1, "map", 0)])
def test_task_that_never_was_has_no_command(world, job_id, stage, task_id):
    run(world)
    assert command(world, job_id, stage, task_id).executable == ""


def test_command_is_that_of_the_last_attempt(world):
    world.happen(extended_job(max_mappers=1))
    for _ in range(4):
        world.fail(0, 1)
    assert attempt(command(world, 0)) == "3"


def test_values_of_the_environment_are_not_kept(world):
    run(world, environment={"PASSWORD": "hunter2"})
    kept = world.scheduler.jobs.command(0, "map", 0)
    assert kept.names == ("PASSWORD",)
    assert "hunter2" not in str(kept)
    assert "PASSWORD" not in kept.variables


def test_oldest_plans_are_dropped_when_there_is_no_room(world, monkeypatch):
    world.splits = [Split("in/a", start, start + 1) for start in range(1_000)]
    monkeypatch.setattr(kept_plans, "MAX_SIZE", 600_000)
    for _ in range(5):
        run(world)
    assert [bool(command(world, number).executable)
            for number in range(5)] == [False, False, False, True, True]


def test_plan_of_the_last_job_stays_however_large_it_is(world, monkeypatch):
    monkeypatch.setattr(kept_plans, "MAX_SIZE", 1)
    run(world)
    run(world)
    assert command(world, 0).executable == ""
    assert command(world, 1).executable == "map"


def restarted(*, stored, monkeypatch):
    """Return the world of a Manager that died after a job had failed."""
    monkeypatch.setattr(kept_plans, "MAX_STORED", stored)
    world = RestartWorld()
    world.register(1)
    for action in world.happen(extended_job(
            environment={"PASSWORD": "hunter2"}, combiner="combine",
            input_paths=["in/a", "in/b"])):
        if isinstance(action, events.ProbeCapabilities):
            world.happen(events.CapabilitiesKnown(action.worker, EXTENDED))
    while holders := world.holders():
        world.fail(holders[0])
    assert world.state_of(0) is JobState.FAILED
    before = command(world, 0), world.scheduler.details(0, 0.0).options
    world.restart()
    return world, *before


def test_plans_of_ended_jobs_are_there_after_a_restart(monkeypatch):
    world, before, options = restarted(stored=10_000, monkeypatch=monkeypatch)
    after = command(world, 0)
    assert after == before
    assert world.scheduler.details(0, 0.0).options == options
    assert [option.value for option in options[:2]] == ["in/a", "in/b"]
    assert (after.stage, after.combiner) == (Stage.MAP, "combine")
    assert attempt(after) == "3"
    assert "hunter2" not in str(world.journal)


def test_large_plan_is_not_stored(monkeypatch):
    world, before, _ = restarted(stored=10, monkeypatch=monkeypatch)
    assert before.executable == "map"
    assert command(world, 0).executable == ""
    assert world.state_of(0) is JobState.FAILED


def test_plan_goes_with_its_job(world, monkeypatch):
    monkeypatch.setattr("mapreduce.manager.scheduling.jobs.MAX_ENDED", 2)
    for _ in range(3):
        run(world)
    assert command(world, 0).executable == ""
    assert command(world, 1).executable == "map"


def test_job_that_was_never_planned_has_no_command(world):
    world.unpreparable[0] = "there is no input"
    world.happen(job())
    assert command(world, 0).executable == ""
