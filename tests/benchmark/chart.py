"""The figures as a picture: a bar for each contender, grouped by case, as SVG.

A bar is as long as the median of the wall time; a thin line over its end
spans the fastest and the slowest run. Each case has a scale of its own.
"""
from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence

from tests.benchmark.results import OURS, Figures, Outcome

WIDTH = 760
MARGIN = 28
LABELS = 160  # width of the names
VALUES = 92  # width that is kept free for the figures behind the bars
ROW, BAR = 27, 17  # heights
TITLE, CASE, GAP = 76, 44, 26  # heights
FONT = "system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif"
INK, FAINT, LINE = "#1f2933", "#66727f", "#d9dee4"
OWN, OTHER = "#1f6feb", "#b4bfcb"


def draw(outcomes: Sequence[Outcome], subtitle: str) -> str:
    """Return the text of an SVG file."""
    height = TITLE + MARGIN // 2 + sum(map(_height, outcomes))
    root = ET.Element("svg", {
        "xmlns": "http://www.w3.org/2000/svg", "width": str(WIDTH),
        "height": str(height), "viewBox": f"0 0 {WIDTH} {height}",
        "font-family": FONT, "role": "img",
    })
    ET.SubElement(root, "title").text = "Seconds of a job, by contender"
    _rectangle(root, (0, 0, WIDTH, height), "#ffffff")
    _text(root, (MARGIN, 38), "Seconds of a job (less is better)", 19, INK,
          {"font-weight": "600"})
    _text(root, (MARGIN, 60), subtitle, 12.5, FAINT)
    top = TITLE
    for outcome in outcomes:
        _draw_case(root, outcome, top)
        top += _height(outcome)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _height(outcome: Outcome) -> int:
    return CASE + ROW * len(outcome.figures) + GAP


def _draw_case(root: ET.Element, outcome: Outcome, top: int) -> None:
    _rectangle(root, (MARGIN, top, WIDTH - 2 * MARGIN, 1), LINE)
    _text(root, (MARGIN, top + 28), outcome.case, 14.5, INK,
          {"font-weight": "600"})
    _text(root, (WIDTH - MARGIN, top + 28), outcome.corpus, 12.5, FAINT,
          {"text-anchor": "end"})
    left = MARGIN + LABELS
    longest = max(max(figures.walls) for figures in outcome.figures)
    pixels = (WIDTH - MARGIN - VALUES - left) / longest  # of a second
    for number, figures in enumerate(outcome.figures):
        _draw_row(root, figures, pixels, top + CASE + ROW * number)
    _rectangle(root, (left - 1, top + CASE - 4, 1,
                      ROW * len(outcome.figures)), FAINT)


def _draw_row(
    root: ET.Element, figures: Figures, pixels: float, top: int
) -> None:
    left = MARGIN + LABELS
    own = figures.contender == OURS
    style = {"font-weight": "600"} if own else {}
    baseline = top + BAR - 4
    _text(root, (left - 10, baseline), figures.contender, 13, INK,
          {"text-anchor": "end", **style})
    _rectangle(root, (left, top, figures.wall * pixels, BAR),
               OWN if own else OTHER)
    low, high = (left + wall * pixels
                 for wall in (min(figures.walls), max(figures.walls)))
    middle = top + BAR / 2
    for x, y, width, height in (
            (low, middle - 0.6, high - low, 1.2),
            (low - 0.6, middle - 3.5, 1.2, 7),
            (high - 0.6, middle - 3.5, 1.2, 7)):
        _rectangle(root, (x, y, width, height), INK)
    _text(root, (high + 9, baseline), f"{figures.wall:.2f} s", 13, INK, style)


def _rectangle(
    root: ET.Element, box: tuple[float, float, float, float], color: str
) -> None:
    x, y, width, height = box
    ET.SubElement(root, "rect", {
        "x": f"{x:.1f}", "y": f"{y:.1f}", "width": f"{width:.1f}",
        "height": f"{height:.1f}", "fill": color})


def _text(
    root: ET.Element, place: tuple[float, float], text: str, size: float,
    color: str, style: dict[str, str] | None = None,
) -> None:
    x, y = place
    ET.SubElement(root, "text", {
        "x": f"{x:.1f}", "y": f"{y:.1f}", "font-size": f"{size:g}",
        "fill": color, **(style or {})}).text = text
