"""The limits of sums of trees over boxes of moves, against the sums of every combination in a box."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from native_backend import NativeBackend
from scorehouse.answer.boxes import Leaves, RowLimits
from scorehouse.program.native.stored import sums_of

MOVES = (4, 1, 5, 3)
"""Places of each feature; the second may not change, and no tree reads the last one."""


@pytest.mark.parametrize("is_boosted", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_no_sum_is_outside_the_limits_and_those_of_one_combination_are_its_sums(
    seed: int, is_boosted: bool
) -> None:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(400, 4))
    X[:, 3] = 0
    y = (X[:, 0] > 0) ^ (X[:, 2] * X[:, 1] > 0.3) if seed % 2 else X[:, 0] + (X[:, 2] > 0) > 0.4
    estimator = (
        HistGradientBoostingClassifier(max_iter=12, max_leaf_nodes=5, random_state=0)
        if is_boosted
        else RandomForestClassifier(8, max_depth=3, random_state=0)
    ).fit(X, y)
    model = NativeBackend(estimator).model
    values = [np.append(X[seed, i], rng.normal(size=MOVES[i] - 1)) for i in range(4)]
    numbers = [np.repeat(X[seed][:, None], MOVES[i], axis=1) for i in range(4)]
    for i, own in enumerate(values):
        numbers[i][i] = own
    leaves = Leaves.of(model)
    assert leaves is not None
    limits = RowLimits(leaves, numbers, [[0], [1], [2], []])
    places = np.array(list(product(*map(range, MOVES))))
    rows = np.column_stack([own[places[:, i]] for i, own in enumerate(values)])
    sums = sums_of(model, rows)
    low, high = limits(places, places)
    assert (low <= sums).all() and (sums <= high).all()
    assert (high - low <= 1e-8 * (1 + np.abs(sums))).all()
    for _ in range(40):
        ends = np.sort([[rng.integers(0, count, 2)] for count in MOVES], axis=2)[:, 0]
        first, last = ends[:, 0], ends[:, 1]
        inside = ((first <= places) & (places <= last)).all(axis=1)
        low, high = limits(first[None], last[None])
        assert (low[0] <= sums[inside].min(axis=0)).all() and (sums[inside].max(axis=0) <= high[0]).all()
