"""A Manager that dies at any moment, and the next one with its facts."""
import pytest

from mapreduce.manager.scheduling import events, facts
from mapreduce.protocol import messages
from mapreduce.protocol.status import (
    JobState,
    Stage,
    WorkerAddress,
    WorkerState,
)
from tests.support.restart_world import HOST, Died, RestartWorld
from tests.support.scheduler_world import extended_job, job

MAX_ATTEMPTS = 4


def run_until_death(num_actions):
    """Run a job of 3 × 2 tasks that a Manager dies in; return its world."""
    world = RestartWorld()
    world.die_after = num_actions
    try:
        world.register(1, 2)
        for number in range(3):
            world.happen(job(3, 2, job_key=f"key-{number}"))
        while holders := world.holders():
            world.finish(holders[0])
    except Died:
        return world
    return None


def finish_all(world):
    """Let all tasks be done."""
    world.register(1, 2)
    while holders := world.holders():
        world.finish(holders[0])


def test_death_after_each_action():
    """Three jobs end right, each once, wherever the first Manager dies."""
    num_actions = 0
    while world := run_until_death(num_actions):
        for keep_tail in (False, True):
            world = run_until_death(num_actions)
            world.restart(keep_tail)
            for number in range(3):
                world.happen(job(3, 2, job_key=f"key-{number}"))
            finish_all(world)
            assert [world.state_of(job_id) for job_id in range(3)] == (
                [JobState.DONE] * 3)
            assert world.outcomes == {
                job_id: {JobState.DONE} for job_id in range(3)}
        num_actions += 1
    assert num_actions > 60


def begun(*submissions):
    """Return a world with a Worker and jobs, of which the first has begun."""
    world = RestartWorld()
    world.register(1)
    for submission in submissions:
        world.happen(submission)
    return world


def finish_one(world):
    """Let the Worker finish its task."""
    world.finish(world.holders()[0])


def tasks_sent(actions):
    """Return the messages of the tasks among some actions."""
    return [action.message for action in actions
            if isinstance(action, events.Send)
            and isinstance(action.message, messages.TaskMessage)]


def test_done_map_tasks_are_not_done_again():
    """The others go out with the directory of the new start."""
    world = begun(job(3, 2))
    finish_one(world)
    assert world.restart() == []
    (task,) = tasks_sent(world.register(1))
    assert (task.task_id, task.output_directory) == (1, "1/job-00000")


def test_reduce_stage_goes_on():
    world = begun(job(1, 3))
    finish_one(world)
    finish_one(world)
    world.restart()
    (task,) = tasks_sent(world.register(1))
    assert (task.task_id, task.input_paths) == (
        1, ["1/job-00000/maptask00000-part00001"])


def test_map_task_without_files_is_done_again_and_with_it_the_reduce_stage():
    world = begun(job(2, 2))
    for _ in range(3):
        finish_one(world)
    world.restart(lost_files=lambda fact: fact.task_id == 1)
    (task,) = tasks_sent(world.register(1))
    assert isinstance(task, messages.MapTaskMessage)
    assert task.task_id == 1
    finish_all(world)
    assert world.state_of(0) is JobState.DONE


def test_attempts_before_a_restart_count():
    world = begun(job(1, 1))
    for _ in range(MAX_ATTEMPTS - 1):
        world.fail(world.holders()[0])
    world.restart()
    world.register(1)
    world.fail(world.holders()[0])
    assert world.state_of(0) is JobState.FAILED


def test_deaths_of_workers_before_a_restart_count():
    world = begun(job(1, 1))
    for _ in range(3):
        world.register(1)
    world.restart()
    world.register(1)
    world.register(1)
    assert world.state_of(0) is JobState.FAILED


def test_attempts_after_a_restart_have_other_numbers():
    world = begun(extended_job())
    (worker,) = world.scheduler.workers
    extended = frozenset({"new_extended_map_task"})
    world.happen(events.CapabilitiesKnown(worker, extended))
    world.restart()
    world.register(1)
    (worker,) = world.scheduler.workers
    (task,) = tasks_sent(world.happen(
        events.CapabilitiesKnown(worker, extended)))
    assert task.environment["mapreduce_task_attempt_id"] == (
        "attempt_2026_0000_m_000000_1000")


def test_queue_keeps_order_names_keys_and_times():
    world = RestartWorld()
    world.scheduler.jobs.wall_time = "2026-11-26T07:15:24+0000"
    for name in "abc":
        world.happen(job(job_key=name, job_name=name.upper()))
    world.restart()
    assert [(status.id, status.key, status.name, status.submitted_at)
            for status in world.scheduler.snapshot(0.0).jobs.statuses()] == [
        (number, name, name.upper(), "2026-11-26T07:15:24+0000")
        for number, name in enumerate("abc")]
    assert world.happen(job(job_key="b")) == []


