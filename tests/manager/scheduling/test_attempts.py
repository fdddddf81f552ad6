"""What the Scheduler tells of the attempts and the options of a job."""
import pytest

from mapreduce.protocol import messages
from tests.support.scheduler_world import World, extended_job


@pytest.fixture(name="world")
def _world():
    return World()


def attempts_of(world, task_id=0):
    """Return the history of a task."""
    return [(attempt.worker.port, attempt.state, attempt.started,
             attempt.ended, attempt.speculative) for attempt
            in world.scheduler.details(0, world.now).tasks[task_id].history]


def test_start_tells_of_a_single_attempt(world):
    world.register(1)
    world.wait(5)
    world.submit(2, 1)
    world.wait(2)
    world.finish(0, 1)
    tasks = world.scheduler.details(0, world.now).tasks
    assert [(task.started, task.seconds, task.history) for task in tasks] == [
        (0.0, 2.0, ()), (2.0, 0.0, ()), (None, None, ())]


def test_each_attempt_has_its_times(world):
    world.register(1, 2)
    world.submit(1, 1)
    world.wait(3)
    world.fail(0, 1, "it broke")
    world.wait(1)
    world.register(2)
    world.wait(1)
    assert attempts_of(world) == [
        (1, "failed", 0.0, 3.0, False), (2, "lost", 3.0, 4.0, False),
        (2, "running", 4.0, None, False)]
    world.finish(0, 2)
    assert attempts_of(world)[-1] == (2, "done", 4.0, 5.0, False)


def test_attempt_of_a_cancelled_job_was_cancelled(world):
    world.register(1)
    world.submit(1, 1)
    world.happen(messages.CancelJobMessage(0))
    world.wait(1)
    world.fail(0, 1, "cancelled")
    assert attempts_of(world) == [(1, "cancelled", 0.0, 1.0, False)]


def test_refused_attempt_is_not_in_the_history(world):
    world.register(1, 2)
    world.unreachable.add(1)
    world.submit(1, 1)
    assert attempts_of(world) == []
    assert world.scheduler.details(0, world.now).tasks[0].started == 0.0


@pytest.mark.parametrize("state", ["queued", "running", "ended"])
def test_options_of_a_job_are_shown(world, state):
    """Of the environment, which may hold passwords, the names only."""
    if state == "queued":
        world.submit(1, 1)
    world.happen(extended_job(
        input_paths=["a", "b"], environment={"PASSWORD": "secret"},
        concatenate=True, job_key="key", job_name="name"))
    if state == "ended":
        world.happen(messages.CancelJobMessage(0))
    details = world.scheduler.details(int(state == "queued"), 0.0)
    assert [(its.name, its.value) for its in details.options] == [
        ("input_paths", "a"), ("input_paths", "b"),
        ("output_directory", "out"), ("mapper_executable", "map"),
        ("num_reducers", "1"), ("reducer_executable", "reduce"),
        ("environment", "PASSWORD"), ("max_mappers", "2"),
        ("concatenate", "true")]
