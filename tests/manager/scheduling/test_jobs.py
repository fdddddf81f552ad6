"""The Scheduler, while all Workers are well: jobs, stages, order."""
import pytest

from mapreduce.manager.scheduling import events
from mapreduce.protocol import messages
from mapreduce.protocol.fields import Split
from tests.support.scheduler_world import World


@pytest.fixture(name="world")
def _world():
    return World()


def test_registration_is_acknowledged(world):
    """An ack, and nothing else while there is no job."""
    assert world.register(1) == ["register_ack → 1"]


def test_job_starts_without_workers(world):
    """Its directories are made at once; its tasks wait."""
    assert world.submit() == ["prepare job 0"]


def test_job_from_start_to_end(world):
    """Two Workers, two tasks in each stage, in order."""
    world.register(1, 2)
    assert world.submit() == ["prepare job 0", "map 0 → 1", "map 1 → 2"]
    assert world.finish(1, 2) == []
    assert world.finish(0, 1) == ["reduce 0 → 1", "reduce 1 → 2"]
    assert world.finish(0, 1) == []
    assert world.finish(1, 2) == ["clean up job 0"]


def test_task_messages_are_those_of_the_contract(world):
    """Inputs are dealt round robin; a reducer gets a part of each map."""
    world.register(1, 2)
    world.submit(2, 1)
    world.finish(0, 1)
    world.finish(1, 2)
    assert world.sent[2:] == [
        messages.MapTaskMessage(
            task_id=0, input_paths=["in/a", "in/c"], executable="map",
            output_directory="jobs/0", num_partitions=1),
        messages.MapTaskMessage(
            task_id=1, input_paths=["in/b"], executable="map",
            output_directory="jobs/0", num_partitions=1),
        messages.ReduceTaskMessage(
            task_id=0, executable="reduce", output_directory="out",
            input_paths=["jobs/0/maptask00000-part00000",
                         "jobs/0/maptask00001-part00000"]),
    ]


def test_more_mappers_than_files(world):
    """The tasks without files are run, too."""
    world.register(1)
    world.splits = [Split("in/a")]
    world.submit(3, 1)
    world.finish(0, 1)
    world.finish(1, 1)
    assert [task.input_paths for task in world.sent[1:]] == [["in/a"], [], []]


def test_one_worker_does_all(world):
    """It gets the next task when it has finished one."""
    world.register(1)
    assert world.submit(2, 1) == ["prepare job 0", "map 0 → 1"]
    assert world.finish(0, 1) == ["map 1 → 1"]
    assert world.finish(1, 1) == ["reduce 0 → 1"]
    assert world.finish(0, 1) == ["clean up job 0"]


def test_reduce_waits_for_the_last_map_task(world):
    """A Worker without a task stays ready until then."""
    world.register(1, 2)
    world.submit(2, 1)
    assert world.finish(0, 1) == []
    assert world.finish(1, 2) == ["reduce 0 → 1"]


def test_workers_are_served_in_the_order_of_registration(world):
    """Not in the order in which they became ready."""
    world.register(3, 1, 2)
    world.submit(3, 3)
    world.finish(2, 2)
    world.finish(1, 1)
    assert world.finish(0, 3) == [
        "reduce 0 → 3", "reduce 1 → 1", "reduce 2 → 2"]


def test_registering_again_moves_a_worker_to_the_end(world):
    """Also when it had no task."""
    world.register(1, 2, 1)
    assert world.submit(1, 1) == ["prepare job 0", "map 0 → 2"]


def test_new_worker_gets_a_waiting_task_at_once(world):
    """In the middle of a job, after its ack."""
    world.register(1)
    world.submit(2, 1)
    assert world.register(2) == ["register_ack → 2", "map 1 → 2"]


def test_jobs_run_one_at_a_time_in_order(world):
    """The next starts when the directory of the last has gone."""
    world.register(1)
    world.submit(1, 1)
    assert world.submit(1, 1) == []
    assert world.submit(1, 1) == []
    world.finish(0, 1)
    assert world.finish(0, 1) == [
        "clean up job 0", "prepare job 1", "map 0 → 1"]
    world.finish(0, 1)
    assert world.finish(0, 1) == [
        "clean up job 1", "prepare job 2", "map 0 → 1"]


def test_job_after_an_idle_time_has_the_next_id(world):
    """Ids are never given twice."""
    world.register(1)
    world.submit(1, 1)
    world.finish(0, 1)
    world.finish(0, 1)
    assert world.submit(1, 1) == ["prepare job 1", "map 0 → 1"]


def test_job_that_cannot_be_prepared_lets_the_next_run(world, caplog):
    """Its owner reads why in the log."""
    world.register(1)
    world.unpreparable = {1: "no such directory"}
    world.submit(1, 1)
    world.submit(1, 1)
    world.submit(1, 1)
    world.finish(0, 1)
    assert world.finish(0, 1) == [
        "clean up job 0", "prepare job 1",
        "clean up job 1", "prepare job 2", "map 0 → 1"]
    assert "Job 1 failed: no such directory" in caplog.text


@pytest.mark.parametrize("event", [
    events.JobPrepared(7, "jobs/7", []), events.JobBlocked(7, "late")])
def test_outcome_of_another_job_has_no_effect(world, event):
    """Only the job that runs can be prepared or fail."""
    world.submit()
    assert world.happen(event) == []


def test_shutdown_goes_to_all_who_live_then_the_manager_exits(world):
    """Whatever they do at the moment."""
    world.register(1, 2)
    world.submit(1, 1)
    assert world.happen(messages.ShutdownMessage()) == [
        "shutdown → 1", "shutdown → 2", "exit"]


def test_finished_counts_only_from_the_worker_that_holds_the_task(world):
    """Not from others, not for other tasks, not twice."""
    world.register(1, 2)
    world.submit(2, 1)
    assert world.finish(0, 2) == []
    assert world.finish(1, 1) == []
    assert world.finish(0, 3) == []
    assert world.finish(5, 1) == []
    assert world.finish(0, 1) == []
    assert world.finish(0, 1) == []
    assert world.finish(1, 2) == ["reduce 0 → 1"]


def test_finished_of_the_map_stage_does_not_count_in_the_reduce_stage(world):
    """Task ids start from 0 again."""
    world.register(1, 2)
    world.submit(2, 2)
    world.finish(0, 1)
    world.finish(1, 2)
    assert world.finish(0, 2) == []
    assert world.finish(1, 1) == []
    assert world.finish(1, 2) == []
    assert world.finish(0, 1) == ["clean up job 0"]


def test_finished_without_a_job_has_no_effect(world):
    """Late ones arrive after the job has ended."""
    world.register(1)
    assert world.finish(0, 1) == []