def test_ended_jobs_stay_in_the_history_with_result_and_reason():
    world = begun(job(1, 1), job(1, 1))
    finish_one(world)
    finish_one(world)
    for _ in range(MAX_ATTEMPTS):
        world.fail(world.holders()[0])
    before = world.scheduler.snapshot(0.0).jobs.statuses()
    world.restart()
    assert world.scheduler.snapshot(0.0).jobs.statuses() == before
    assert [status.state for status in before] == [
        JobState.DONE, JobState.FAILED]


def test_job_that_clients_saw_end_is_never_shown_as_running():
    """Its Manager died before its directories were removed."""
    world = begun(job(1, 1))
    finish_one(world)
    world.die_after = 3
    with pytest.raises(Died):
        finish_one(world)
    assert isinstance(world.journal[-1], facts.JobEnded)
    world.die_after = 0
    with pytest.raises(Died):
        world.restart(die_after=0)
    assert world.state_of(0) is JobState.DONE
    (status,) = world.scheduler.snapshot(0.0).jobs.statuses()
    assert status.state is JobState.DONE


def test_counters_survive():
    world = begun(job(2, 1))
    world.map_output.add((0, 0, 0))
    world.happen(messages.FinishedMessage(
        0, HOST, 1, counters={"words": {"long": 7}}))
    world.restart()
    assert world.scheduler.details(0, 0.0).counters[0].amount == 7
    finish_all(world)
    world.restart()
    assert world.scheduler.details(0, 0.0).counters[0].amount == 7


def test_job_that_was_being_prepared_is_prepared_again():
    world = RestartWorld()
    world.die_after = 2
    with pytest.raises(Died):
        world.happen(job())
    assert isinstance(world.journal[-1], facts.JobStarted)
    world.restart()
    assert (world.prepared, world.again) == ([], [0])


def test_job_whose_preparation_kills_three_managers_fails():
    """The next one runs."""
    world = RestartWorld()
    world.die_after = 2
    with pytest.raises(Died):
        world.happen(job())
    for _ in range(2):
        with pytest.raises(Died):
            world.restart(die_after=1)
    assert world.restart() == [events.CleanUpJob(0)]
    assert world.state_of(0) is JobState.FAILED
    assert world.scheduler.details(0, 0.0).job.reason == (
        "the Manager died 3 times while it made the directories of this job")
    world.happen(job(1, 1))
    finish_all(world)
    assert world.state_of(1) is JobState.DONE


def test_job_whose_output_directory_was_replaced_fails():
    """What is there now is not removed."""
    world = begun(job(1, 1))
    assert world.restart(obstacle="it was replaced") == [
        events.CleanUpJob(0)]
    assert world.state_of(0) is JobState.FAILED
    assert world.scheduler.details(0, 0.0).job.reason == "it was replaced"


def test_cancelled_job_is_discarded_after_a_restart():
    world = begun(job(1, 1))
    world.happen(messages.CancelJobMessage(0))
    assert world.restart() == [
        events.DiscardOutput("out"), events.CleanUpJob(0)]
    assert world.state_of(0) is JobState.CANCELLED


def test_facts_that_contradict_each_other_fail_that_job_only():
    world = begun(job(1, 1), job(1, 1))
    world.journal.append(facts.AttemptFailed(
        0, Stage.MAP, 7, WorkerAddress(HOST, 1), "it broke"))
    world.restart()
    assert world.state_of(0) is JobState.FAILED
    finish_all(world)
    assert world.state_of(1) is JobState.DONE


@pytest.mark.parametrize("ends", [True, False])
def test_job_that_can_not_be_read_has_failed(ends):
    """It is shown, whether it had ended or not; the other one goes on."""
    world = begun(job(1, 1), job(1, 1))
    if ends:
        finish_one(world)
        finish_one(world)
    unreadable = facts.JobAborted(0, JobState.FAILED, None, "rotten", False)
    world.journal = [
        unreadable if isinstance(
            fact, (facts.JobAccepted, facts.JobArchived))
        and fact.job_id == 0 else fact for fact in world.journal]
    world.restart()
    status = world.scheduler.details(0, 0.0).job
    assert (status.state, status.reason) == (JobState.FAILED, "rotten")
    finish_all(world)
    assert world.state_of(1) is JobState.DONE


def test_worker_that_saw_nothing_of_the_restart_is_asked_to_register():
    """At its first heartbeat."""
    world = begun()
    world.restart()
    assert world.happen(messages.HeartbeatMessage(HOST, 1)) == [
        events.AskToRegister((HOST, 1))]


def test_refused_job_has_the_reason():
    world = RestartWorld()
    world.scheduler.jobs.refusal = "the disk is full"
    assert world.happen(job(job_key="a")) == []
    status = world.scheduler.details(0, 0.0).job
    assert (status.state, status.reason) == (
        JobState.FAILED, "the disk is full")


def test_without_facts_nothing_is_among_the_actions():
    """So a Manager without a state directory does what it always did."""
    world = begun(job(1, 1))
    world.scheduler.jobs.log.enabled = False
    finish_one(world)
    num_facts = len(world.journal)
    finish_one(world)
    assert len(world.journal) == num_facts
    assert all(worker.state is WorkerState.READY
               for worker in world.scheduler.workers)
