"""A bar chart of rows per second on a logarithmic scale: one panel per ML model, one bar per peer."""

from __future__ import annotations

import math
from collections.abc import Mapping

from scorehouse.drawing.plot import Scale
from scorehouse.drawing.svg import Style, bar, picture, text

WIDTH, LABEL, BAR, GAP, HEAD = 900, 250, 16, 4, 30
OURS, OTHERS, BOUND = "#3f51b5", "#9fa8da", "#bdbdbd"
FONT: Style = {"font_family": "Helvetica, Arial, sans-serif", "font_size": 12, "fill": "#333333"}
TITLE = "Rows scored per second, by ML model and peer; bars are on a logarithmic scale"


def bars(rates: Mapping[str, Mapping[str, float]]) -> str:
    """An SVG of `rates`: rows per second by panel and bar."""
    every = [rate for panel in rates.values() for rate in panel.values()] or [1.0]
    low, high = math.floor(math.log10(min(every))), math.ceil(math.log10(max(every)))
    scale = Scale(low, max(high, low + 1), 0, WIDTH - LABEL - 110)
    parts, top = [], 0
    for title, panel in rates.items():
        parts.append(text(8, top + 20, title, {**FONT, "font_weight": "bold"}))
        top += HEAD
        for name, rate in panel.items():
            length = max(scale(math.log10(rate)), 1)
            parts += bar(LABEL, top, length, BAR, (name, f"{rate:,.0f} rows/s"), _fill(name), FONT)
            top += BAR + GAP
        top += GAP
    return picture(WIDTH, max(top, 1), TITLE, parts)


def _fill(name: str) -> str:
    if name == "scorehouse":
        return OURS
    return BOUND if name.startswith(("limit", "the estimator")) else OTHERS
