"""Workers that report as finished what they did not do."""
import pytest

from mapreduce.protocol.status import JobState, WorkerState
from tests.support.scheduler_world import extended_job

NOT_THERE = ("the Worker at localhost:1 reported it as finished, but its file "
             "{} is not there")


def status(world, job_id=0):
    """Return what clients are told of a job."""
    return world.scheduler.details(job_id, world.now).job


def finish(world, *task_ids, port=1):
    """Let a Worker report tasks, one after the other; return the last."""
    return [world.finish(task_id, port) for task_id in task_ids][-1]


def test_each_stage_is_checked_where_its_files_must_be(world):
    world.register(1)
    world.submit(2, 3)
    finish(world, 0, 1)
    assert world.checked == [("jobs/0", 2, 3, None)]
    finish(world, 0, 1, 2)
    assert world.checked == [("jobs/0", 2, 3, None), ("out", 3, 0, None)]
    assert status(world).state is JobState.DONE


def test_map_output_that_is_the_result_is_checked_there(world):
    world.register(1)
    world.happen(extended_job(num_reducers=0, reducer_executable=None))
    finish(world, 0, 1)
    assert world.checked == [("out", 2, 0, None)]


def test_task_whose_file_is_missing_is_repeated(world):
    world.register(1)
    world.submit(3, 1)
    finish(world, 0, 1)
    world.missing = {1: "maptask00001-part00000"}
    assert world.finish(2, 1) == ["map 1 → 1"]
    assert world.finish(1, 1) == ["reduce 0 → 1"]
    details = world.scheduler.details(0, world.now)
    assert details.tasks[1].reason == NOT_THERE.format(
        "maptask00001-part00000")
    (worker,) = world.scheduler.workers
    assert worker.tasks_failed == 1


def test_repeated_tasks_go_to_another_worker(world):
    """As any task that has failed on one."""
    world.register(1, 2)
    world.submit(1, 2)
    world.finish(0, 1)
    world.finish(0, 1)
    world.missing = {0: "part-00000"}
    assert world.finish(1, 2) == ["reduce 0 → 2"]
    assert world.finish(0, 2) == ["clean up job 0"]
    assert status(world).state is JobState.DONE


def test_several_tasks_are_repeated_in_their_order(world):
    world.register(1)
    world.submit(3, 1)
    finish(world, 0, 1)
    world.missing = {2: "maptask00002-part00000", 0: "maptask00000-part00000"}
    assert world.finish(2, 1) == ["map 0 → 1"]
    assert world.finish(0, 1) == ["map 2 → 1"]


def test_job_fails_when_a_file_is_missing_too_often(world):
    world.register(1)
    world.submit(1, 2)
    finish(world, 0, 0)
    for _ in range(3):
        world.missing = {1: "part-00001"}
        assert world.finish(1, 1) == ["reduce 1 → 1"]
    world.missing = {1: "part-00001"}
    assert world.finish(1, 1) == ["discard output", "clean up job 0"]
    assert status(world).reason == (
        "reduce task 1 failed 4 times, the last time because "
        + NOT_THERE.format("part-00001"))


def test_job_without_any_part_fails(world):
    """No task is sent again: a strict Manager would not send it either."""
    world.register(1)
    world.submit(1, 1)
    world.finish(0, 1)
    world.missing = {0: "part-00000"}
    assert world.finish(0, 1) == ["clean up job 0"]
    assert status(world).state is JobState.FAILED
    assert status(world).reason == (
        "the Workers reported all reduce tasks as finished, but 'out' has "
        "none of their files: does this machine share that directory with "
        "them?")


def test_map_output_that_the_manager_does_not_see_is_left_to_the_reducers(
        world, caplog):
    """Only they have to read it."""
    world.register(1)
    world.submit(2, 1)
    world.finish(0, 1)
    world.missing = {task: f"maptask0000{task}-part00000" for task in (0, 1)}
    assert world.finish(1, 1) == ["reduce 0 → 1"]
    assert "'jobs/0' has none of their files" in caplog.text


def test_kept_map_output_is_complete(world):
    world.register(1)
    world.happen(extended_job(keep_intermediate="kept", num_mappers=2,
                              max_mappers=None))
    world.finish(0, 1)
    world.missing = {0: "maptask00000-part00000"}
    assert world.finish(1, 1) == ["extended map 0 → 1"]
    assert world.finish(0, 1) == [
        "keep map output 0 in kept", "extended reduce 0 → 1"]


@pytest.mark.parametrize("num_reducers", [1, 2])
def test_worker_is_ready_while_files_are_missing(world, num_reducers):
    world.register(1)
    world.submit(2, num_reducers)
    world.finish(0, 1)
    world.missing = {0: "maptask00000-part00000"}
    world.finish(1, 1)
    world.finish(0, 1)
    finish(world, *range(num_reducers))
    (worker,) = world.scheduler.workers
    assert worker.state is WorkerState.READY
    assert status(world).state is JobState.DONE
