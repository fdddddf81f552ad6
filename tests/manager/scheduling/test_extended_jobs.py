"""The Scheduler and jobs with options that the specification lacks."""
import pytest

from mapreduce.manager.scheduling import events
from mapreduce.protocol.extensions import (
    ExtendedMapTaskMessage,
    ExtendedReduceTaskMessage,
)
from mapreduce.protocol.fields import Split
from mapreduce.protocol.messages import CancelJobMessage, MapTaskMessage
from tests.support.extended_jobs import jobs_of, reasons_of, submit
from tests.support.scheduler_world import OLD

ENVIRONMENT = {
    "mapreduce_job_maps": "2",
    "mapreduce_job_reduces": "2",
    "mapreduce_output_fileoutputformat_outputdir": "out",
    "mapreduce_job_id": "job_202611211417_0000",
    "mapreduce_task_id": "task_202611211417_0000_m_000000",
    "mapreduce_task_attempt_id": "attempt_202611211417_0000_m_000000_0",
    "mapreduce_task_partition": "0",
    "mapreduce_task_is_map": "true",
}


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


def test_tasks_hold_how_their_keys_are_sorted(world):
    world.register(1)
    keys = {"separator": ".", "key_fields": 2, "key_separator": ",",
            "sort_options": "-k1,1", "reducer_separator": "\t"}
    submit(world, environment=None, partition_by="1", num_mappers=1,
           max_mappers=None, **keys)
    world.finish(0, 1)
    for task in world.sent[1], world.sent[2]:
        assert {name: getattr(task, name) for name in keys} == keys
    assert world.sent[1].partition_by == "1"


@pytest.mark.parametrize("option", [
    {"separator": ","}, {"key_fields": 2}, {"partition_by": "1"},
    {"sort_options": "-k1"}, {"logs": "kept"}, {"any_exit_code": True},
    {"compress": "xz"}, {"concatenate": True}], ids=str)
def test_workers_of_old_versions_get_no_task_of_later_ones(world, option):
    world.silent = {1}
    world.register(1)
    assert submit(world, **option) == ["prepare job 0", "ask → 1"]
    [worker] = world.scheduler.workers
    assert world.happen(events.CapabilitiesKnown(worker, OLD)) == [
        "discard output", "clean up job 0"]


def test_each_attempt_has_a_log_of_its_own(world):
    """The reason of a job that fails names the last one."""
    world.register(1)
    submit(world, environment=None, logs="kept", num_mappers=1,
           max_mappers=None, max_reduce_attempts=2)
    world.finish(0, 1)
    world.fail(0, 1)
    world.fail(0, 1)
    assert [task.logs for task in world.sent if hasattr(task, "logs")] == [
        "kept/map-00000-attempt-1.stderr",
        "kept/reduce-00000-attempt-1.stderr",
        "kept/reduce-00000-attempt-2.stderr"]
    assert jobs_of(world)[0].reason == (
        "reduce task 0 failed 2 times, the last time because it broke\n"
        "all of its standard error is in kept/reduce-00000-attempt-2.stderr")
