"""What each column contributed to a sum of trees: Shapley values by definition, and of the libraries."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.tree import DecisionTreeRegressor

from explained_trees import (
    SMALL,
    attribution,
    goes_left,
    lightgbm_classifier,
    shapley_values,
    small_fit,
    xgboost_classifier,
)
from native_rows import features, target
from scorehouse.program.native import reasons
from scorehouse.program.native.reasons import largest
from scorehouse.program.reasons.reference import reference
from scorehouse.program.trees.tree import LEAF, Tree

COLUMNS = 6


def by_definition(tree: Tree, row: np.ndarray) -> np.ndarray:
    """Shapley values of one tree for one row, of shape (values, columns): every coalition, node by node."""

    def expected(node: int, known: frozenset[int]) -> np.ndarray:
        if tree.left[node] == LEAF:
            return np.asarray(tree.value[node])
        left, right = int(tree.left[node]), int(tree.right[node])
        if int(tree.feature[node]) in known:
            return expected(left if goes_left(tree, node, row) else right, known)
        both = tree.cover[left] * expected(left, known) + tree.cover[right] * expected(right, known)
        return np.asarray(both / tree.cover[node])

    return shapley_values(lambda known: expected(0, known), len(row))


@pytest.mark.parametrize("name", SMALL)
def test_values_are_those_of_the_definition(name: str) -> None:
    rng = np.random.default_rng(3)
    estimator, frame = small_fit(name, rng)
    loops, ensemble, backend = attribution(estimator)
    numbers = backend.numbers(frame)
    chosen = rng.integers(0, len(frame), 6)
    expected = np.zeros((len(chosen), loops.outputs, COLUMNS))
    for tree, group in zip(ensemble.trees, ensemble.groups, strict=True):
        for place, row in enumerate(numbers[chosen]):
            made = by_definition(tree, row)
            expected[place, group : group + len(made)] += made
    few, many = loops.contributions(numbers[chosen]), loops.contributions(np.tile(numbers[chosen], (300, 1)))
    assert few is not None and many is not None
    np.testing.assert_allclose(few, expected, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(many[: len(chosen)], expected, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(
        reference(ensemble, numbers[chosen], loops.outputs), expected, rtol=1e-11, atol=1e-12
    )


def _wide(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    X = np.round(rng.normal(size=(rows, columns)), 2)
    X[rng.random(X.shape) < 0.05] = np.nan
    filled = np.nan_to_num(X)
    z = filled[:, 0] * filled[:, 1] + np.abs(filled[:, 2]) + rng.normal(size=rows)
    return X, np.digitize(z, np.quantile(z, [0.3, 0.6]))


@pytest.mark.slow
def test_values_are_those_of_lightgbm() -> None:
    X, y = _wide(3_000, 12)
    model = lightgbm_classifier(n_estimators=12, num_leaves=60).fit(X, y)
    expected = model.predict(X, pred_contrib=True).reshape(len(X), 3, 13)
    found = attribution(model)[0].contributions(X)
    assert found is not None
    np.testing.assert_allclose(found, expected[:, :, :-1], atol=1e-9)


@pytest.mark.slow
def test_values_are_those_of_xgboost() -> None:
    xgboost = pytest.importorskip("xgboost")
    X, y = _wide(3_000, 12)
    model = xgboost_classifier(n_estimators=12, max_depth=7).fit(X, y)
    expected = model.get_booster().predict(xgboost.DMatrix(X), pred_contribs=True)
    found = attribution(model)[0].contributions(X)
    assert found is not None
    np.testing.assert_allclose(found, expected[:, :, :-1], atol=1e-5)


def test_deep_trees_and_every_way_to_compute_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves below more columns than a table may have bits; tables that are not kept; plain loops."""
    X, y = _wide(800, 30)
    model = HistGradientBoostingRegressor(max_iter=3, max_leaf_nodes=200, min_samples_leaf=1).fit(X, y)
    loops, ensemble, _ = attribution(model)
    assert max(tree.depth for tree in ensemble.trees) > reasons.LEAF_BITS
    found = loops.contributions(X)
    np.testing.assert_array_equal(found, loops.contributions(X, plain=True))
    monkeypatch.setattr(reasons, "TABLE_BYTES", 0)
    np.testing.assert_array_equal(found, replace(loops).contributions(X))
    monkeypatch.setattr(reasons, "LEAVES_AT_ONCE", 250)
    one_by_one = replace(loops).contributions(X[:100])
    assert found is not None
    np.testing.assert_allclose(found[:100], one_by_one, atol=1e-11)
    np.testing.assert_allclose(found[:5], reference(ensemble, X[:5], 1), atol=1e-11)


