"""The nearest change that leads to another decision: combinations of moves are tried, the nearest first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

FIRST_ROWS, CHUNK = 1_024, 8_192
MOST_ROWS = 100_000  # of changes in any number of features, before pairs are searched alone
MOST_ROWS_OF_PAIRS = 2_000_000
THINNEST = 0.01  # of a shell, as a share of its radius
GROWTH = 2.0  # of the radius from one shell of combinations to the next
Flips = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Found:
    """The nearest combination of moves that flips, as a place in each feature's moves; None if none does.

    No combination nearer than `bound` flips, and none of one or two features nearer than `bound_of_pairs`.
    `missed` is the combination that came nearest to a flip, where none flips, and `shortfall` by how much.
    `by_sums`: of one sum that has to be covered.
    """

    places: tuple[int, ...] | None
    distance: float
    bound: float
    bound_of_pairs: float
    tried: int
    missed: tuple[int, ...] | None = None
    shortfall: float = np.inf
    by_sums: bool = False


class Search:
    """Counts what is tried, and keeps the best of it."""

    def __init__(self, distances: Sequence[np.ndarray], flips: Flips) -> None:
        self.distances, self.flips = distances, flips
        self.best: tuple[int, ...] | None = None
        self.distance = np.inf
        self.missed: tuple[int, ...] | None = None
        self.shortfall = np.inf
        self.tried = 0

    def through(self, features: Sequence[int], most: int) -> float:
        """Try the combinations of some features, the nearest first, until one flips.

        Returns the distance below which none flips: that of the flip, or infinity if all were tried; less
        where more than `most` combinations are nearer than the next.
        """
        own = [self.distances[feature] for feature in features]
        farthest = sum(float(each[-1]) for each in own) * (1 + 1e-9)
        low, high = 0.0, min(self.distance, farthest)
        while low < min(self.distance, farthest):
            shell = within(own, low, high, most)
            if shell is None:  # too many up to there
                if high - low < THINNEST * high:
                    return low
                high = (low + high) / 2
            elif self.attempt(features, *shell):
                return self.distance
            else:
                low, high = high, min(self.distance, low + (high - low) * GROWTH)
        return self.distance

    def come_nearer(self) -> None:
        """Change one feature of the nearest miss after the other, as long as that helps."""
        before = np.inf
        while self.missed is not None and self.shortfall < before:
            before = self.shortfall
            for feature, own in enumerate(self.distances):
                places = np.tile(self.missed, (len(own), 1))
                places[:, feature] = np.arange(len(own))
                far = np.sum([each[at] for each, at in zip(self.distances, places.T, strict=True)], axis=0)
                if self.attempt(range(len(self.distances)), places, far):
                    return

    def attempt(self, features: Sequence[int], index: np.ndarray, total: np.ndarray) -> bool:
        """Whether one of these combinations, in the order of their distance, flips."""
        start, size = 0, FIRST_ROWS
        while start < len(total):
            places = np.zeros((len(total[start : start + size]), len(self.distances)), dtype=np.int64)
            places[:, features] = index[start : start + size]
            flipped, shortfall = self.flips(places)
            self.tried += len(places)
            if flipped.any():
                first = int(np.argmax(flipped))
                self.best, self.distance = tuple(places[first].tolist()), float(total[start + first])
                return True
            nearest = int(np.argmin(shortfall))
            if shortfall[nearest] < self.shortfall:
                self.missed, self.shortfall = tuple(places[nearest].tolist()), float(shortfall[nearest])
            start, size = start + size, CHUNK
        return False


def nearest(
    distances: Sequence[np.ndarray],
    flips: Flips,
    most: int = MOST_ROWS,
    bounded: Callable[[Search], float] | None = None,
) -> Found:
    """Search the moves of some features, of which each has `distances` that rise from 0, its own value.

    `flips` says of rows of places which of them lead to another decision, and how far each is from one.
    `bounded` searches all combinations by limits that are known of them; None: at most `most` are tried.
    """
    search = Search(distances, flips)
    everything = list(range(len(distances)))
    for feature in everything:  # a change of one feature is soon found, and limits the search for nearer ones
        search.through([feature], len(distances[feature]))
    bound = bounded(search) if bounded else search.through(everything, most)
    bound_of_pairs = bound
    if bound < search.distance:
        # too many of all: those of one and two features are searched to their end
        bound_of_pairs = min(
            search.through(pair, MOST_ROWS_OF_PAIRS)
            for pair in combinations(everything, min(2, len(everything)))
        )
    if search.best is None and bounded:  # which leaves out what cannot flip
        search.come_nearer()
    return Found(
        search.best, search.distance, bound, bound_of_pairs, search.tried, search.missed, search.shortfall
    )


def within(
    distances: Sequence[np.ndarray], low: float, high: float, most: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """The combinations farther than `low` and at most as far as `high`, the nearest first, and how far.

    Of two that are equally far, the one with fewer changes comes first. None if more than `most` are not
    farther than `high`.
    """
    total, index = np.zeros(1), np.zeros((1, 0), dtype=np.int64)
    for own in distances:
        counts = np.searchsorted(own, (high - total) * (1 + 1e-12) + 1e-15, side="right")
        if counts.sum() > most:
            return None
        rows = np.repeat(np.arange(len(total)), counts)
        place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        total = total[rows] + own[place]
        index = np.column_stack([index[rows], place])
    kept = (total > low) & (total <= high)
    total, index = total[kept], index[kept]
    order = np.lexsort(((index > 0).sum(axis=1), np.round(total, 12)))
    return index[order], total[order]
