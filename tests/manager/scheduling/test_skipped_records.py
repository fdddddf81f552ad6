"""Jobs that may leave out records on which executables die."""
import pytest

from mapreduce.manager.scheduling import events
from mapreduce.protocol.messages import FailedMessage, FinishedMessage
from mapreduce.protocol.status import JobState
from tests.support.extended_jobs import reasons_of, submit
from tests.support.restart_world import RestartWorld
from tests.support.scheduler_world import EXTENDED, HOST, extended_job

TOO_MANY = ("executables die on more than --skip-bad-records 2:\n"
            "  'in/a' at byte 0: 'x'\n  'in/a' at byte 8: 'y'\n"
            "  'in/b' at byte 4: 'z'")


def skipped(stage, *names):
    """Return the counters of a task that left records out."""
    return {"mapreduce": {f"{stage} skipped records": len(names)},
            "skipped records": dict.fromkeys(names, 1)}


def fail_for_good(world, task_id, port, reason):
    """Let a Worker report that no attempt can succeed."""
    return world.happen(FailedMessage(
        task_id, HOST, port, reason, final=True))


@pytest.mark.parametrize("stage", ["map", "reduce"])
def test_records_are_skipped_after_a_failure(world, stage):
    """The first one may be the fault of the Worker."""
    world.register(1, 2)
    submit(world, skip_bad_records=2, num_mappers=1, max_mappers=None)
    if stage == "reduce":
        world.finish(0, 1)
    first = len(world.sent) - 1
    for _ in range(3):
        world.fail(0, next(
            worker.address[1] for worker in world.scheduler.workers
            if worker.task_id == 0))
    assert [task.skip_bad_records for task in world.sent[first:]] == [
        None, 2, 2, 2]


def test_records_are_skipped_by_an_attempt_that_is_the_only_one(world):
    """There is no second one that could do it."""
    world.register(1)
    submit(world, skip_bad_records=2, max_map_attempts=1)
    assert world.sent[-1].skip_bad_records == 2


def test_records_are_skipped_only_if_the_user_asks_for_it(world):
    """Tasks have no such field then."""
    world.register(1)
    submit(world, max_map_attempts=1)
    assert world.sent[-1].skip_bad_records is None


def test_workers_of_old_versions_get_no_task(world):
    """Not even the first attempt: none of them could make the second."""
    world.silent = {1}
    world.register(1)
    assert submit(world, skip_bad_records=2) == ["prepare job 0", "ask → 1"]
    [worker] = world.scheduler.workers
    known = EXTENDED - {"new_extended_map_task.skip_bad_records"}
    assert world.happen(events.CapabilitiesKnown(worker, known)) == [
        "discard output", "clean up job 0"]
    assert reasons_of(world)[0][1].startswith(
        "no living Worker knows new_extended_")


def test_too_many_records_of_all_tasks_fail_the_job(world):
    """Of both stages; and each is named."""
    world.register(1)
    submit(world, skip_bad_records=2, num_mappers=2, max_mappers=None)
    world.finish(0, 1, skipped("map", "'in/a' at byte 0: 'x'"))
    world.finish(1, 1, skipped("map", "'in/b' at byte 4: 'z'"))
    assert world.finish(
        0, 1, skipped("reduce", "'in/a' at byte 8: 'y'")) == [
        "discard output", "clean up job 0"]
    assert reasons_of(world) == [("failed", TOO_MANY)]


def test_as_many_records_as_allowed(world):
    """Only more than that is too many."""
    world.register(1)
    submit(world, skip_bad_records=2, num_mappers=1, max_mappers=None)
    world.finish(0, 1, skipped("map", "a", "b"))
    world.finish(0, 1)
    assert reasons_of(world) == [("done", None)]


def test_task_with_too_many_records_is_not_tried_again(world):
    """Another attempt would look for the same records."""
    world.register(1, 2)
    submit(world, skip_bad_records=1, num_mappers=1, max_mappers=None)
    world.fail(0, 1)
    assert fail_for_good(world, 0, 2, "it has many") == [
        "discard output", "clean up job 0"]
    assert reasons_of(world) == [(
        "failed", "map task 0 failed 2 times, the last time because it has "
        "many")]


def test_next_manager_counts_the_same_records():
    """And it knows that the task has failed before."""
    def know(port):
        world.register(port)
        return world.happen(events.CapabilitiesKnown(
            list(world.scheduler.workers)[-1], EXTENDED))

    def finish(task_id, *names):
        # Its files are there.
        world.map_output.add((world.epoch, 0, task_id))
        return world.happen(FinishedMessage(
            task_id, HOST, 1, skipped("map", *names)))

    world = RestartWorld()
    world.happen(extended_job(
        skip_bad_records=2, num_mappers=2, max_mappers=None))
    know(1)
    finish(0, "'in/a' at byte 0: 'x'", "'in/a' at byte 8: 'y'")
    world.fail(world.holders()[0])
    world.restart()
    assert [(send.message.task_id, send.message.skip_bad_records)
            for send in know(1)] == [(1, 2)]
    finish(1, "'in/b' at byte 4: 'z'")
    assert world.state_of(0) is JobState.FAILED
    assert world.scheduler.details(0, 0.0).job.reason == TOO_MANY
