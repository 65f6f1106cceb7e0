"""The nearest change where each feature adds to one sum by itself, as in a linear model.

The sum has to grow, or fall, by what another decision takes: to cover it at the smallest distance is a
knapsack. Its relaxation, in which the last step may be divided, is solved by taking features in the order of
what they give per distance; so each branch has a bound. Of the last two features, the best pair is looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from scorehouse.answer.search import Flips, Found

MOST_NODES = 5_000  # branches
LOOKED_AT = 257  # sums at which a first flip is looked for, before it is found by halving
NEAR = 1e-9  # of the sum, within which rounding decides
FlipsOfSums = Callable[[np.ndarray], np.ndarray]


class _Cover:
    """The nearest combination of one place per feature whose `gains` cover a need."""

    def __init__(self, distances: Sequence[np.ndarray], gains: Sequence[np.ndarray], features: Sequence[int]):
        self.kept = {}
        for feature in features:
            before = np.append(-np.inf, np.maximum.accumulate(gains[feature])[:-1])
            self.kept[feature] = np.flatnonzero(
                gains[feature] > before
            )  # farther ones that give less are left out
        rate = {}
        for feature, kept in self.kept.items():
            far, gain = distances[feature][kept[1:]], gains[feature][kept[1:]]
            rate[feature] = float((gain / far).max()) if len(far) else 0.0
        self.order = sorted((one for one in features if rate[one] > 0), key=lambda one: -rate[one])
        self.rates = [rate[one] for one in self.order]
        self.far = [distances[one][self.kept[one]] for one in self.order]
        self.gain = [gains[one][self.kept[one]] for one in self.order]
        self.best, self.distance, self.open, self.nodes = list[int](), np.inf, np.inf, 0

    def relaxed(self, first: int, need: np.ndarray) -> np.ndarray:
        """A distance that covering `need` by the features from the one at `first` on takes at least."""
        left, far = np.maximum(need, 0.0), np.zeros(len(need))
        for rate, gain in zip(self.rates[first:], self.gain[first:], strict=True):
            taken = np.minimum(left, gain[-1])
            far, left = far + taken / rate, left - taken
        return np.where(left > NEAR * np.maximum(1.0, np.abs(need)), np.inf, far)

    def solve(self, need: float, spent: float = 0.0, chosen: tuple[int, ...] = ()) -> None:
        """Branch over the features in their order; `chosen` has the places of the first ones."""
        first = len(chosen)
        left = len(self.order) - first
        if left == 0:
            if need <= 0 and spent < self.distance:
                self.best, self.distance = list(chosen), spent
        elif left <= 2:
            far, rest = self.far[first], need - self.gain[first]
            place = np.searchsorted(self.gain[-1], rest) if left == 2 else np.zeros(len(rest), dtype=np.int64)
            far = (
                far + np.append(self.far[-1], np.inf)[place]
                if left == 2
                else np.where(rest <= 0, far, np.inf)
            )
            nearest = int(np.argmin(far))
            if spent + far[nearest] < self.distance:
                self.distance = spent + float(far[nearest])
                self.best = [*chosen, nearest, *([int(place[nearest])] if left == 2 else [])]
        else:
            bounds = spent + self.far[first] + self.relaxed(first + 1, need - self.gain[first])
            for place in np.argsort(bounds, kind="stable").tolist():
                if not bounds[place] < self.distance:
                    break
                self.nodes += 1
                if self.nodes > MOST_NODES:
                    self.open = min(self.open, float(bounds[place]))
                    break
                own = float(self.gain[first][place]), float(self.far[first][place])
                self.solve(need - own[0], spent + own[1], (*chosen, place))

    def places(self, count: int) -> tuple[int, ...]:
        """The best place of each of all features."""
        found = [0] * count
        for feature, place in zip(self.order, self.best, strict=False):
            found[feature] = int(self.kept[feature][place])
        return tuple(found)


def nearest_of_sums(
    distances: Sequence[np.ndarray],
    gains: Sequence[np.ndarray],
    own: float,
    flips_of_sums: FlipsOfSums,
    flips: Flips,
) -> Found | None:
    """The nearest combination of moves, of which each adds its own of `gains` to the sum `own`.

    `flips_of_sums` says which sums lead to another decision, `flips` what rows do, by which every result is
    confirmed. None if rows say something else than their sums: then only a search by rows can tell.
    """
    found: list[Found] = []
    count, everything = len(distances), range(len(distances))
    for sign in (1.0, -1.0):
        signed = [sign * gain for gain in gains]
        most = sum(float(gain.max()) for gain in signed)
        need = _first(flips_of_sums, own, sign, most)
        if need is None:
            cheapest = tuple(int(np.argmax(gain)) for gain in signed)
            _, shortfall = flips(np.array([cheapest]))
            found.append(Found(None, np.inf, np.inf, np.inf, 1, cheapest, float(shortfall[0])))
            continue
        bound = np.inf
        for slack in (-NEAR, NEAR):
            cover = best = _solved(distances, signed, everything, need + slack * max(1.0, abs(own)))
            bound = min(bound, cover.open, cover.distance)
            if cover.open < cover.distance:  # too many branches: pairs are searched to their end
                pairs = (_solved(distances, signed, two, need) for two in combinations(everything, 2))
                best = min((cover, *pairs), key=lambda one: one.distance)
            places = best.places(count)
            if best.distance < np.inf and flips(np.array([places]))[0][0]:
                found.append(Found(places, best.distance, bound, best.distance, cover.nodes + 1))
                break
        else:
            return None
    best_found = min(found, key=lambda one: (one.distance, one.shortfall))
    return replace(best_found, bound=min(one.bound for one in found), by_sums=True)


def _solved(
    distances: Sequence[np.ndarray], gains: Sequence[np.ndarray], features: Sequence[int], need: float
) -> _Cover:
    cover = _Cover(distances, gains, features)
    cover.solve(need)
    return cover


def _first(flips: FlipsOfSums, own: float, sign: float, most: float) -> float | None:
    """The smallest number, up to `most`, that flips `own` if it is added to it, or taken from it."""
    tried = np.linspace(0.0, most, LOOKED_AT)
    places = np.flatnonzero(flips(own + sign * tried))
    if not len(places):
        return None
    low, high = float(tried[places[0] - 1]) if places[0] else 0.0, float(tried[places[0]])
    while low < (middle := (low + high) / 2) < high:
        low, high = (low, middle) if flips(np.array([own + sign * middle]))[0] else (middle, high)
    return high