def test_a_tree_of_hundreds_of_levels_keeps_its_sums() -> None:
    """Sparse columns make chains, where shares of shares become as small as they can (shap, issue 4042)."""
    rng = np.random.default_rng(0)
    X = np.zeros((2_000, 180))
    X[np.arange(len(X)), rng.integers(0, X.shape[1], len(X))] = 1.0
    y = X @ np.exp(rng.normal(size=X.shape[1])) + rng.normal(scale=0.01, size=len(X))
    model = DecisionTreeRegressor(random_state=0, min_samples_leaf=2).fit(X, y)
    assert model.get_depth() > 166
    loops = attribution(model)[0]
    found = loops.contributions(X[:200])
    assert found is not None
    np.testing.assert_allclose(found[:, 0].sum(axis=1) + y.mean(), model.predict(X[:200]), atol=1e-12)


def test_values_of_columns_are_summed_up_to_their_owners() -> None:
    X, y = _wide(800, 6)
    model = RandomForestClassifier(5, max_depth=6, random_state=0).fit(X, y)
    loops = attribution(model)[0]
    owners = np.array([0, 0, 1, 2, 1, 2])
    found = loops.contributions(X)
    last_two = replace(loops, owners=owners, features=3, explained=np.array([-1, 1, 0])).contributions(X)
    assert found is not None and last_two is not None
    expected = np.stack([found[:, :, owners == owner].sum(axis=2) for owner in range(3)], axis=2)
    np.testing.assert_allclose(last_two, expected[:, [2, 1]], atol=1e-12)


def test_a_refused_value_is_told_and_bounds_are_checked() -> None:
    X, y = _wide(200, 6)
    loops = attribution(GradientBoostingClassifier(n_estimators=2).fit(np.nan_to_num(X), y))[0]
    assert loops.contributions(X) is None
    with pytest.raises(TypeError, match="expected 6 columns"):
        loops.contributions(np.zeros((3, 5)))
    with pytest.raises(TypeError, match="no feature owns"):
        replace(loops, features=2).contributions(np.zeros((3, 6)))


def test_the_largest_come_first_and_the_rest_is_the_sum_of_the_others() -> None:
    values = np.array([[0.5, -2.0, 0.0, 1.0], [0.0, 0.0, 0.0, -3.0], [1.0, -1.0, 1.0, -1.0]])
    places, found, rest = largest(values, 2)
    np.testing.assert_array_equal(places.T, [[1, 3], [3, -1], [0, 1]])
    np.testing.assert_array_equal(found.T, [[-2.0, 1.0], [-3.0, 0.0], [1.0, -1.0]])
    np.testing.assert_array_equal(rest, [0.5, 0.0, 0.0])


@pytest.mark.parametrize(
    "several",
    [
        MultiOutputRegressor(HistGradientBoostingRegressor(max_iter=3)),
        MultiOutputClassifier(HistGradientBoostingClassifier(max_iter=3)),
        MultiOutputClassifier(RandomForestClassifier(3, max_depth=4, random_state=0)),
    ],
    ids=["numbers", "labels", "forests"],
)
def test_each_of_several_outputs_has_the_values_of_its_own_estimator(several: Any) -> None:
    rng = np.random.default_rng(3)
    frame = features(rng, missing=False)
    z = target(frame, rng)
    wanted = np.column_stack([z, -z * frame["visits"]])
    is_label = isinstance(several, MultiOutputClassifier)
    several.fit(frame, (wanted > np.median(wanted, axis=0)).astype(int) if is_label else wanted)
    loops, _, backend = attribution(several)
    numbers = backend.numbers(frame.iloc[:40])
    found = loops.contributions(numbers)
    own = [attribution(one)[0].contributions(numbers) for one in several.estimators_]
    assert found is not None and all(one is not None for one in own)
    np.testing.assert_array_equal(found, np.concatenate(own, axis=1))
    assert np.abs(found).max() > 0.0


def test_a_forest_of_several_outputs_has_the_values_of_the_definition() -> None:
    rng = np.random.default_rng(3)
    frame = features(rng, missing=False)
    z = target(frame, rng)
    for forest, wanted in (
        (ExtraTreesRegressor(2, max_depth=4, random_state=0), np.column_stack([z, z**2])),
        (RandomForestClassifier(2, max_depth=4, random_state=0), np.column_stack([z > 0, z > np.median(z)])),
    ):
        loops, ensemble, backend = attribution(forest.fit(frame, wanted))
        numbers = backend.numbers(frame.iloc[:5])
        found = loops.contributions(numbers)
        for row, values in zip(numbers, found, strict=True):
            slow = np.sum([by_definition(tree, row) for tree in ensemble.trees], axis=0)
            np.testing.assert_allclose(values, slow, atol=1e-12)
