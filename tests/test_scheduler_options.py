"""The Scheduler and jobs with options that the specification lacks."""
import pytest

from mapreduce.manager.scheduling import events
from mapreduce.protocol import fields
from mapreduce.protocol.extensions import (
    ExtendedMapTaskMessage,
    ExtendedReduceTaskMessage,
    ProgressMessage,
)
from mapreduce.protocol.fields import Split
from mapreduce.protocol.messages import CancelJobMessage, MapTaskMessage
from mapreduce.protocol.status import Counter
from tests.scheduling import EXTENDED, HOST, World, extended_job

STRICT = ("no living Worker knows new_extended_map_task, which options of "
          "this job need: start mapreduce-worker of this version")
ENVIRONMENT = {
    "mapreduce_job_id": "job_202611211417_0000",
    "mapreduce_task_id": "task_202611211417_0000_m_000000",
    "mapreduce_task_attempt_id": "attempt_202611211417_0000_m_000000_0",
    "mapreduce_task_partition": "0",
    "mapreduce_task_is_map": "true",
}


@pytest.fixture(name="world")
def _world():
    return World()


def submit(world, **options):
    """Submit a job with options."""
    return world.happen(extended_job(**options))


def tell(world, task_id, port, status):
    """Let a Worker tell what its task says of itself."""
    return world.happen(ProgressMessage(task_id, HOST, port, status))


def jobs_of(world):
    """Return the status of each job."""
    return world.scheduler.snapshot(world.now).status(world.now).jobs


def reasons_of(world):
    """Return the state of each job, and why it failed."""
    return [(status.state, status.reason) for status in jobs_of(world)]


def statuses_of(world):
    """Return what each task says of itself."""
    return [task.message for task in world.scheduler.details(0, 0.0).tasks]


def counters_of(world, job_id=0):
    """Return what a job has counted."""
    return world.scheduler.details(job_id, 0.0).counters


# Tasks

def test_job_whose_tasks_are_as_ever_runs_on_everybody(world):
    world.strict = {1}
    world.register(1)
    assert submit(world, environment=None, num_mappers=1, max_mappers=None,
                  no_clobber=True) == ["prepare job 0", "map 0 → 1"]
    assert world.finish(0, 1) == ["reduce 0 → 1"]
    assert world.finish(0, 1) == ["clean up job 0"]
    assert world.sent[1] == MapTaskMessage(
        0, ["in/a", "in/b", "in/c"], "map", "jobs/0", 1)


def test_job_whose_tasks_are_more_asks_each_worker_once(world):
    world.register(1, 2)
    assert submit(world) == [
        "prepare job 0", "ask → 1", "ask → 2", "extended map 0 → 1",
        "extended map 1 → 2"]
    assert world.finish(0, 1) == []
    assert world.finish(1, 2) == ["extended reduce 0 → 1"]
    assert world.finish(0, 1) == ["clean up job 0"]
    assert submit(world) == [
        "prepare job 1", "extended map 0 → 1", "extended map 1 → 2"]


def test_extended_tasks_hold_what_the_user_said(world):
    world.register(1)
    world.splits = [Split("in/a", 0, 5), Split("in/b"), Split("in/a", 5)]
    submit(world, environment={"A": "b", "mapreduce_job_id": "mine"},
           task_timeout=1.5, decompress=True, combiner="c", partitioner="p",
           num_reducers=2)
    world.finish(0, 1)
    world.finish(1, 1)
    assert world.sent[1] == ExtendedMapTaskMessage(
        task_id=0, splits=[Split("in/a", 0, 5), Split("in/a", 5)],
        executable="map", output_directory="jobs/0", num_partitions=2,
        environment={**ENVIRONMENT, "A": "b", "mapreduce_job_id": "mine"},
        task_timeout=1.5, decompress=True, combiner="c", partitioner="p")
    assert world.sent[3] == ExtendedReduceTaskMessage(
        task_id=0, executable="reduce", output_directory="out",
        input_paths=["jobs/0/maptask00000-part00000",
                     "jobs/0/maptask00001-part00000"],
        environment={
            **ENVIRONMENT, "A": "b", "mapreduce_job_id": "mine",
            "mapreduce_task_id": "task_202611211417_0000_r_000000",
            "mapreduce_task_attempt_id":
                "attempt_202611211417_0000_r_000000_0",
            "mapreduce_task_is_map": "false"},
        task_timeout=1.5)


def test_each_execution_is_another_attempt(world):
    """A task that nobody took was none."""
    world.register(1)
    submit(world, max_mappers=1)
    world.fail(0, 1)
    world.register(1)
    world.unreachable = {1}
    world.fail(0, 1)
    world.unreachable = set()
    world.register(1)
    attempts = [task.environment["mapreduce_task_attempt_id"][-2:]
                for task in world.sent
                if isinstance(task, ExtendedMapTaskMessage)]
    assert attempts == ["_0", "_1", "_2", "_3", "_3"]


