"""Figures of runs, and what follows from them: medians and ratios."""
from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence

OURS = "mapreduce"
PIPELINE = "plain pipeline"
BY_HAND = ("by hand: partition", "by hand: sort -m")


@dataclasses.dataclass(frozen=True)
class Run:
    """What one run took. None stands for what isn't known."""

    wall: float  # seconds
    cpu: float | None  # seconds of all processes, user and system
    cluster_start: float | None = None  # seconds, not within wall
    worker_memory: int | None = None  # bytes, the most of one Worker process


@dataclasses.dataclass
class Figures:
    """All runs of one contender in one case."""

    contender: str
    runs: list[Run] = dataclasses.field(default_factory=list)
    memory: int | None = None  # peak in bytes, of all processes together
    worker_memory: int | None = None

    @property
    def walls(self) -> list[float]:
        """The seconds of each run."""
        return [run.wall for run in self.runs]

    @property
    def wall(self) -> float:
        """The median of the seconds."""
        return statistics.median(self.walls)

    @property
    def cpu(self) -> float | None:
        """The median of the processor seconds."""
        return _median([run.cpu for run in self.runs])

    @property
    def cluster_start(self) -> float | None:
        """The median of the seconds that the start of the cluster took."""
        return _median([run.cluster_start for run in self.runs])

    @property
    def wall_with_start(self) -> float:
        """The median of the seconds, the start of the cluster included."""
        return statistics.median(
            run.wall + (run.cluster_start or 0.0) for run in self.runs)


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


@dataclasses.dataclass
class Outcome:
    """A case, and the figures of all that took part."""

    case: str
    corpus: str  # e.g., 5,000,000 lines, 285.0 MB
    figures: list[Figures]

    def _walls(self) -> dict[str, float]:
        return {figures.contender: figures.wall for figures in self.figures}

    def ratios(self) -> dict[str, float]:
        """Return how many times longer than ours each contender takes."""
        walls = self._walls()
        if OURS not in walls:
            return {}
        return {name: wall / walls[OURS] for name, wall in walls.items()}

    def shares(self) -> dict[str, float]:
        """Return our time as a share of the pipeline's and the better hand's.

        Those that did not take part are missing.
        """
        walls = self._walls()
        if OURS not in walls:
            return {}
        shares = {}
        if PIPELINE in walls:
            shares[PIPELINE] = walls[OURS] / walls[PIPELINE]
        by_hand = [walls[name] for name in BY_HAND if name in walls]
        if by_hand:
            shares["better form by hand"] = walls[OURS] / min(by_hand)
        return shares
