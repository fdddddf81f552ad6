"""Jobs that keep an old result until their own is complete."""
from mapreduce.manager.scheduling import events
from mapreduce.manager.scheduling.scheduler import Scheduler
from mapreduce.protocol import messages
from mapreduce.protocol.fields import Split
from mapreduce.protocol.status import JobState
from tests.support.scheduler_world import HOST, extended_job


def started(**fields):
    """Return a Scheduler with a Worker whose map task has been sent."""
    scheduler = Scheduler()
    scheduler.handle(messages.RegisterMessage(HOST, 1), 0.0)
    scheduler.handle(extended_job(
        keep_old=True, environment=None, num_mappers=1, max_mappers=None,
        **fields), 0.0)
    actions = scheduler.handle(events.JobPrepared(
        0, "jobs/0", [Split("in/a")], ".out-new-1/new"), 0.0)
    return scheduler, actions


def finish(scheduler):
    """Let the Worker report its task, whose files are there.

    Return where they are, and the next actions.
    """
    (check,) = scheduler.handle(messages.FinishedMessage(0, HOST, 1), 1.0)
    return check.expected.directory, scheduler.handle(
        events.OutputChecked(0, {}), 1.0)


def job_of(scheduler):
    """Return the status of the only job."""
    return scheduler.snapshot(1.0).jobs.statuses()[0]


def test_parts_go_into_the_hidden_directory_and_the_status_names_the_other():
    """The result is published before the job is done."""
    scheduler, _ = started()
    directory, (send,) = finish(scheduler)
    assert directory == "jobs/0"
    assert send.message.output_directory == ".out-new-1/new"
    assert finish(scheduler) == (
        ".out-new-1/new", [events.PublishResult(0)])
    assert job_of(scheduler).state is JobState.REDUCE
    assert scheduler.handle(events.ResultPublished(0), 2.0) == [
        events.CleanUpJob(0)]
    assert (job_of(scheduler).state, job_of(scheduler).output_directory) == (
        JobState.DONE, "out")


def test_parts_of_a_job_without_reducers_go_there_too():
    scheduler, actions = started(num_reducers=0, reducer_executable=None)
    worker = actions[-1].worker
    (send,) = scheduler.handle(events.CapabilitiesKnown(
        worker, frozenset({"new_extended_map_task"})), 0.0)
    assert send.message.output_directory == ".out-new-1/new"
    assert finish(scheduler) == (
        ".out-new-1/new", [events.PublishResult(0)])


def test_result_that_cannot_be_published_fails_the_job():
    """The old one is not touched."""
    scheduler, _ = started()
    finish(scheduler)
    finish(scheduler)
    assert scheduler.handle(events.JobBlocked(0, "it holds 'notes'"), 2.0) == [
        events.CleanUpJob(0)]
    assert (job_of(scheduler).state, job_of(scheduler).reason) == (
        JobState.FAILED, "it holds 'notes'")


def test_cancelled_job_discards_no_old_result():
    scheduler, actions = started()
    scheduler.handle(messages.CancelJobMessage(0), 1.0)
    assert scheduler.handle(messages.FailedMessage(
        0, HOST, 1, "cancelled"), 1.0) == [events.CleanUpJob(0)]
    assert isinstance(actions[-1], events.Send)
