"""The figures as a table for people, and as JSON for programs.

The JSON is one object:

    date        of the end, in ISO 8601 with the offset from UTC
    machine     cores, cpu (its model), memory (bytes), system, python
    scale       of the corpora: 1 is the full size
    rounds      of each contender in each case
    cases       a list of objects:
      case, corpus   what was done to what
      contenders     a list of objects:
        contender
        runs             of each round: wall, cpu, cluster_start (seconds)
        wall, wall_min, wall_max, cpu, cluster_start, wall_with_start
                         medians (and extremes) of these, in seconds;
                         wall_with_start is that of wall + cluster_start
                         cpu is that of all processes, for mapreduce from
                         the start of its cluster to the end of it
        memory           peak of all processes together, in bytes
        worker_memory    the most that one Worker process ever had, in bytes
        ratio            its median wall by ours: how many times longer
      shares         our median wall as a share of that of others

What isn't known is null.
"""
from __future__ import annotations

import datetime
import os
import pathlib
import platform
from collections.abc import Sequence
from typing import Any

from tests.benchmark.results import OURS, Figures, Outcome

MEGABYTE = 1e6  # bytes
HEADINGS = ("contender", "wall s", "min – max", "CPU s", "memory MB",
            "theirs / ours")


def table(outcome: Outcome) -> str:
    """Return the lines of a case: a title, a table and what follows of it."""
    ratios = outcome.ratios()
    rows = [HEADINGS, *(_row(figures, ratios) for figures in outcome.figures)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [f"{outcome.case} ({outcome.corpus})", ""]
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(
            cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]
        lines.append("  ".join(cells).rstrip())
    notes = _notes(outcome)
    return "\n".join([*lines, *([""] if notes else []), *notes, ""])


def _row(figures: Figures, ratios: dict[str, float]) -> tuple[str, ...]:
    walls = figures.walls
    return (
        figures.contender,
        f"{figures.wall:.2f}",
        f"{min(walls):.2f} – {max(walls):.2f}",
        _format(figures.cpu, ".1f"),
        _format(figures.memory, ".0f", MEGABYTE),
        _format(ratios.get(figures.contender), ".2f"),
    )


def _format(value: float | None, spec: str, unit: float = 1.0) -> str:
    return "-" if value is None else format(value / unit, spec)


def _notes(outcome: Outcome) -> list[str]:
    """Return lines of what the table has no column for."""
    lines = []
    for figures in outcome.figures:
        if figures.cluster_start is not None:
            lines.append(
                f"{figures.contender}: the start of the cluster took "
                f"{figures.cluster_start:.2f} s more, "
                f"{figures.wall_with_start:.2f} s in all")
        if figures.worker_memory is not None:
            lines.append(
                f"{figures.contender}: a Worker process had up to "
                f"{figures.worker_memory / MEGABYTE:.0f} MB")
    lines += [f"{OURS} takes {share:.2f} of the time of the {name}"
              for name, share in outcome.shares().items()]
    return lines


def document(
    outcomes: Sequence[Outcome], scale: float, rounds: int
) -> dict[str, Any]:
    """Return the object that becomes benchmark.json."""
    return {
        **surroundings(), "scale": scale, "rounds": rounds,
        "cases": [_case(outcome) for outcome in outcomes],
    }


def surroundings() -> dict[str, Any]:
    """Return when and where all this was measured."""
    return {
        "date": datetime.datetime.now().astimezone().isoformat("T", "seconds"),
        "machine": {
            "cores": os.cpu_count(),
            "cpu": _cpu_model(),
            "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
        },
    }


def _cpu_model() -> str | None:
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or None
    models = [line.partition(":")[2].strip() for line in lines
              if line.startswith("model name")]
    return models[0] if models else None


def _case(outcome: Outcome) -> dict[str, Any]:
    ratios = outcome.ratios()
    return {
        "case": outcome.case,
        "corpus": outcome.corpus,
        "contenders": [
            {**_contender(figures), "ratio": ratios.get(figures.contender)}
            for figures in outcome.figures],
        "shares": outcome.shares(),
    }


def _contender(figures: Figures) -> dict[str, Any]:
    return {
        "contender": figures.contender,
        "runs": [{"wall": run.wall, "cpu": run.cpu,
                  "cluster_start": run.cluster_start}
                 for run in figures.runs],
        "wall": figures.wall,
        "wall_min": min(figures.walls),
        "wall_max": max(figures.walls),
        "cpu": figures.cpu,
        "cluster_start": figures.cluster_start,
        "wall_with_start": figures.wall_with_start,
        "memory": figures.memory,
        "worker_memory": figures.worker_memory,
    }
