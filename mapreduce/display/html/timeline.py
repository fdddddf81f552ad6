"""Lay out the attempts of a job on a line of time, one lane for each Worker.

A job may have 100,000 attempts, and a browser draws a few thousand elements
well. Where there are more, attempts of a Worker that start together become one
bar.
"""
from __future__ import annotations

import collections
import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from mapreduce.display import text
from mapreduce.protocol.status import (
    AttemptState,
    JobDetails,
    Stage,
    TaskState,
    TaskStatus,
    WorkerAddress,
)

MAX_ELEMENTS = 2_000  # of the whole drawing
LANE_ELEMENTS = 4  # of a lane without bars: its row, label, picture and line
BAR_ELEMENTS = 2  # the bar and its title
MAX_LANES = 100
OTHER_ELEMENTS = 60  # the axis, the legend and the patterns
MIN_WIDTH = 0.15  # per cent: a shorter bar could not be seen
# Of several attempts in one bar, the state with the highest number is drawn.
SEVERITY = {
    AttemptState.DONE: 0, AttemptState.RUNNING: 1, AttemptState.CANCELLED: 2,
    AttemptState.LOST: 3, AttemptState.FAILED: 4}
MERGED_GAPS = 400  # of the whole time: a shorter gap may not be drawn
# Seconds between two marks of the axis.
STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15,
         30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 28_800)
MAX_TICKS = 8


@dataclasses.dataclass(frozen=True)
class Bar:
    """One attempt, or several of one kind that follow each other."""

    left: float  # per cent of the whole time
    width: float
    kinds: tuple[str, ...]  # stage, state, and speculative
    title: str


@dataclasses.dataclass(frozen=True)
class Lane:
    """The attempts of one Worker."""

    name: str
    summary: str
    bars: tuple[Bar, ...]


@dataclasses.dataclass(frozen=True)
class Tick:
    """A mark on the axis."""

    left: float  # per cent
    label: str


@dataclasses.dataclass(frozen=True)
class Timeline:
    """What is drawn."""

    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    kinds: tuple[tuple[str, ...], ...]  # that occur, for the legend
    num_attempts: int
    num_left_out: int  # lanes
    is_merged: bool  # whether a bar may stand for several attempts


# Not a dataclass: a tuple is made in a fifth of the time.
class _Attempt(NamedTuple):
    task: TaskStatus
    state: AttemptState
    started: float
    end: float
    speculative: bool = False

    @property
    def kinds(self) -> tuple[str, ...]:
        """Stage and state, and whether it was speculative."""
        kinds = (self.task.stage.value, self.state.value)
        return (*kinds, "speculative") if self.speculative else kinds

    @property
    def title(self) -> str:
        """Return, e.g., map 3: done, 1.5 s."""
        what = "speculative, " if self.speculative else ""
        return (f"{self.task.stage.value} {self.task.task_id}: {what}"
                f"{self.state.value}, "
                f"{text.duration(self.end - self.started)}")


def _attempts_of(
    task: TaskStatus, now: float
) -> Iterator[tuple[WorkerAddress, _Attempt]]:
    """Iterate over all attempts at a task, each with its Worker."""
    for its in task.history:
        yield its.worker, _Attempt(
            task, its.state, its.started,
            now if its.ended is None else its.ended, its.speculative)
    if task.history or task.worker is None or task.started is None:
        return
    # The only one, which runs or is done.
    is_running = task.state is TaskState.RUNNING
    yield task.worker, _Attempt(
        task, AttemptState.RUNNING if is_running else AttemptState.DONE,
        task.started,
        now if is_running else task.started + (task.seconds or 0.0))


def timeline(details: JobDetails) -> Timeline | None:
    """Return the drawing of a job; None if no task was ever assigned."""
    if details.job is None:
        return None
    now = details.job.seconds
    by_address: dict[tuple[str, int], list[_Attempt]] = (
        collections.defaultdict(list))
    for task in details.tasks:
        for worker, its in _attempts_of(task, now):
            by_address[worker.host, worker.port].append(its)
    by_worker = {text.address(WorkerAddress(*address)): attempts
                 for address, attempts in by_address.items()}
    if not by_worker:
        return None
    everything = list(itertools.chain(*by_worker.values()))
    total = max([now, 0.001, *(its.end for its in everything)])
    names = sorted(by_worker, key=lambda name: (
        min(its.started for its in by_worker[name]), name))
    shown = names[:MAX_LANES]
    lanes, is_merged = _lanes({name: by_worker[name] for name in shown}, total)
    return Timeline(
        lanes, tuple(_ticks(total)),
        tuple(sorted({drawn.kinds
                      for lane in lanes for drawn in lane.bars})),
        len(everything),
        len(names) - len(shown), is_merged)


