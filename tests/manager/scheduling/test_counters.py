"""What tasks count and say: the sums of a job, and its bounds."""
from mapreduce.protocol import fields
from mapreduce.protocol.messages import CancelJobMessage
from mapreduce.protocol.status import Counter
from tests.support.extended_jobs import (
    counters_of,
    reasons_of,
    statuses_of,
    submit,
    tell,
)

# Counters


def test_counters_are_sums_over_the_tasks_that_are_done(world):
    world.register(1, 2)
    submit(world)
    world.finish(0, 1, {"b": {"y": 1, "x": 2}})
    world.finish(1, 2, {"a": {"z": 5}, "b": {"y": -3}})
    world.finish(0, 1)
    assert counters_of(world) == (
        Counter("a", "z", 5), Counter("b", "x", 2), Counter("b", "y", -2))


def test_finished_that_does_not_count_adds_nothing(world):
    """That of a stranger, of another task, and the second one."""
    world.register(1, 2)
    submit(world)
    for task_id, port in (0, 2), (1, 1), (0, 1), (0, 1), (0, 3):
        world.finish(task_id, port, {"a": {"x": 1}})
    assert counters_of(world) == (Counter("a", "x", 1),)


def test_task_that_is_repeated_counts_once(world):
    """Its file was missing; what counted nothing then, is counted later."""
    world.register(1)
    submit(world, max_mappers=None, num_mappers=3)
    world.finish(0, 1, {"a": {"x": 1}})
    world.finish(1, 1)
    world.missing = {0: "maptask00000-part00000", 1: "maptask00001-part00000"}
    world.finish(2, 1, {"a": {"x": 10}})
    assert counters_of(world) == (Counter("a", "x", 11),)
    world.finish(0, 1, {"a": {"x": 1}})
    world.finish(1, 1, {"a": {"x": 100}})
    assert counters_of(world) == (Counter("a", "x", 111),)


def test_task_of_a_cancelled_job_adds_nothing(world):
    world.register(1)
    submit(world)
    world.happen(CancelJobMessage(0))
    world.finish(0, 1, {"a": {"x": 1}})
    assert counters_of(world) == ()


def test_too_many_counters_fail_the_job(world, mocker):
    """None of its sums would be missing without a word."""
    mocker.patch.object(fields, "MAX_COUNTERS", 2)
    world.register(1, 2)
    submit(world, max_mappers=2)
    world.finish(0, 1, {"a": {"x": 1, "y": 1}})
    assert world.finish(1, 2, {"a": {"z": 1, "y": 1}}) == [
        "discard output", "clean up job 0"]
    assert reasons_of(world) == [
        ("failed", "the job has more than 2 different counters")]


# What tasks say of themselves

def test_last_word_of_a_task_is_shown_also_when_it_is_done(world):
    world.register(1, 2)
    submit(world)
    assert tell(world, 0, 1, "half") == []
    tell(world, 0, 1, "nearly")
    assert statuses_of(world) == ["nearly", None, None]
    world.finish(0, 1)
    assert statuses_of(world) == ["nearly", None, None]


def test_new_attempt_has_said_nothing(world):
    world.register(1)
    submit(world)
    tell(world, 0, 1, "half")
    world.fail(0, 1)
    assert statuses_of(world) == [None, None, None]


def test_word_of_who_does_not_hold_the_task_is_ignored(world):
    world.register(1, 2)
    tell(world, 0, 1, "early")
    submit(world)
    for task_id, port in (0, 2), (1, 1), (0, 3):
        assert tell(world, task_id, port, "false") == []
    assert statuses_of(world) == [None, None, None]


def test_word_of_a_task_has_a_bound(world):
    world.register(1)
    submit(world)
    tell(world, 0, 1, 1_000 * "x")
    assert statuses_of(world)[0] == 255 * "x"


def test_counters_of_records_are_beside_the_limit(world, mocker):
    mocker.patch.object(fields, "MAX_COUNTERS", 1)
    world.register(1)
    submit(world, max_mappers=1)
    assert world.finish(0, 1, {"g": {"n": 1}, "mapreduce": {
        "input records": 2, "input bytes": 9}}) == ["extended reduce 0 → 1"]
    assert world.finish(0, 1, {"mapreduce": {
        "reduce input records": 3, "reduce input bytes": 8}}) == [
            "clean up job 0"]
    assert [(task.input_records, task.input_bytes)
            for task in world.scheduler.details(0, 0.0).tasks] == [
                (2, 9), (3, 8)]
