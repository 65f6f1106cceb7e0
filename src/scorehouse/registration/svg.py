"""Two kinds of chart as SVG text: horizontal bars, and a curve against its diagonal. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

WIDTH = 640
FONT = "font-family='Helvetica, Arial, sans-serif' font-size='13' fill='#333333'"
BLUE, GREY, LIGHT = "#4C78A8", "#9A9A9A", "#E4E4E4"
ROW = 24
LABELS = 190  # pixels left of the bars
SQUARE = 320  # side of the plot of a curve


@dataclass(frozen=True)
class Bar:
    """A name, and a share from 0 to 1."""

    name: str
    share: float


@dataclass(frozen=True)
class Point:
    """A bin: mean prediction, mean outcome, number of rows."""

    x: float
    y: float
    rows: int


def bars(title: str, rows: Sequence[Bar]) -> str:
    """One bar per row with its share in percent; the longest bar is as wide as the picture allows."""
    longest = max(row.share for row in rows) or 1.0
    room = WIDTH - LABELS - 70
    parts = [_text(16, 24, title, bold=True)]
    for number, row in enumerate(rows):
        top = 44 + number * ROW
        length = room * row.share / longest
        parts += [
            _text(LABELS - 8, top + 14, _short(row.name), anchor="end"),
            f"<rect x='{LABELS}' y='{top + 2}' width='{length:.1f}' height='{ROW - 8}' fill='{BLUE}'/>",
            _text(LABELS + length + 6, top + 14, f"{row.share:.1%}"),
        ]
    return _picture(44 + len(rows) * ROW + 12, title, parts)


def curve(title: str, points: Sequence[Point], x_label: str, y_label: str) -> str:
    """Points joined in order, on axes with the same scale, and the diagonal on which both are equal."""
    values = [value for point in points for value in (point.x, point.y)]
    ticks = _ticks(min(values), max(values))
    low, high = ticks[0], ticks[-1]
    left, top = 80, 48

    def x(value: float) -> float:
        return left + SQUARE * (value - low) / (high - low)

    def y(value: float) -> float:
        return top + SQUARE * (high - value) / (high - low)

    parts = [_text(16, 24, title, bold=True)]
    for tick in ticks:
        parts += [
            _line(x(tick), top, x(tick), top + SQUARE, LIGHT),
            _line(left, y(tick), left + SQUARE, y(tick), LIGHT),
            _text(x(tick), top + SQUARE + 18, f"{tick:g}", anchor="middle"),
            _text(left - 8, y(tick) + 4, f"{tick:g}", anchor="end"),
        ]
    path = " ".join(f"{x(point.x):.1f},{y(point.y):.1f}" for point in points)
    parts += [
        f"<line x1='{left}' y1='{top + SQUARE}' x2='{left + SQUARE}' y2='{top}' stroke='{GREY}' "
        "stroke-dasharray='5 4'/>",
        f"<polyline points='{path}' fill='none' stroke='{BLUE}' stroke-width='2'/>",
        *(f"<circle cx='{x(p.x):.1f}' cy='{y(p.y):.1f}' r='4' fill='{BLUE}'/>" for p in points),
        _text(left + SQUARE / 2, top + SQUARE + 40, x_label, anchor="middle"),
        f"<g transform='rotate(-90 20 {top + SQUARE / 2:g})'>"
        f"{_text(20, top + SQUARE / 2, y_label, anchor='middle')}</g>",
        _text(left + SQUARE + 16, y(high) + 14, "dashed: predicted = observed"),
    ]
    return _picture(top + SQUARE + 56, title, parts)


def _ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers that enclose both ends."""
    step = 10.0 ** np.floor(np.log10(max(high - low, 1e-9)))
    for factor in (0.2, 0.5, 1.0, 2.0):
        first, last = np.floor(low / (step * factor)), np.ceil(high / (step * factor))
        if last - first < most:
            break
    last = max(last, first + 1)
    return [round(float(i * step * factor), 12) for i in range(int(first), int(last) + 1)]


def _short(name: str, most: int = 26) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}\u2026"


def _text(x: float, y: float, text: str, *, anchor: str = "start", bold: bool = False) -> str:
    weight = " font-weight='bold'" if bold else ""
    return f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' {FONT}{weight}>{escape(text)}</text>"


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' stroke='{colour}'/>"


def _picture(height: int, title: str, parts: Sequence[str]) -> str:
    body = "\n".join(parts)
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{height}' "
        f"viewBox='0 0 {WIDTH} {height}' role='img'>\n<title>{escape(title)}</title>\n"
        f"<rect width='{WIDTH}' height='{height}' fill='white'/>\n{body}\n</svg>\n"
    )