def _lanes(
    by_worker: dict[str, list[_Attempt]], total: float
) -> tuple[tuple[Lane, ...], bool]:
    """Return the lanes, and whether attempts were merged."""
    room = (MAX_ELEMENTS - OTHER_ELEMENTS
            - LANE_ELEMENTS * len(by_worker)) // BAR_ELEMENTS
    for attempts in by_worker.values():
        attempts.sort(key=lambda its: its.started)
    groups = {name: [[its] for its in attempts]
              for name, attempts in by_worker.items()}
    is_merged = sum(map(len, groups.values())) > room
    if is_merged:
        groups = {
            name: list(_merged(attempts, room // len(by_worker), total))
            for name, attempts in by_worker.items()}
    return tuple(
        Lane(name, _summary(attempts), tuple(
            _bar(group, total) for group in groups[name]))
        for name, attempts in by_worker.items()), is_merged


def _merged(
    attempts: Sequence[_Attempt], room: int, total: float
) -> Iterator[list[_Attempt]]:
    """Iterate over at most `room` groups of attempts.

    Those that are done come first, so that a failure, which is rare, is drawn
    on top of them.
    """
    if len(attempts) <= room:
        yield from ([its] for its in attempts)
        return
    is_done = [its.state is AttemptState.DONE for its in attempts]
    done = list(itertools.compress(attempts, is_done))
    others = [its for its, skip in zip(attempts, is_done) if not skip]
    half = room // 2
    gap = total / MERGED_GAPS
    runs = list(_runs(done, gap))
    while len(runs) > half and gap < total:
        gap *= 2
        runs = list(_runs(done, gap))
    yield from runs
    if len(others) <= half:
        yield from ([its] for its in others)
        return
    # The last moment belongs to the slot before it.
    yield from (list(group) for _, group in itertools.groupby(
        others, key=lambda its: min(
            int(its.started / total * half), half - 1)))


def _runs(
    attempts: Sequence[_Attempt], gap: float
) -> Iterator[list[_Attempt]]:
    """Iterate over neighbours of one stage with at most `gap` seconds between.

    Whether they were speculative makes no difference.
    """
    run: list[_Attempt] = []
    for its in attempts:
        if run and (its.task.stage is not run[0].task.stage
                    or its.started > run[-1].end + gap):
            yield run
            run = []
        run.append(its)
    if run:
        yield run


def _bar(group: Sequence[_Attempt], total: float) -> Bar:
    first, last = group[0].started, group[-1].end
    # A group with a failure must look like a failure.
    worst = max(group, key=lambda its: SEVERITY[its.state])
    if len(group) > 1 and worst.state is not AttemptState.DONE:
        # Between these attempts, the Worker may have run others.
        last = first + sum(its.end - its.started for its in group)
    width = max(100 * (last - first) / total, MIN_WIDTH)
    left = max(min(100 * first / total, 100 - width), 0.0)
    kinds = worst.kinds if len(group) == 1 else worst.kinds[:2]
    return Bar(round(left, 3), round(width, 3), kinds,
               group[0].title if len(group) == 1 else _summary(group))


def _summary(attempts: Sequence[_Attempt]) -> str:
    """Return, e.g., 3 map attempts, 1 reduce attempt; 1 failed."""
    counts = collections.Counter(its.task.stage for its in attempts)
    states = collections.Counter(its.state for its in attempts)
    done = ", ".join(
        f"{counts[stage]} {stage.value} attempt" + "s" * (counts[stage] != 1)
        for stage in Stage if counts[stage])
    other = ", ".join(
        f"{states[state]} {state.value}" for state in AttemptState
        if states[state] and state is not AttemptState.DONE)
    return f"{done}; {other}" if other else done


def _ticks(total: float) -> Iterator[Tick]:
    """Iterate over marks at round times, the first one at 0."""
    step = next((step for step in STEPS if total / step <= MAX_TICKS),
                total / MAX_TICKS)
    for number in range(int(total / step) + 1):
        yield Tick(round(100 * number * step / total, 3),
                   _tick_label(number * step, step, total))


def _tick_label(seconds: float, step: float, total: float) -> str:
    """Return, e.g., 0.5 s; 1:30 in a minute or more; 1:00:00 in an hour."""
    if total < 60:
        digits = len(f"{step:.3f}".rstrip("0").partition(".")[2])
        return f"{seconds:.{digits}f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}:{minutes:02d}:{rest:02d}" if total >= 3600
            else f"{minutes}:{rest:02d}")