def test_tasks_of_the_next_job_have_other_names(world):
    world.register(1)
    submit(world)
    world.happen(CancelJobMessage(0))
    world.fail(0, 1, "cancelled")
    submit(world)
    assert world.sent[-1].environment["mapreduce_task_id"] == (
        "task_202611211417_0001_m_000000")


@pytest.mark.parametrize("numbers, expected", [
    ({"max_mappers": 2}, 2), ({"max_mappers": 3}, 3), ({"max_mappers": 9}, 3),
    ({"max_mappers": None, "num_mappers": 5}, 5),
])
def test_map_tasks_are_as_many_as_splits_unless_the_user_says_other(
        world, numbers, expected):
    world.register(*range(1, 10))
    assert submit(world, **numbers)[10:] == [
        f"extended map {number} → {number + 1}" for number in range(expected)]
    [job] = jobs_of(world)
    assert (job.map_tasks, job.tasks) == (expected, expected + 1)


def test_job_without_input_has_one_map_task(world):
    world.splits = []
    world.register(1)
    assert submit(world) == ["prepare job 0", "ask → 1", "extended map 0 → 1"]


def test_number_of_map_tasks_is_not_known_before_the_job_starts(world):
    submit(world)
    submit(world)
    submit(world, num_mappers=3, max_mappers=None)
    assert [(job.map_tasks, job.tasks) for job in jobs_of(world)] == [
        (2, 3), (0, 1), (3, 4)]


def test_number_of_map_tasks_is_known_when_the_job_has_ended(world):
    world.register(1)
    submit(world, num_reducers=0, reducer_executable=None)
    world.finish(0, 1)
    world.finish(1, 1)
    [job] = jobs_of(world)
    assert (job.state, job.map_tasks_done, job.map_tasks, job.tasks) == (
        "done", 2, 2, 2)


def test_job_without_reducers_ends_with_its_map_tasks(world):
    """They write into the output directory."""
    world.register(1)
    submit(world, num_reducers=0, reducer_executable=None)
    assert world.sent[-1].output_directory == "out"
    assert world.sent[-1].num_partitions == 0
    assert world.finish(0, 1) == ["extended map 1 → 1"]
    assert world.finish(1, 1) == ["clean up job 0"]


def test_status_of_a_job_with_options(world):
    submit(world, input_paths=["a", "b*"], num_reducers=0,
           reducer_executable=None)
    [job] = jobs_of(world)
    assert (job.input_directory, job.reducer_executable) == ("a, b*", "")


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
    assert world.happen(events.WorkerAnswered(first, EXTENDED)) == [
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
    assert world.happen(events.WorkerAnswered(first, EXTENDED)) == []
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
    assert world.happen(events.WorkerGone(first)) == []
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
    world.happen(events.WorkerAnswered(
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
    assert world.happen(events.WorkerAnswered(worker, frozenset())) == []
    world.register(1)
    assert submit(world) == ["prepare job 0", "ask → 1", "extended map 0 → 1"]


# Attempts

def test_user_says_how_often_a_map_task_is_tried(world):
    world.register(1)
    submit(world, max_map_attempts=2)
    assert world.fail(0, 1) == ["extended map 0 → 1"]
    assert world.fail(0, 1) == ["discard output", "clean up job 0"]


def test_user_says_how_often_a_reduce_task_is_tried(world):
    world.register(1)
    submit(world, max_mappers=1, max_reduce_attempts=1)
    assert world.fail(0, 1) == ["extended map 0 → 1"]
    assert world.finish(0, 1) == ["extended reduce 0 → 1"]
    assert world.fail(0, 1) == ["discard output", "clean up job 0"]


# Map output that is kept

def test_map_output_is_kept_before_the_reduce_stage(world):
    world.register(1)
    submit(world, max_mappers=1, keep_intermediate="kept")
    assert world.finish(0, 1) == [
        "keep map output 0 in kept", "extended reduce 0 → 1"]


def test_job_whose_map_output_cannot_be_kept_fails(world):
    world.unkeepable = {0}
    world.register(1)
    submit(world, max_mappers=1, keep_intermediate="kept")
    assert world.finish(0, 1) == [
        "keep map output 0 in kept", "discard output", "clean up job 0"]
    assert reasons_of(world) == [("failed", "the disk is full")]


@pytest.mark.parametrize("outcome", [
    events.MapOutputKept(7), events.JobBlocked(7, "late")])
def test_outcome_for_a_job_that_is_over_has_no_effect(world, outcome):
    world.register(1)
    submit(world, max_mappers=1, keep_intermediate="kept")
    assert world.happen(outcome) == []
    assert reasons_of(world) == [("map", None)]


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
