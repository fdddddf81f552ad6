"""What becomes of the two attempts at a slow task."""
import pytest

from mapreduce.manager.scheduling import events
from mapreduce.protocol import messages
from tests.support.backup_worlds import BackupWorld
from tests.support.extended_jobs import (
    counters_of,
    jobs_of,
    reasons_of,
    statuses_of,
    submit,
    tell,
)


@pytest.fixture(name="world")
def _world():
    return BackupWorld()


def end(world):
    """Let the reduce stage and so the job end."""
    world.finish(0, 1)
    assert reasons_of(world) == [("done", None)]


def test_backup_that_is_done_first_counts(world):
    world.begin()
    world.pass_time()
    assert world.finish(2, 1) == ["cancel 2 → 3"]
    assert world.fail(2, 3, "cancelled") == ["extended reduce 0 → 1"]
    assert world.attempts() == [
        (3, "cancelled", False), (1, "done", True)]
    end(world)
    assert [worker.tasks_done for worker in world.scheduler.workers] == [
        3, 1, 0]
    assert [worker.tasks_failed for worker in world.scheduler.workers] == [
        0, 0, 0]


def test_cancel_of_the_other_attempt_names_its_job(world):
    """It may come late, and must not end a task of the next job."""
    world.begin()
    world.pass_time()
    winner, _, other = world.scheduler.workers
    other.token = "t"
    sent = [action for action in world.scheduler.handle(
        messages.FinishedMessage(2, *winner.address), world.now)
            if isinstance(action, events.Send)]
    assert sent == [events.Send(other, messages.CancelMessage(2, "t", 0))]


def test_first_attempt_that_is_done_first_counts(world):
    world.begin()
    world.pass_time()
    assert world.finish(2, 3) == ["cancel 2 → 1"]
    assert world.fail(2, 1, "cancelled") == ["extended reduce 0 → 1"]
    assert world.attempts() == [
        (3, "done", False), (1, "cancelled", True)]
    end(world)


def test_other_attempt_that_was_done_meanwhile_does_not_count(world):
    """Its `finished` was on its way when it was cancelled."""
    world.begin()
    world.pass_time()
    counters = {"group": {"name": 1}}
    world.finish(2, 1)
    tell(world, 2, 3, "late")
    assert world.finish(2, 3, counters) == ["extended reduce 0 → 1"]
    assert world.finish(2, 3, counters) == []
    assert world.attempts() == [
        (3, "cancelled", False), (1, "done", True)]
    assert counters_of(world) == ()
    assert statuses_of(world)[2] is None
    end(world)


def test_failure_is_none_while_the_other_attempt_runs(world):
    world.begin()
    world.pass_time()
    assert world.fail(2, 3) == []
    assert world.attempts() == [(3, "failed", False), (1, "running", True)]
    assert world.finish(2, 1) == ["extended reduce 0 → 1"]
    end(world)


def test_failed_backup_leaves_the_first_attempt_alone(world):
    world.begin()
    world.pass_time()
    assert world.fail(2, 1) == []
    assert world.finish(2, 3) == ["extended reduce 0 → 1"]
    assert world.attempts() == [(3, "done", False), (1, "failed", True)]
    end(world)


def test_task_is_tried_again_when_both_attempts_have_failed(world):
    """Elsewhere, and within the number of attempts; in any order."""
    world.begin(max_map_attempts=3)
    world.pass_time()
    world.fail(2, 1)
    assert world.fail(2, 3) == ["extended map 2 → 2"]
    assert world.fail(2, 2) == ["discard output", "clean up job 0"]
    assert reasons_of(world) == [(
        "failed", "map task 2 failed 3 times, the last time because it "
        "broke")]


@pytest.mark.parametrize("dead, other", [(3, 1), (1, 3)])
def test_other_attempt_goes_on_if_a_worker_dies(world, dead, other):
    world.begin()
    world.pass_time()
    assert world.pass_time(11.0, {1, 2, 3} - {dead}) == []
    assert world.finish(2, other) == [
        f"extended reduce 0 → {min(other, 2)}"]
    assert (dead, "lost", dead == 1) in world.attempts()


def test_task_waits_again_when_both_workers_have_died(world):
    world.begin()
    world.pass_time()
    assert world.pass_time(11.0, {2}) == ["extended map 2 → 2"]
    assert world.finish(2, 2) == ["extended reduce 0 → 2"]


