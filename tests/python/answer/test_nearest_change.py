"""The search for the nearest change, against every combination there is."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest

from scorehouse.answer.additive import nearest_of_sums
from scorehouse.answer.search import nearest, within

SEEDS = range(30)


def moves(rng: np.random.Generator, features: int) -> list[np.ndarray]:
    """Distances of the moves of each feature, the own value first."""
    return [np.append(0.0, np.sort(rng.random(rng.integers(1, 9)).round(3) + 1e-3)) for _ in range(features)]


def every(distances: list[np.ndarray]) -> np.ndarray:
    return np.array(list(product(*(range(len(each)) for each in distances))))


def far(distances: list[np.ndarray], places: np.ndarray) -> np.ndarray:
    return np.sum([each[places[:, i]] for i, each in enumerate(distances)], axis=0)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_nearest_combination_is_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    distances = moves(rng, 1 + seed % 4)
    places = every(distances)
    score = rng.random([len(each) for each in distances])
    score[(0,) * len(distances)] = 0
    edge = float(rng.choice([0.5, 0.9, 1.1]))  # beyond 1, nothing flips

    def flips(asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = score[tuple(asked.T)]
        return found >= edge, edge - found

    found = nearest(distances, flips)
    flipped = places[flips(places)[0]]
    if not len(flipped):
        assert found.places is None and found.bound == np.inf
        assert found.missed is not None and score[found.missed] == score.max()
        return
    assert found.places is not None and score[found.places] >= edge
    assert found.distance == pytest.approx(far(distances, flipped).min(), abs=1e-12)
    assert found.bound == found.bound_of_pairs == found.distance


@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_not_tried_has_a_bound_and_pairs_are_exact(seed: int) -> None:
    rng = np.random.default_rng(seed)
    distances = [np.append(0.0, np.sort(rng.random(7))) for _ in range(4)]
    places = every(distances)
    weights = rng.random(4) + 0.5
    edge = 1.2

    def flips(asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = (asked / 7 @ weights) * ((asked > 0).sum(axis=1) != 1)  # one feature alone is never enough
        return found >= edge, edge - found

    found = nearest(distances, flips, most=40)
    flipped = places[flips(places)[0]]
    true = far(distances, flipped).min()
    assert found.bound <= true + 1e-12
    two = flipped[(flipped > 0).sum(axis=1) <= 2]
    if len(two):
        assert found.distance <= far(distances, two).min() + 1e-12
        assert found.bound_of_pairs >= found.distance


@pytest.mark.parametrize("seed", SEEDS)
def test_the_cheapest_cover_of_a_sum_is_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    distances = moves(rng, 1 + seed % 5)
    gains = [np.append(0.0, rng.normal(size=len(each) - 1)) for each in distances]
    if seed % 2:  # as of a linear model, whose moves give what they cost, at a rate of their own
        gains = [each * rng.normal() for each in distances]
    places = every(distances)
    sums = np.sum([gain[places[:, i]] for i, gain in enumerate(gains)], axis=0)
    low, high = -rng.random() * 2, rng.random() * 2

    def of_sums(some: np.ndarray) -> np.ndarray:
        return (some < low) | (some >= high)

    def flips(asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = np.sum([gain[asked[:, i]] for i, gain in enumerate(gains)], axis=0)
        return of_sums(found), np.minimum(found - low, high - found)

    found = nearest_of_sums(distances, gains, 0.0, of_sums, flips)
    assert found is not None
    flipped = of_sums(sums)
    if not flipped.any():
        assert found.places is None
        assert found.shortfall == pytest.approx(min((sums - low).min(), (high - sums).min()))
        return
    assert found.distance == pytest.approx(far(distances, places[flipped]).min(), abs=1e-9)
    assert found.bound == found.distance


def test_shells_of_combinations_are_whole_and_apart() -> None:
    distances = moves(np.random.default_rng(5), 3)
    places = every(distances)
    total, edges, seen = far(distances, places), [0.0, 0.3, 0.31, 0.9, 9.0], 0
    for low, high in pairwise(edges):
        shell = within(distances, low, high, 10**6)
        assert shell is not None
        index, found = shell
        assert (np.diff(np.round(found, 12)) >= 0).all() and ((found > low) & (found <= high)).all()
        assert found == pytest.approx(far(distances, index))
        seen += len(found)
    assert seen == (total > 0).sum()
    assert within(distances, 0.0, 9.0, 3) is None
