"""The Scheduler and Workers that do not take all tasks."""
import pytest

from mapreduce.manager.scheduling import events
from tests.support.extended_jobs import reasons_of, submit
from tests.support.scheduler_world import EXTENDED

STRICT = ("no living Worker knows new_extended_map_task, which options of "
          "this job need: start mapreduce-worker of this version")


# Workers that do not know such tasks

def test_strict_worker_is_passed_over(world):
    world.strict = {1}
    world.register(1, 2)
    assert submit(world) == [
        "prepare job 0", "ask → 1", "ask → 2", "extended map 0 → 2"]
    assert world.finish(0, 2) == ["extended map 1 → 2"]
    assert world.finish(1, 2) == ["extended reduce 0 → 2"]


def test_strict_worker_is_of_use_to_the_next_job(world):
    """It is not asked again, and keeps its turn."""
    world.strict = {1}
    world.register(1, 2)
    submit(world, max_mappers=1)
    world.submit(1, 1)
    submit(world)
    world.finish(0, 2)
    assert world.finish(0, 2) == [
        "clean up job 0", "prepare job 1", "map 0 → 1"]
    world.finish(0, 1)
    assert world.finish(0, 1) == [
        "clean up job 1", "prepare job 2", "extended map 0 → 2"]


def test_worker_that_gives_no_answer_is_not_asked_again(world):
    world.mute = {1}
    world.register(1, 2)
    submit(world, max_mappers=1)
    world.finish(0, 2)
    submit(world)
    assert world.finish(0, 2) == [
        "clean up job 0", "prepare job 1", "extended map 0 → 2"]


def test_others_work_while_a_worker_has_not_answered(world):
    """Nor does the job fail before that, whoever else can't do it."""
    world.register(1, 2, 3)
    first, *_ = world.scheduler.workers
    world.strict = {3}
    world.silent = {1}
    assert submit(world, max_mappers=2) == [
        "prepare job 0", "ask → 1", "ask → 2", "ask → 3",
        "extended map 0 → 2"]
    assert world.wait(1) == []
    assert world.happen(events.CapabilitiesKnown(first, EXTENDED)) == [
        "extended map 1 → 1"]


def test_answer_counts_for_the_next_job_if_it_comes_then(world):
    world.register(1, 2)
    first, *_ = world.scheduler.workers
    world.silent = {1}
    submit(world, max_mappers=1)
    world.finish(0, 2)
    world.submit(1, 1)
    assert world.finish(0, 2) == [
        "clean up job 0", "prepare job 1", "map 0 → 1"]
    assert world.happen(events.CapabilitiesKnown(first, EXTENDED)) == []
    submit(world)
    assert world.finish(0, 1) == ["reduce 0 → 1"]
    assert world.finish(0, 1) == [
        "clean up job 1", "prepare job 2", "extended map 0 → 1",
        "extended map 1 → 2"]


def test_worker_that_is_gone_may_have_a_task_by_then(world):
    """The question was of an earlier job; the task is lost with the Worker."""
    world.register(1, 2)
    first, *_ = world.scheduler.workers
    world.silent = {1}
    submit(world, max_mappers=1)
    world.finish(0, 2)
    world.submit(2, 1)
    assert world.finish(0, 2) == [
        "clean up job 0", "prepare job 1", "map 0 → 1", "map 1 → 2"]
    assert world.happen(events.ProbeFailed(first)) == []
    assert world.finish(1, 2) == ["map 0 → 2"]


def test_worker_that_registers_again_is_asked_again(world):
    world.strict = {1}
    world.register(1, 2)
    submit(world, max_mappers=3)
    world.strict = set()
    assert world.register(1) == [
        "register_ack → 1", "ask → 1", "extended map 1 → 1"]


@pytest.mark.parametrize("kind", ["strict", "mute"])
def test_job_that_no_living_worker_can_do_fails(world, kind):
    setattr(world, kind, {1, 2})
    world.register(1, 2)
    world.submit(1, 1)
    submit(world)
    world.submit(1, 1)
    world.finish(0, 1)
    assert world.finish(0, 1) == [
        "clean up job 0", "prepare job 1", "ask → 1", "ask → 2",
        "discard output", "clean up job 1", "prepare job 2", "map 0 → 1"]
    assert reasons_of(world) == [
        ("done", None), ("failed", STRICT), ("map", None)]


def test_job_waits_while_nobody_lives(world):
    assert submit(world) == ["prepare job 0"]
    assert world.wait(60) == []
    assert world.register(1) == [
        "register_ack → 1", "ask → 1", "extended map 0 → 1"]


def test_job_fails_when_the_last_worker_that_knows_it_dies(world):
    world.strict = {1}
    world.register(1, 2)
    submit(world)
    world.wait(9)
    world.beat(1)
    assert world.wait(2) == ["discard output", "clean up job 0"]
    assert reasons_of(world) == [("failed", STRICT)]


def test_job_waits_when_all_have_died(world):
    world.strict = {1}
    world.register(1, 2)
    submit(world)
    assert world.wait(11) == []
    assert reasons_of(world) == [("map", None)]


def test_worker_that_cannot_be_asked_is_dead(world):
    world.register(1, 2)
    world.unreachable = {1}
    assert submit(world) == [
        "prepare job 0", "ask → 1", "ask → 2", "extended map 0 → 2"]
    assert [worker.state for worker in
            world.scheduler.snapshot(0.0).workers] == ["dead", "busy"]


def test_worker_that_knows_map_tasks_alone_does_those(world):
    world.register(1, 2)
    worker = next(iter(world.scheduler.workers))
    world.happen(events.CapabilitiesKnown(
        worker, frozenset({"new_extended_map_task"})))
    assert submit(world) == [
        "prepare job 0", "extended map 0 → 1", "ask → 2",
        "extended map 1 → 2"]
    world.finish(0, 1)
    assert world.finish(1, 2) == ["extended reduce 0 → 2"]


def test_task_that_failed_everywhere_else_does_not_go_to_a_strict_worker(
        world):
    world.strict = {2}
    world.register(1, 2)
    submit(world, max_mappers=1)
    assert world.fail(0, 1) == ["extended map 0 → 1"]


def test_answer_of_a_worker_that_died_meanwhile_is_forgotten(world):
    world.register(1)
    worker = next(iter(world.scheduler.workers))
    world.wait(11)
    assert world.happen(events.CapabilitiesKnown(worker, frozenset())) == []
    world.register(1)
    assert submit(world) == ["prepare job 0", "ask → 1", "extended map 0 → 1"]
