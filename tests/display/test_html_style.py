"""The colours of the pages can be read, on light and on dark."""
import re

import pytest

from mapreduce.display.html import pages

LIGHT, DARK = (
    dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
    for block in re.findall(r":root \{(.*?)\}", pages.STYLE, re.DOTALL))
TEXTS = [
    *((text, ground) for ground in ("ground", "surface", "sunken")
      for text in ("text", "muted", "link", "good", "bad", "warn")),
    ("bad", "bad-soft"), ("warn", "warn-soft"), ("text", "bad-soft"),
    ("text", "warn-soft"), ("surface", "bad")]
SHAPES = [(shape, "surface") for shape in (
    "map", "reduce", "bad", "warn", "idle", "focus")]


def luminance(color):
    """Return the relative luminance of WCAG."""
    parts = (int(color[place:place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(color, ground):
    """Return the contrast of two colours, from 1 to 21."""
    dark, light = sorted((luminance(color), luminance(ground)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
def test_contrast_is_that_of_wcag_aa(colors):
    """4.5 for texts, 3 for shapes."""
    assert [pair for pair in TEXTS
            if contrast(colors[pair[0]], colors[pair[1]]) < 4.5] == []
    assert [pair for pair in SHAPES
            if contrast(colors[pair[0]], colors[pair[1]]) < 3] == []


def test_nothing_comes_from_elsewhere():
    assert re.findall(r"@import|url\(|https?:", pages.STYLE) == []


def test_motion_can_be_refused():
    assert "prefers-reduced-motion: reduce" in pages.STYLE
