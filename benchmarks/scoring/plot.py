"""A bar chart of rows per second: one panel per ML model, with an axis of its own that starts at zero."""

from __future__ import annotations

from collections.abc import Mapping

from scorehouse.drawing.plot import Scale, ticks
from scorehouse.drawing.svg import Style, bar, line, picture, text

WIDTH, LABEL, BAR, GAP, HEAD, FOOT = 900, 290, 16, 4, 30, 26
OURS, OTHERS, BOUND, GRID = "#3f51b5", "#9fa8da", "#bdbdbd", "#dddddd"
FONT: Style = {"font_family": "Helvetica, Arial, sans-serif", "font_size": 12, "fill": "#333333"}
SMALL: Style = {**FONT, "font_size": 10, "fill": "#666666"}
TITLE = "Millions of rows scored per second, by ML model and peer"
M = 1_000_000


def bars(rates: Mapping[str, Mapping[str, float]]) -> str:
    """An SVG of `rates`: rows per second by panel and bar."""
    parts, top = [], 0
    for title, panel in rates.items():
        marks = ticks(0, max(panel.values()) / M)
        scale = Scale(0, marks[-1], LABEL, WIDTH - 110)
        parts.append(text(8, top + 20, title, {**FONT, "font_weight": "bold"}))
        top += HEAD
        bottom = top + len(panel) * (BAR + GAP)
        for tick in marks:
            parts.append(line(scale(tick), top - 2, scale(tick), bottom, GRID))
            parts.append(text(scale(tick), bottom + 12, f"{tick:g}", SMALL, anchor="middle"))
        parts.append(text(WIDTH - 8, bottom + 12, "million rows/s", SMALL, anchor="end"))
        for name, rate in panel.items():
            length = max(scale(rate / M) - LABEL, 1)
            parts += bar(LABEL, top, length, BAR, (name, f"{rate / M:.2f}"), _fill(name), FONT)
            top += BAR + GAP
        top += FOOT
    return picture(WIDTH, max(top, 1), TITLE, parts)


def _fill(name: str) -> str:
    if name == "scorehouse":
        return OURS
    return BOUND if name.startswith(("limit", "the estimator")) else OTHERS
