"""The best of several lines of numbers, such as one line of scores per class, without a pass per row.

A line lies in one piece of memory, so each comparison runs along it. NumPy's `argmax` over a few classes
takes several times as long.
"""

from __future__ import annotations

import numpy as np

BYTE = 255  # the largest number of a line that a byte holds


def first_largest(lines: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each column the number of the line with the largest value, or the first of them; and the value."""
    return _first(lines, np.greater, np.maximum)


def first_smallest(lines: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each column the number of the line with the smallest value, or the first of them; and the value."""
    return _first(lines, np.less, np.minimum)


def is_shared(lines: np.ndarray, best: np.ndarray) -> bool:
    """Whether some column has its value of `best` in more than one line."""
    seen = lines[0] == best
    for line in lines[1:]:
        equal = line == best
        if (seen & equal).any():
            return True
        seen |= equal
    return False


def _first(lines: np.ndarray, is_better: np.ufunc, better: np.ufunc) -> tuple[np.ndarray, np.ndarray]:
    kind = np.uint8 if len(lines) - 1 <= BYTE else np.uint32
    best = lines[0].copy()
    place, candidate = np.zeros((2, lines.shape[1]), dtype=kind)
    for number in range(1, len(lines)):
        beats_all_before = is_better(lines[number], best)
        better(best, lines[number], out=best)
        np.multiply(beats_all_before.view(np.uint8), kind(number), out=candidate)
        np.maximum(place, candidate, out=place)  # the last line that beats all before it is the best
    return place, best
