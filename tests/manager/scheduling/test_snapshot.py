"""What the Scheduler shows of its Workers, jobs and tasks; cancelling."""
import dataclasses

import pytest

from mapreduce.manager.scheduling import jobs
from mapreduce.protocol import messages
from mapreduce.protocol.status import WorkerAddress, WorkerTask
from tests.support.scheduler_world import HOST, World


@pytest.fixture(name="world")
def _world():
    return World()


def jobs_of(world):
    """Return the status of each job."""
    return world.scheduler.snapshot(world.now).status(world.now).jobs


def states_of(world):
    """Return the state of each job."""
    return [status.state for status in jobs_of(world)]


def tasks_of(world, job_id=0):
    """Return what is shown of each task, without its stage and id."""
    return [
        (task.state, task.worker and task.worker.port, task.attempts,
         task.seconds, task.reason)
        for task in world.scheduler.details(job_id, world.now).tasks]


def cancel(world, job_id):
    """Let a client cancel a job."""
    return world.happen(messages.CancelJobMessage(job_id))


# Jobs

def test_job_goes_through_its_states(world):
    world.register(1)
    world.submit(1, 1)
    world.submit(1, 1)
    assert states_of(world) == ["map", "queued"]
    world.finish(0, 1)
    assert states_of(world) == ["reduce", "queued"]
    world.finish(0, 1)
    assert states_of(world) == ["done", "map"]


def test_status_of_a_job_tells_its_progress(world):
    world.register(1)
    world.wait(1)
    world.submit(2, 3, job_key="k", job_name="my job")
    world.finish(0, 1)
    world.wait(4)
    [status] = jobs_of(world)
    assert dataclasses.asdict(status) == {
        "id": 0, "name": "my job", "key": "k", "state": "map",
        "tasks_done": 1, "tasks": 5, "map_tasks_done": 1, "map_tasks": 2,
        "reduce_tasks_done": 0, "reduce_tasks": 3, "seconds": 4.0,
        "reason": None, "input_directory": "in", "output_directory": "out",
        "mapper_executable": "map", "reducer_executable": "reduce",
        "directory": "", "submitted_at": None, "submitted_by": None,
        "started_at": None,
        "ended_at": None}


def test_time_of_a_job_ends_with_it(world):
    world.register(1)
    world.submit(1, 1)
    world.wait(2)
    world.finish(0, 1)
    world.finish(0, 1)
    world.wait(5)
    assert [status.seconds for status in jobs_of(world)] == [2.0]


def test_failed_job_tells_the_reason(world):
    world.register(1)
    world.submit(1, 1)
    for _ in range(4):
        world.fail(0, 1, "no such key")
    [status] = jobs_of(world)
    assert status.state == "failed"
    assert status.reason.startswith("map task 0 failed 4 times")
    assert status.reason.endswith("no such key")


def test_reason_is_not_that_of_the_job_before(world):
    world.register(1)
    world.unpreparable[0] = "no input"
    world.submit()
    world.submit(1, 1)
    world.finish(0, 1)
    world.finish(0, 1)
    assert [(status.state, status.reason) for status in jobs_of(world)] == [
        ("failed", "no input"), ("done", None)]


def test_submission_with_a_known_key_is_ignored(world):
    """Sent twice, it runs once, also when the first has ended."""
    for _ in range(2):
        world.submit(1, 1, job_key="a")
    assert world.submit(1, 1, job_key="b") == []
    assert states_of(world) == ["map", "queued"]
    world.register(1)
    world.finish(0, 1)
    world.finish(0, 1)
    world.submit(1, 1, job_key="a")
    assert states_of(world) == ["done", "map"]


