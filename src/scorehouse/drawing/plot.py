"""The area of a plot: scales, ticks, bands, and the labels of its axes."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from scorehouse.drawing.svg import PLAIN, Style, line, text

STEPS = (0.2, 0.5, 1.0, 2.0, 5.0)
# Widths of letters at the axes' size, in pixels, of a wide font (DejaVu Sans): others need less. So labels
# fit in whatever font the reader's browser has.
NARROW, USUAL, CAPITAL, BROAD = 4.5, 7.0, 8.0, 11.0
NARROW_LETTERS, BROAD_LETTERS = frozenset(" .,:;'|!()[]-/ijltfrI"), frozenset("MWmw@%≤\u2212")
APART = 8  # pixels between two labels


@dataclass(frozen=True)
class Scale:
    """Maps values to pixels: `low` is at `start`, `high` at `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (self.end - self.start) * (value - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class Bands:
    """Bands of equal width side by side, from pixel `start` on."""

    count: int
    start: float
    width: float

    @property
    def step(self) -> float:
        return self.width / max(self.count, 1)

    def middle(self, place: int) -> float:
        return self.start + (place + 0.5) * self.step


@dataclass(frozen=True)
class Plot:
    """The area of a chart's marks, in pixels; labels are to the left of it and below it."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def bottom(self) -> float:
        return self.top + self.height

    def x(self, low: float, high: float) -> Scale:
        return Scale(low, high, self.left, self.right)

    def y(self, low: float, high: float) -> Scale:
        return Scale(low, high, self.bottom, self.top)

    def bands(self, count: int) -> Bands:
        return Bands(count, self.left, self.width)

    def down(self, x: float, stroke: str) -> str:
        """A line through the plot from top to bottom."""
        return line(x, self.top, x, self.bottom, stroke)

    def across(self, y: float, stroke: str, tooltip: str = "", style: Style = PLAIN) -> str:
        """A line through the plot from left to right."""
        return line(self.left, y, self.right, y, stroke, tooltip, style)

    def below(self, x: float, label: str, style: Style = PLAIN) -> str:
        """The label of a position on the horizontal axis."""
        return text(x, self.bottom + 18, label, style, anchor="middle")

    def beside(self, y: float, label: str, style: Style = PLAIN) -> str:
        """The label of a position on the vertical axis."""
        return text(self.left - 8, y + 4, label, style, anchor="end")


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Evenly spaced round numbers that enclose both ends: at least two, and about `most` at most."""
    spread = max(high - low, abs(high) * 1e-3, 1e-9)
    power = 10.0 ** math.floor(math.log10(spread))
    for factor in STEPS:
        step = power * factor
        first, last = math.floor(low / step), math.ceil(high / step)
        if last - first < most:
            break
    return [round(place * step, 12) for place in range(first, max(last, first + 1) + 1)]


def tick_texts(values: Sequence[float]) -> list[str]:
    """Ticks as text: with the necessary decimals, and large values in thousands or millions."""
    largest = max(map(abs, values))
    unit, factor = ("M", 1e6) if largest >= 1e6 else ("k", 1e3) if largest >= 1e4 else ("", 1.0)
    step = min(after - before for before, after in pairwise(values)) / factor
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    if places > 4:
        return [f"{value:.4g}" for value in values]
    return [_trimmed(f"{value / factor:,.{places}f}") + (unit if value else "") for value in values]


def _trimmed(number: str) -> str:
    number = number.rstrip("0").rstrip(".") if "." in number else number
    return number.replace("-", "\u2212")


def width_of(text: str) -> float:
    """The approximate width of a string in pixels, rarely too small."""

    def width(letter: str) -> float:
        if letter in NARROW_LETTERS or unicodedata.combining(letter):
            return NARROW
        if letter in BROAD_LETTERS or unicodedata.east_asian_width(letter) in "WF":
            return BROAD
        return CAPITAL if letter.isupper() else USUAL

    return sum(map(width, text))


def fitting(names: Sequence[str], width: float) -> list[int]:
    """Positions of the labels that do not overlap on an axis of equal bands, chosen from the left."""
    places: list[int] = []
    end = -math.inf
    for place, name in enumerate(names):
        middle, half = (place + 0.5) * width / len(names), width_of(name) / 2
        if middle - half >= end + APART:
            places.append(place)
            end = middle + half
    return places


def counted_back(names: Sequence[str], width: float) -> list[int]:
    """Positions of every n-th label, with the smallest n that avoids overlap; the last is always kept."""
    room = max(map(width_of, names), default=1) + APART
    step = max(1, math.ceil(room / (width / max(len(names), 1))))
    return list(range(len(names)))[::-1][::step][::-1]
