"""The Scheduler by itself: how many events a second, how many bytes a job.

A job of n tasks (n - 1 map tasks and a reduce task) runs on Workers that do
each task in a second of simulated time. In each such second, all Workers with
a task report it finished, every Worker sends a heartbeat, and the clock ticks;
each message that the Scheduler sends comes back as an event, too. No process
is started, and nothing is sent.
"""
from __future__ import annotations

import collections
import dataclasses
import json
import time
import tracemalloc
from collections.abc import Iterable, Iterator

from mapreduce.manager.scheduling import events
from mapreduce.manager.scheduling.scheduler import Scheduler
from mapreduce.protocol import codec, messages
from mapreduce.protocol.extensions import ExtendedJobMessage
from mapreduce.protocol.fields import Split
from mapreduce.protocol.messages import Address

NUM_WORKERS = 1_000
NUM_JOBS = 10_000
SIZES = (1_000, 10_000, 100_000)  # tasks of a job
HOST = "localhost"


@dataclasses.dataclass(frozen=True)
class Drive:
    """A whole job."""

    tasks: int
    workers: int
    events: int
    seconds: float


@dataclasses.dataclass(frozen=True)
class Queueing:
    """Many jobs that wait."""

    jobs: int
    seconds: float
    bytes_a_job: float


class _World:
    """A Scheduler, and Workers that do what it says."""

    def __init__(self) -> None:
        self.num_events = 0
        self.now = 0.0
        self.ended = False
        self.held: dict[Address, int] = {}  # who has which task
        self._scheduler = Scheduler()

    def happen(self, event: events.Event) -> None:
        """Let an event happen, and all that comes of it."""
        outcomes = collections.deque([event])
        while outcomes:
            self.num_events += 1
            for action in self._scheduler.handle(
                    outcomes.popleft(), self.now):
                outcomes.extend(self._carry_out(action))

    def _carry_out(self, action: events.Action) -> Iterable[events.Event]:
        match action:
            case events.Send(worker, message):
                if isinstance(message, messages.MapTaskMessage
                              | messages.ReduceTaskMessage):
                    self.held[worker.address] = message.task_id
                return [events.MessageSent(worker)]
            case events.PrepareJob(job_id, submission):
                return [events.JobPrepared(job_id, f"jobs/{job_id}", [
                    Split(f"in/{number:06d}")
                    for number in range(submission.num_mappers or 1)])]
            case events.CheckOutput(job_id):
                return [events.OutputChecked(job_id, {})]
            case events.CleanUpJob():
                self.ended = True
        return []

    def pass_second(self, workers: Iterable[Address]) -> None:
        """Let a second pass, in which everybody does a task."""
        self.now += 1.0
        done, self.held = self.held, {}
        for (host, port), task_id in done.items():
            self.happen(messages.FinishedMessage(task_id, host, port))
        for address in workers:
            self.happen(messages.HeartbeatMessage(*address))
        self.happen(events.Tick())


def _job(num_mappers: int, output: str) -> ExtendedJobMessage:
    return messages.extended_job(messages.ManagerJobMessage(
        input_directory="in", output_directory=output,
        mapper_executable="map", reducer_executable="reduce",
        num_mappers=num_mappers, num_reducers=1))


def drive(num_tasks: int, num_workers: int = NUM_WORKERS) -> Drive:
    """Run a job of so many tasks, two or more, to its end."""
    world = _World()
    workers = [(HOST, number) for number in range(1, num_workers + 1)]
    start = time.perf_counter()
    for address in workers:
        world.happen(messages.RegisterMessage(*address))
    world.happen(_job(num_tasks - 1, "out"))
    while not world.ended:
        world.pass_second(workers)
    return Drive(num_tasks, num_workers, world.num_events,
                 time.perf_counter() - start)


def queue_jobs(num_jobs: int = NUM_JOBS) -> Queueing:
    """Let jobs queue up behind one that runs; once for time, once for memory.

    The memory includes the submissions themselves.
    """
    submissions = list(_submissions(num_jobs))
    start = time.perf_counter()
    _queue(submissions)
    seconds = time.perf_counter() - start
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        world = _queue(_submissions(num_jobs))
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert not world.ended
    return Queueing(num_jobs, seconds, (after - before) / num_jobs)


def _submissions(number: int) -> Iterator[ExtendedJobMessage]:
    """Make submissions as they come from the wire: no string is shared."""
    for job_number in range(number):
        document = codec.to_document(_job(2, f"out/{job_number:06d}"))
        message = codec.from_document(json.loads(json.dumps(document)))
        assert isinstance(message, ExtendedJobMessage)
        yield message


def _queue(submissions: Iterable[ExtendedJobMessage]) -> _World:
    """Return a world whose only Worker never ends its first task."""
    world = _World()
    world.happen(messages.RegisterMessage(HOST, 1))
    for submission in submissions:
        world.happen(submission)
    return world


def table(drives: Iterable[Drive], queueing: Queueing) -> str:
    """Return the figures as lines of text."""
    rows = [("tasks", "Workers", "events", "seconds", "events/s"), *(
        (f"{its.tasks:,}", f"{its.workers:,}", f"{its.events:,}",
         f"{its.seconds:.2f}", f"{its.events / its.seconds:,.0f}")
        for its in drives)]
    return "\n".join([
        "scheduler: a job of n - 1 map tasks and a reduce task", "",
        *("".join(cell.rjust(12) for cell in row) for row in rows), "",
        f"queueing {queueing.jobs:,} jobs: {queueing.seconds:.2f} s, "
        f"{queueing.bytes_a_job:,.0f} bytes a job", ""])