def test_history_has_a_bound(world, mocker):
    mocker.patch.multiple(jobs, MAX_ENDED=3, MAX_DETAILED=2)
    world.register(1)
    for number in range(5):
        world.submit(1, 1, job_key=str(number))
        world.finish(0, 1)
        world.finish(0, 1)
    assert [status.id for status in jobs_of(world)] == [2, 3, 4]
    assert [len(tasks_of(world, job_id)) for job_id in range(5)] == [
        0, 0, 0, 2, 2]
    assert world.scheduler.details(1, 0.0).job is None
    assert world.scheduler.details(2, 0.0).job.state == "done"
    world.submit(1, 1, job_key="1")
    assert states_of(world)[-1] == "map"


# Tasks

def test_tasks_of_a_job_are_shown(world):
    world.register(1, 2)
    world.submit(3, 1)
    world.wait(2)
    world.finish(1, 2)
    world.wait(1)
    details = world.scheduler.details(0, world.now)
    assert [(task.stage, task.task_id) for task in details.tasks] == [
        ("map", 0), ("map", 1), ("map", 2), ("reduce", 0)]
    assert details.tasks[0].worker == WorkerAddress(HOST, 1)
    assert tasks_of(world) == [
        ("running", 1, 1, 3.0, None), ("done", 2, 1, 2.0, None),
        ("running", 2, 1, 1.0, None), ("waiting", None, 0, None, None)]


def test_failure_and_death_are_attempts(world):
    world.register(1, 2)
    world.submit(1, 1)
    world.fail(0, 1, "it broke")
    assert tasks_of(world)[0] == ("running", 2, 2, 0.0, "it broke")
    world.beat(1)
    world.wait(6)
    world.beat(1)
    world.wait(5)
    assert tasks_of(world)[0] == ("running", 1, 3, 0.0, "it broke")


def test_refused_task_was_no_attempt(world):
    world.register(1, 2)
    world.unreachable.add(1)
    world.submit(1, 1)
    assert tasks_of(world)[0] == ("running", 2, 1, 0.0, None)


def test_tasks_of_a_job_that_failed(world):
    world.register(1)
    world.submit(2, 1)
    for _ in range(4):
        world.fail(0, 1, "it broke")
    assert tasks_of(world) == [
        ("failed", 1, 4, 0.0, "it broke"),
        ("cancelled", None, 0, None, None),
        ("cancelled", None, 0, None, None)]


def test_task_of_a_cancelled_job_runs_until_its_worker_answers(world):
    world.register(1)
    world.submit(1, 1)
    cancel(world, 0)
    assert [task[0] for task in tasks_of(world)] == ["running", "cancelled"]
    world.fail(0, 1, "cancelled")
    assert [task[0] for task in tasks_of(world)] == ["cancelled", "cancelled"]


def test_task_that_kills_its_workers_tells_so(world):
    world.register(1, 2, 3, 4)
    world.submit(1, 1)
    for _ in range(4):
        world.register(world.scheduler.snapshot(0.0).workers[0].port)
    state, _, attempts, _, reason = tasks_of(world)[0]
    assert (state, attempts) == ("failed", 4)
    assert reason.startswith("map task 0 was with 4 Workers when they died")


def test_failure_of_another_attempt_does_not_make_a_task_the_cause(world):
    world.register(1)
    world.submit(1, 1)
    world.fail(0, 1, "once")
    cancel(world, 0)
    world.fail(0, 1, "cancelled")
    assert tasks_of(world)[0] == ("cancelled", 1, 2, 0.0, "once")


@pytest.mark.parametrize("unreachable", [False, True])
def test_task_of_a_cancelled_job_ends_with_its_worker(world, unreachable):
    """Whether it dies afterwards, or when it is told."""
    world.register(1)
    world.submit(1, 1)
    world.wait(2)
    if unreachable:
        world.unreachable.add(1)
    cancel(world, 0)
    if not unreachable:
        world.register(1)
    world.wait(60)
    assert tasks_of(world)[0] == ("cancelled", 1, 1, 2.0, None)
    assert states_of(world) == ["cancelled"]


def test_nobody_knows_a_job_that_never_was(world):
    details = world.scheduler.details(7, 0.0)
    assert (details.job, details.tasks) == (None, ())


# Workers