@pytest.mark.parametrize("how", ["dies", "registers again", "is refused"])
def test_stage_goes_on_when_a_cancelled_worker_ends(world, how):
    world.begin()
    world.pass_time()
    if how == "is refused":
        world.unreachable = {3}
    actions = world.finish(2, 1)
    if how == "dies":
        actions += world.pass_time(11.0, {1, 2})
    elif how == "registers again":
        actions += world.register(3)
    assert actions[0] == "cancel 2 → 3"
    assert actions[-1] == "extended reduce 0 → 1"
    assert world.attempts() == [(3, "lost", False), (1, "done", True)]
    end(world)


def test_backup_that_cannot_be_sent_goes_to_the_next_worker(world):
    world.begin()
    world.unreachable = {1}
    assert world.pass_time() == ["extended map 2 → 1", "extended map 2 → 2"]
    assert world.attempts() == [(3, "running", False), (2, "running", True)]
    assert world.sent[-1].environment[
        "mapreduce_task_attempt_id"].endswith("_000002_1")


def test_late_refusal_of_the_first_attempt_is_no_attempt_again(world):
    """The number of the backup must not be given twice."""
    world.register(1, 2, 3)
    world.slow = {3}
    submit(world, max_mappers=3, map_speculative=True)
    world.now += 1.0
    world.finish(0, 1)
    world.finish(1, 2)
    assert world.pass_time() == ["extended map 2 → 1"]
    assert world.be_refused() == []
    assert world.fail(2, 1) == ["extended map 2 → 2"]
    assert [task.environment["mapreduce_task_attempt_id"][-3:]
            for task in world.sent if getattr(task, "task_id", 0) == 2] == [
        "2_0", "2_1", "2_2"]


def test_cancelled_job_cancels_both_attempts(world):
    world.begin()
    world.pass_time()
    assert world.happen(messages.CancelJobMessage(0)) == [
        "cancel 2 → 1", "cancel 2 → 3"]
    assert world.fail(2, 1, "cancelled") == []
    assert world.fail(2, 3, "cancelled") == [
        "discard output", "clean up job 0"]
    assert world.attempts() == [
        (3, "cancelled", False), (1, "cancelled", True)]


def test_job_ends_when_the_cancelled_attempt_has_ended(world):
    """A part that it still moves must not meet the next job."""
    world.register(1, 2)
    submit(world, num_reducers=2, reduce_speculative=True)
    world.finish(0, 1)
    world.finish(1, 2)
    world.now += 1.0
    world.finish(0, 1)
    world.pass_time()
    assert world.finish(1, 1) == ["cancel 1 → 2"]
    assert jobs_of(world)[0].state == "reduce"
    assert world.fail(1, 2, "cancelled") == ["clean up job 0"]


def test_task_whose_files_are_missing_is_tried_again(world):
    world.begin()
    world.pass_time()
    world.finish(2, 1)
    world.missing = {2: "maptask00002-part00000"}
    assert world.fail(2, 3, "cancelled") == ["extended map 2 → 2"]
    assert world.attempts() == [
        (3, "cancelled", False), (1, "failed", True), (2, "running", False)]
    assert world.finish(2, 2) == ["extended reduce 0 → 1"]


# Files and logs

def test_attempts_have_files_of_their_own(world):
    world.begin(logs="kept")
    world.pass_time()
    first, backup = [task for task in world.sent if getattr(
        task, "task_id", None) == 2]
    assert (first.output_directory, backup.output_directory) == (
        "jobs/0", "jobs/0/backups")
    assert (first.logs, backup.logs) == (
        "kept/map-00002-attempt-1.stderr", "kept/map-00002-attempt-2.stderr")


def test_reason_names_the_log_of_the_attempt_that_failed(world):
    world.begin(logs="kept", max_map_attempts=2)
    world.pass_time()
    world.fail(2, 1)
    world.fail(2, 3)
    assert jobs_of(world)[0].reason.endswith("kept/map-00002-attempt-1.stderr")


@pytest.mark.parametrize("winner, backups", [(1, (2,)), (3, ())])
def test_files_of_the_attempt_that_counts_are_taken(world, winner, backups):
    world.begin()
    world.pass_time()
    seen = []
    handle = world.scheduler.handle

    def watch(event, now):
        actions = handle(event, now)
        seen.extend(action.backups for action in actions
                    if isinstance(action, events.CheckOutput))
        return actions
    world.scheduler.handle = watch
    world.finish(2, winner)
    world.fail(2, 4 - winner, "cancelled")
    assert seen == [backups]
