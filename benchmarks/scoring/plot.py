"""A bar chart of rows per second on a logarithmic scale: one panel per ML model, one bar per peer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape

WIDTH, LABEL, BAR, GAP, HEAD = 900, 250, 16, 4, 30
OURS, OTHERS, BOUND = "#3f51b5", "#9fa8da", "#bdbdbd"


def bars(rates: Mapping[str, Mapping[str, float]]) -> str:
    """An SVG of `rates`: rows per second by panel and bar."""
    if not rates:
        return f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="1"/>\n'
    every = [rate for panel in rates.values() for rate in panel.values()]
    low, high = math.floor(math.log10(min(every))), math.ceil(math.log10(max(every)))
    parts, top = [], 0
    for title, panel in rates.items():
        parts.append(f'<text x="0" y="{top + 20}" font-weight="bold">{escape(title)}</text>')
        top += HEAD
        for name, rate in panel.items():
            parts.append(_bar(name, rate, top, low, max(high, low + 1)))
            top += BAR + GAP
        top += GAP
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" viewBox="0 0 {WIDTH} {top}" '
        'role="img" font-family="sans-serif" font-size="12"><title>Rows scored per second, by ML model and '
        'peer; bars are on a logarithmic scale</title><rect width="100%" height="100%" fill="white"/>'
    )
    return "\n".join([head, *parts, "</svg>"]) + "\n"


def _bar(name: str, rate: float, top: int, low: int, high: int) -> str:
    length = (math.log10(rate) - low) / (high - low) * (WIDTH - LABEL - 110)
    color = OURS if name == "scorehouse" else BOUND if name.startswith(("limit", "the estimator")) else OTHERS
    middle = top + BAR - 4
    return (
        f'<text x="{LABEL - 6}" y="{middle}" text-anchor="end">{escape(name)}</text>'
        f'<rect x="{LABEL}" y="{top}" width="{max(length, 1):.0f}" height="{BAR}" fill="{color}"/>'
        f'<text x="{LABEL + max(length, 1) + 5:.0f}" y="{middle}">{rate:,.0f} rows/s</text>'
    )