def test_workers_are_shown(world):
    world.register(1, 2, 3)
    world.submit(3, 1)
    world.finish(1, 2)
    world.fail(2, 3)
    world.wait(7)
    world.beat(1, 2)
    world.wait(4)
    shown = world.scheduler.snapshot(world.now).workers
    assert [(its.host, its.port, its.state, its.task, its.silent_seconds,
             its.tasks_done, its.tasks_failed) for its in shown] == [
        (HOST, 1, "busy", WorkerTask(0, "map", 0), 4.0, 0, 0),
        (HOST, 2, "busy", WorkerTask(0, "map", 2), 4.0, 1, 0),
        (HOST, 3, "dead", None, 11.0, 0, 1)]


def test_time_goes_on_after_a_snapshot(world):
    world.register(1)
    world.submit(1, 1)
    shown = world.scheduler.snapshot(2.0).status(5.0)
    assert shown.workers[0].silent_seconds == 5.0
    assert shown.jobs[0].seconds == 5.0


# Cancelling

def test_queued_job_leaves_the_queue(world):
    world.register(1)
    world.submit(1, 1)
    world.submit(1, 1)
    world.submit(1, 1)
    assert cancel(world, 1) == []
    assert states_of(world) == ["map", "cancelled", "queued"]
    world.finish(0, 1)
    assert world.finish(0, 1) == [
        "clean up job 0", "prepare job 2", "map 0 → 1"]


def test_running_job_ends_when_its_workers_have_answered(world):
    world.register(1, 2)
    world.submit(2, 1)
    world.submit(1, 1)
    assert cancel(world, 0) == ["cancel 0 → 1", "cancel 1 → 2"]
    assert states_of(world) == ["map", "queued"]
    assert world.fail(0, 1, "cancelled") == []
    assert world.fail(1, 2, "cancelled") == [
        "discard output", "clean up job 0", "prepare job 1", "map 0 → 1"]
    assert states_of(world) == ["cancelled", "map"]
    assert jobs_of(world)[0].reason is None


def test_job_without_workers_is_cancelled_at_once(world):
    world.submit()
    assert cancel(world, 0) == ["discard output", "clean up job 0"]
    assert states_of(world) == ["cancelled"]


def test_cancel_of_what_does_not_run_has_no_effect(world):
    world.register(1)
    world.submit(1, 1)
    world.finish(0, 1)
    world.finish(0, 1)
    for job_id in (0, 1):
        assert cancel(world, job_id) == []
    assert states_of(world) == ["done"]


def test_cancelling_twice_is_cancelling_once(world):
    world.register(1)
    world.submit(1, 1)
    assert cancel(world, 0) == ["cancel 0 → 1"]
    assert cancel(world, 0) == []
    assert world.fail(0, 1, "cancelled") == [
        "discard output", "clean up job 0"]
    assert states_of(world) == ["cancelled"]


def test_status_of_a_job_has_its_times(world):
    """As the clock on the wall showed them at each event."""
    world.register(1)
    clock = world.scheduler.jobs
    clock.wall_time = "at one"
    world.submit(1, 0, job_key="first")
    clock.wall_time = "at two"
    world.submit(1, 0, job_key="second")
    world.submit(1, 0, job_key="third")
    clock.wall_time = "at three"
    world.finish(0, 1)
    clock.wall_time = "at four"
    world.happen(messages.CancelJobMessage(2))
    assert [(job.submitted_at, job.started_at, job.ended_at)
            for job in jobs_of(world)] == [
        ("at one", "at one", "at three"), ("at two", "at three", None),
        ("at two", None, "at four")]


def test_status_of_a_job_names_who_submitted_it(world):
    """As far as its client told."""
    world.register(1)
    world.submit(1, 0, submitted_by="ann@host1")
    world.submit(1, 0, submitted_by="bob@host2")
    world.submit(1, 0)
    assert [job.submitted_by for job in jobs_of(world)] == [
        "ann@host1", "bob@host2", None]
