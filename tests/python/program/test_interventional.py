"""Interventional Shapley values of trees: by definition, for any background, in every way to compute them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier

from explained_trees import (
    SMALL,
    attribution,
    lightgbm_classifier,
    shapley_values,
    small_fit,
    value_of,
)
from scorehouse.program.native import reasons
from scorehouse.program.native.reasons import MOST_BACKGROUND, orders
from scorehouse.program.reasons.reference import reference
from scorehouse.program.trees.tree import Tree


def by_definition(tree: Tree, row: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Values of one tree, of shape (values, columns): every coalition, the others as in the background."""

    def expected(known: frozenset[int]) -> np.ndarray:
        mixed = background.copy()
        mixed[:, list(known)] = row[list(known)]
        return np.mean([value_of(tree, each) for each in mixed], axis=0)

    return shapley_values(expected, len(row))


@pytest.mark.parametrize("name", SMALL)
def test_values_are_those_of_the_definition(name: str) -> None:
    rng = np.random.default_rng(4)
    estimator, frame = small_fit(name, rng)
    loops, ensemble, backend = attribution(estimator)
    numbers = backend.numbers(frame)
    chosen, background = numbers[rng.integers(0, len(frame), 3)], numbers[rng.integers(0, len(frame), 7)]
    expected = np.zeros((len(chosen), loops.outputs, numbers.shape[1]))
    for tree, group in zip(ensemble.trees, ensemble.groups, strict=True):
        for place, row in enumerate(chosen):
            made = by_definition(tree, row, background)
            expected[place, group : group + len(made)] += made
    against = replace(loops, background=background)
    few, many = against.contributions(chosen), against.contributions(np.tile(chosen, (300, 1)))
    assert few is not None and many is not None and np.abs(few).max() > 0.0
    np.testing.assert_allclose(few, expected, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(many[: len(chosen)], expected, rtol=1e-11, atol=1e-12)
    slow = reference(ensemble, chosen, loops.outputs, background)
    np.testing.assert_allclose(slow, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.slow
def test_a_background_of_any_size_is_the_mean_over_its_rows() -> None:
    """Rows of the background are bits of words, the last of which may be full or not."""
    rng = np.random.default_rng(0)
    X = np.round(rng.normal(size=(MOST_BACKGROUND, 8)), 1)
    X[rng.random(X.shape) < 0.05] = np.nan
    z = np.nan_to_num(X[:, 0] * X[:, 1]) + np.abs(np.nan_to_num(X[:, 2])) + rng.normal(size=len(X))
    model = lightgbm_classifier(n_estimators=2, num_leaves=25).fit(X, z > np.median(z))
    loops, raw = attribution(model)[0], model.predict(X, raw_score=True)
    each = np.array([replace(loops, background=row[None]).contributions(X[:20]) for row in X])
    for size in (1, 63, 64, 65, MOST_BACKGROUND):
        found = replace(loops, background=X[:size]).contributions(X[:20])
        assert found is not None
        np.testing.assert_allclose(found, each[:size].mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(raw[:size].mean() + found.sum(axis=(1, 2)), raw[:20], atol=1e-12)


@pytest.mark.slow
def test_deep_trees_and_every_way_to_compute_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves below more columns than a table may have bits; tables that are not kept; plain loops; parts."""
    rng = np.random.default_rng(5)
    X = np.round(rng.normal(size=(800, 30)), 2)
    X[rng.random(X.shape) < 0.05] = np.nan
    y = np.nan_to_num(X[:, 0]) * np.nan_to_num(X[:, 1]) + rng.normal(size=len(X))
    model = HistGradientBoostingRegressor(max_iter=3, max_leaf_nodes=200, min_samples_leaf=1).fit(X, y)
    loops, ensemble, _ = attribution(model)
    against = replace(loops, background=X[-70:])
    assert max(tree.depth for tree in ensemble.trees) > reasons.LEAF_BITS
    found = against.contributions(X)
    np.testing.assert_array_equal(found, against.contributions(X, plain=True))
    monkeypatch.setattr(reasons, "TABLE_BYTES", 0)
    np.testing.assert_array_equal(found, replace(against).contributions(X))
    monkeypatch.setattr(reasons, "LARGE_TABLES", 0)
    np.testing.assert_allclose(found, replace(against).contributions(X), atol=1e-12)
    monkeypatch.setattr(reasons, "LEAVES_AT_ONCE", 250)
    one_by_one = replace(against).contributions(X[:100])
    assert found is not None
    np.testing.assert_allclose(found[:100], one_by_one, atol=1e-11)
    np.testing.assert_allclose(found[:2], reference(ensemble, X[:2], 1, X[-70:]), atol=1e-11)
    refused = replace(loops, background=np.zeros((MOST_BACKGROUND + 1, 30)))
    with pytest.raises(TypeError, match="1025 background rows"):
        refused.contributions(X)


def test_owners_and_chosen_outputs_are_as_without_a_background() -> None:
    rng = np.random.default_rng(6)
    X = rng.normal(size=(400, 6))
    y = np.digitize(X[:, 0] * X[:, 1] + X[:, 2], [-0.5, 0.5])
    loops = attribution(RandomForestClassifier(5, max_depth=6, random_state=0).fit(X, y))[0]
    against = replace(loops, background=X[:90])
    owners = np.array([0, 0, 1, 2, 1, 2])
    found = against.contributions(X)
    chosen = replace(against, owners=owners, features=3, explained=np.array([-1, 1, 0])).contributions(X)
    assert found is not None and chosen is not None
    expected = np.stack([found[:, :, owners == owner].sum(axis=2) for owner in range(3)], axis=2)
    np.testing.assert_allclose(chosen, expected[:, [2, 1]], atol=1e-12)


def test_the_shares_of_orders_are_those_of_factorials() -> None:
    made = orders(12)
    for a in range(1, 13):
        for b in range(13):
            exact = math.factorial(a - 1) * math.factorial(b) / math.factorial(a + b)
            assert made[a, b] == pytest.approx(exact, rel=1e-14)
    assert not made[0].any()
