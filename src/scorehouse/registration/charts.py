"""Two kinds of chart for the model card: horizontal bars, and a curve against its diagonal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scorehouse.drawing.plot import Plot, tick_texts, ticks
from scorehouse.drawing.svg import Style, bar, element, path, picture, shortened, text

WIDTH = 640
FONT: Style = {"font_family": "Helvetica, Arial, sans-serif", "font_size": 13, "fill": "#333333"}
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
    parts = [_heading(title)]
    for number, row in enumerate(rows):
        names = shortened(row.name, 26), f"{row.share:.1%}"
        parts += bar(LABELS, 46 + number * ROW, room * row.share / longest, ROW - 8, names, BLUE, FONT)
    return picture(WIDTH, 44 + len(rows) * ROW + 12, title, parts)


def curve(title: str, points: Sequence[Point], x_label: str, y_label: str) -> str:
    """Points joined in order, on axes with the same scale, and the diagonal on which both are equal."""
    values = [value for point in points for value in (point.x, point.y)]
    marks = ticks(min(values), max(values))
    plot = Plot(left=80, top=48, width=SQUARE, height=SQUARE)
    x, y = plot.x(marks[0], marks[-1]), plot.y(marks[0], marks[-1])
    parts = [_heading(title)]
    for mark, label in zip(marks, tick_texts(marks), strict=True):
        parts += [plot.down(x(mark), LIGHT), plot.across(y(mark), LIGHT)]
        parts += [plot.below(x(mark), label, FONT), plot.beside(y(mark), label, FONT)]
    middle = plot.left + SQUARE / 2, plot.top + SQUARE / 2
    ends = {"x1": plot.left, "y1": plot.bottom, "x2": plot.right, "y2": plot.top}
    places = [(x(point.x), y(point.y)) for point in points]
    parts += [
        element("line", **ends, stroke=GREY, stroke_dasharray="5 4"),
        path(places, BLUE, 2),
        *(element("circle", cx=left, cy=top, r=4, fill=BLUE) for left, top in places),
        text(middle[0], plot.bottom + 40, x_label, FONT, anchor="middle"),
        element(
            "g",
            text(20, middle[1], y_label, FONT, anchor="middle"),
            transform=f"rotate(-90 20 {middle[1]:g})",
        ),
        text(plot.right + 16, plot.top + 14, "dashed: predicted = observed", FONT),
    ]
    return picture(WIDTH, int(plot.bottom + 56), title, parts)


def _heading(title: str) -> str:
    return text(16, 24, title, {**FONT, "font_weight": "bold"})
