"""Which labels an axis has room for, in whatever font the reader's browser has."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence

# Widths of letters at the axes' size, in pixels, of a wide font (DejaVu Sans): others need less.
NARROW, USUAL, CAPITAL, BROAD = 4.5, 7.0, 8.0, 11.0
NARROW_LETTERS, BROAD_LETTERS = frozenset(" .,:;'|!()[]-/ijltfrI"), frozenset("MWmw@%≤\u2212")
APART = 8  # pixels between two labels


def width_of(text: str) -> float:
    """The approximate width of a string in pixels, rarely too small."""
    return sum(map(_width, text))


def _width(letter: str) -> float:
    if letter in NARROW_LETTERS or unicodedata.combining(letter):
        return NARROW
    if letter in BROAD_LETTERS or unicodedata.east_asian_width(letter) in "WF":
        return BROAD
    return CAPITAL if letter.isupper() else USUAL


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
