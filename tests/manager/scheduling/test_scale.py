"""An event costs no more because there are many tasks, Workers or jobs.

What it costs is counted, not timed: the lines of the core that are executed.
"""
import logging
import sys
import tracemalloc

import pytest

from mapreduce.manager.scheduling import events
from mapreduce.protocol import codec, layout, messages
from mapreduce.protocol.extensions import ProgressMessage
from mapreduce.protocol.fields import Split
from tests.support.scheduler_world import HOST, World, extended_job, job

FEW, MANY = 20, 500


@pytest.fixture(autouse=True)
def _no_log(mocker):
    """Leave out the log, which has lines of its own."""
    mocker.patch("mapreduce.manager.scheduling.scheduler.LOGGER",
                 logging.Logger("silent", logging.CRITICAL))


def lines_of(scheduler, event, now):
    """Count the lines of the package that run when an event is handled."""
    count = 0

    def trace(frame, what, _):
        nonlocal count
        if "/mapreduce/" not in frame.f_code.co_filename:
            return None
        count += what == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        actions = scheduler.handle(event, now)
    finally:
        sys.settrace(before)
    return count, len(actions)


def world_of(num_workers, num_tasks, num_jobs, submission=job):
    """Return a World with a running job and others in the queue.

    The first half of the Workers are busy, unless there are more tasks.
    """
    world = World()
    world.check = lambda: None  # It looks at all Workers.
    for _ in range(num_jobs):
        world.happen(submission(num_tasks, 1))
    world.register(*range(1, num_workers + 1))
    return world


@pytest.mark.parametrize("event", [
    messages.HeartbeatMessage(HOST, 9),
    messages.FinishedMessage(8, HOST, 9),
    messages.FailedMessage(8, HOST, 9, "it broke"),
    messages.RegisterMessage(HOST, 9),
    messages.RegisterMessage(HOST, 10_000),
    job(),
    events.Tick(),
], ids=repr)
@pytest.mark.parametrize("fewer_tasks_than_workers", [False, True])
def test_cost_of_an_event_does_not_grow(event, fewer_tasks_than_workers):
    costs = set()
    for number in FEW, MANY:
        tasks = 10 if fewer_tasks_than_workers else 2 * number
        world = world_of(number, tasks, number)
        world.now += 5
        costs.add(lines_of(world.scheduler, event, world.now))
    assert len(costs) == 1, costs


def long_job(num_mappers, num_reducers):
    """Return a job with options, of so many tasks."""
    return extended_job(num_mappers=num_mappers, num_reducers=num_reducers,
                        max_mappers=None)


@pytest.mark.parametrize("event", [
    messages.FinishedMessage(8, HOST, 9, {"a": {"b": 1}}),
    messages.FailedMessage(8, HOST, 9, "it broke"),
    messages.RegisterMessage(HOST, 9),
    ProgressMessage(8, HOST, 9, "half"),
    long_job(2, 2),
], ids=lambda event: type(event).__name__)
def test_cost_of_an_event_of_a_job_with_options_does_not_grow(event):
    """Half of the Workers are strict."""
    costs = set()
    for number in FEW, 10_000:
        world = World()
        world.check = lambda: None
        world.strict = set(range(10, 20))
        world.splits = [Split(f"in/{name}") for name in range(number)]
        world.happen(long_job(number, 1))
        world.register(*range(1, 20))
        costs.add(lines_of(world.scheduler, event, world.now))
    assert len(costs) == 1, costs


def test_cost_of_an_event_does_not_grow_with_the_strict_workers():
    costs = set()
    for number in FEW, MANY:
        world = world_of(FEW, 2 * FEW, 1, long_job)
        world.strict = set(range(1_000, 1_000 + number))
        world.register(*world.strict)
        costs.add(lines_of(
            world.scheduler, messages.FailedMessage(8, HOST, 9, "it broke"),
            world.now))
    assert len(costs) == 1, costs


def test_queued_job_takes_no_more_than_2_5_kib():
    """Whatever its number of tasks; its paths are of some length."""
    world = World()
    payload = codec.encode(job(
        layout.MAX_TASKS, layout.MAX_TASKS,
        **{name: f"/shared/users/somebody/project/{name}" for name in (
            "input_directory", "output_directory",
            "mapper_executable", "reducer_executable")}))
    world.happen(codec.decode(payload))
    tracemalloc.start()
    try:
        for _ in range(1_000):
            world.happen(codec.decode(payload))
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Half of it is a dict: objects of 30 fields share no table of keys.
    assert size < 1_000 * 2.5 * 2**10
