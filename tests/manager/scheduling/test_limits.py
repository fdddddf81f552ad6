"""What clients submit has limits, and so have the answers to them."""
import pytest

from mapreduce.manager.scheduling import snapshot
from mapreduce.protocol import codec, messages
from mapreduce.protocol.status import JobState
from tests.support.scheduler_world import extended_job

LONG = "x" * 10_000


@pytest.fixture(name="limits")
def make_limits(mocker):
    """Return a function: set the limits of the queue."""
    def limits(jobs=10_000, size=10**9):
        mocker.patch.multiple(
            "mapreduce.manager.scheduling.waiting_jobs",
            MAX_JOBS=jobs, MAX_SIZE=size)
    return limits


def states(world):
    """Return the states of all jobs."""
    return [job.state for job in world.scheduler.snapshot(world.now).status(
        world.now).jobs]


def job(world, key):
    """Return what a client is told that asks for its job."""
    (found,) = world.scheduler.snapshot(world.now).status(world.now, key).jobs
    return found


def test_job_that_finds_the_queue_full_is_refused(world, limits, caplog):
    """Its client reads why."""
    limits(jobs=2)
    for number in range(4):
        world.submit(job_key=f"key {number}")
    assert states(world) == [JobState.MAP, *[JobState.QUEUED] * 2,
                             JobState.FAILED]
    assert job(world, "key 3").reason == (
        "too many jobs wait already; submit it again later")
    assert "Refused job 3" in caplog.text


def test_queue_is_full_by_the_size_of_its_jobs_too(world, limits):
    limits(size=6_000)
    world.submit()
    world.happen(extended_job(input_paths=["x" * 3_000]))
    world.happen(extended_job(input_paths=["x" * 3_000]))
    assert states(world)[1:] == [JobState.QUEUED, JobState.FAILED]


def test_job_that_leaves_the_queue_makes_room(world, limits):
    limits(size=6_000)
    big = extended_job(input_paths=["x" * 3_000])
    for _ in range(3):
        world.happen(big)
    world.happen(messages.CancelJobMessage(1))
    world.happen(big)
    world.happen(messages.CancelJobMessage(0))  # The last one starts.
    world.happen(big)
    assert states(world) == [
        JobState.CANCELLED, JobState.CANCELLED, JobState.FAILED,
        JobState.MAP, JobState.QUEUED]


def test_long_texts_are_clipped_in_the_list_of_all_jobs(world):
    world.submit(output_directory=LONG, job_key="key")
    (listed,) = world.scheduler.snapshot(world.now).status(world.now).jobs
    assert listed.output_directory == "x" * 240 + "…"
    assert job(world, "key").output_directory == LONG
    details = world.scheduler.details(0, world.now)
    assert details.job.output_directory == LONG


def test_reason_of_some_lines_is_not_clipped(world):
    world.register(1)
    world.happen(extended_job(max_map_attempts=1, max_mappers=1))
    world.fail(0, 1, "cat exited 1:\n" + 5 * "no such column\n")
    (listed,) = world.scheduler.snapshot(world.now).status(world.now).jobs
    assert listed.reason.endswith("no such column\n")


@pytest.mark.parametrize("character", ["x", "\u00e9", "\x01", "\U0001f600"])
def test_status_is_below_4_mib(world, limits, character):
    """Whatever jobs and Workers are made of."""
    limits(jobs=1_300)
    for number in range(2_700):
        text = character * 250 + f"{number:05d}"
        world.submit(
            input_directory=text, output_directory=text,
            mapper_executable=text, reducer_executable=text, job_key=text,
            job_name=text, submitted_by=text)
    for number in range(2_100):
        world.scheduler.handle(messages.RegisterMessage(
            character * 250 + f"{number:05d}", 60_000), world.now)
    status = world.scheduler.snapshot(world.now).status(world.now)
    assert len(status.jobs) == 1_000 + 1 + snapshot.MAX_LISTED
    assert len(status.workers) == 2_000
    assert len(codec.encode(status)) < 4 * 2**20


def test_living_workers_come_first_in_a_long_status(world, mocker):
    mocker.patch("mapreduce.manager.scheduling.snapshot.MAX_WORKERS", 3)
    world.register(1)
    world.wait(11)
    world.register(2, 3)
    listed = world.scheduler.snapshot(world.now).status(world.now).workers
    assert [worker.port for worker in listed] == [1, 2, 3]
    world.register(4)
    listed = world.scheduler.snapshot(world.now).status(world.now).workers
    assert [worker.port for worker in listed] == [2, 3, 4]


def test_refused_jobs_do_not_fill_the_memory(world, limits):
    """What is kept of ended jobs has a limit in bytes, too."""
    limits(jobs=0)
    paths = ["x" * 4_000] * 500
    for number in range(50):
        world.happen(extended_job(input_paths=paths, job_key=str(number)))
    status = world.scheduler.snapshot(world.now).status(world.now)
    assert [job.id for job in status.jobs] == list(range(17, 50))
    assert world.scheduler.details(16, world.now).job is None


def test_reasons_of_many_tasks_are_cut(world, mocker):
    """The reason of the job is whole."""
    mocker.patch("mapreduce.manager.scheduling.job.MAX_REASONS", 2_000)
    world.register(1)
    world.happen(extended_job(max_map_attempts=1))
    world.fail(0, 1, LONG)
    details = world.scheduler.details(0, world.now)
    assert details.job.reason.count("x") == len(LONG)
    assert details.tasks[0].reason == "x" * 1_000


def test_files_of_a_job_count_in_the_queue(world, limits):
    limits(size=6_000)
    world.submit()
    for _ in range(2):
        world.happen(extended_job(files=[["x" * 1_500, "x" * 200]] * 2))
    assert states(world)[1:] == [JobState.QUEUED, JobState.FAILED]
